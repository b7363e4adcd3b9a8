"""Inputs from files and from random numbers."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hwacc.coordinator.inputs import load_input, random_inputs
from hwacc.errors import InputError, MissingToolError
from hwacc.program import Buffer

COLOUR = Buffer("image", "input", "int8", (1, 2, 4, 3))
GREY = Buffer("image", "input", "float32", (1, 2, 4, 1))
FEATURES = Buffer("features", "input", "int8", (1, 6))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """4×8 pixels: twice the model's size, each block of 2×2 with mean (10·row, 20·column, 255)."""
    pixels = np.zeros((4, 8, 3), np.uint8)
    for row in range(4):
        for column in range(8):
            pixels[row, column] = 10 * (row // 2) + row % 2 * 2, 20 * (column // 2) + column % 2 * 4, 255
    path = tmp_path / "picture.png"
    Image.fromarray(pixels).save(path)
    return path


def test_a_picture_is_averaged_and_shifted_for_an_int8_model(picture: Path) -> None:
    found = load_input(picture, COLOUR)
    assert found.dtype == np.int8 and found.shape == COLOUR.shape
    assert found[0, 1, 3].tolist() == [10 + 1 - 128, 60 + 2 - 128, 127]
    assert found[0, 0, 3].tolist() == [0 + 1 - 128, 60 + 2 - 128, 127]


def test_a_picture_is_made_grey_for_a_model_with_one_channel(picture: Path) -> None:
    found = load_input(picture, GREY)
    assert found.dtype == np.float32 and found.shape == GREY.shape
    # ITU-R 601 luma, as pillow has it
    assert abs(found[0, 1, 2, 0] - (0.299 * 11 + 0.587 * 42 + 0.114 * 255)) <= 1.5


def test_a_jpeg_is_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "grey.JPG"
    Image.new("L", (9, 5), 77).save(path, format="jpeg")
    assert (load_input(path, COLOUR) == 77 - 128).all()


def test_an_array_is_taken_as_it_is(tmp_path: Path) -> None:
    array = np.array([[1, -2, 3, -4, 5, -6]], np.int8)
    np.save(tmp_path / "x.npy", array)
    np.testing.assert_array_equal(load_input(tmp_path / "x.npy", FEATURES), array)


@pytest.mark.parametrize(
    ("name", "content", "buffer", "message"),
    [
        ("x.npy", None, FEATURES, r"x.npy: No such file or directory"),
        ("x.png", None, COLOUR, r"x.png: No such file or directory"),
        ("x.npy", b"nonsense", FEATURES, r"x.npy: not a .npy array \(.*\); save one with numpy.save"),
        ("x.npy", b"", FEATURES, r"x.npy: not a .npy array \(.*\); save one with numpy.save"),
        ("x.png", b"nonsense", COLOUR, r"x.png: not a picture, or damaged"),
        ("x.txt", b"1 2 3", FEATURES, r"x.txt: inputs are .npy, .png, .jpg, .jpeg files, not '.txt'"),
        ("x", b"1 2 3", FEATURES, r"x: inputs are .npy, .png, .jpg, .jpeg files, not 'without a suffix'"),
    ],
)
def test_a_file_that_is_no_input_is_refused(tmp_path: Path, name: str, content: bytes | None, buffer: Buffer, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_input(path, buffer)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((6, 1), np.int8), r"features must be int8 of shape \(1, 6\), not int8 of shape \(6, 1\)"),
        (np.zeros((1, 6), np.int16), r"features must be int8 of shape \(1, 6\), not int16 of shape \(1, 6\)"),
        (np.array([None]), "not a .npy array"),
    ],
)
def test_an_array_that_does_not_fit_says_what_is_wanted(tmp_path: Path, array: np.ndarray, message: str) -> None:  # type: ignore[type-arg]
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(InputError, match=message):
        load_input(tmp_path / "x.npy", FEATURES)


def test_several_arrays_in_one_file_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "x.npy").open("wb") as file:
        np.savez(file, a=np.zeros(3), b=np.zeros(4))
    with pytest.raises(InputError, match=r"x\.npy: holds several arrays; features must be int8"):
        load_input(tmp_path / "x.npy", FEATURES)


def test_a_damaged_picture_is_refused(picture: Path) -> None:
    picture.write_bytes(picture.read_bytes()[:60])
    with pytest.raises(InputError, match="not a picture, or damaged"):
        load_input(picture, COLOUR)


def test_a_missing_picture_reader_names_the_extra(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingToolError, match=r"reading pictures needs pillow: pip install 'hwacc\[image\]'"):
        load_input(picture, COLOUR)


def test_a_picture_for_a_model_that_takes_none_is_refused(picture: Path) -> None:
    with pytest.raises(InputError, match=r"the model's input features is int8 of shape \(1, 6\), not a picture; give a .npy file"):
        load_input(picture, FEATURES)


def test_random_inputs_repeat_with_their_seed_and_differ_from_one_another() -> None:
    first, second = random_inputs([FEATURES, GREY], 2, seed=5)
    again = random_inputs([FEATURES, GREY], 2, seed=5)
    assert all((a == b).all() for a, b in zip(first + second, again[0] + again[1]))
    assert (first[1] != second[1]).any() and (random_inputs([GREY], 1, seed=6)[0][0] != first[1]).any()


def test_random_inputs_cover_the_range_of_their_type() -> None:
    wide = Buffer("wide", "input", "int8", (1, 20_000))
    array = random_inputs([wide], 1, seed=1)[0][0]
    assert array.dtype == np.int8 and (array.min(), array.max()) == (-128, 127)


@pytest.mark.parametrize(("channels", "low", "high"), [(3, 0, 255), (1, -128, 127)])
def test_random_floats_are_pixels_for_pictures_and_signed_else(channels: int, low: int, high: int) -> None:
    array = random_inputs([Buffer("x", "input", "float32", (1, 50, 60, channels))], 1, seed=2)[0][0]
    assert array.dtype == np.float32
    assert low <= array.min() < low + 2 and high - 2 < array.max() <= high
