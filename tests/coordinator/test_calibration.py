"""Calibration data: samples from files, and the ranges of watched outputs."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.options import Options
from hwacc.config import TINY
from hwacc.coordinator.calibration import load_samples, observed_ranges
from hwacc.errors import InputError
from hwacc.program import Buffer, Program

INPUTS = [Buffer("x", "input", "float32", (2, 3)), Buffer("mask", "input", "int64", (3,))]
X, MASK = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 0, 1])


def saved(folder: Path, **arrays: NDArray[Any]) -> Path:
    path = folder / "data.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_arrays_with_a_dimension_in_front_are_samples(tmp_path: Path) -> None:
    samples = load_samples(saved(tmp_path, mask=np.stack([MASK, 1 - MASK]), x=np.stack([X, -X])), INPUTS)
    assert len(samples) == 2
    np.testing.assert_array_equal(samples[1][0], -X)
    np.testing.assert_array_equal(samples[1][1], 1 - MASK)


def test_arrays_of_the_inputs_shapes_are_one_sample(tmp_path: Path) -> None:
    ((x, mask),) = load_samples(saved(tmp_path, x=X, mask=MASK), INPUTS)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(mask, MASK)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X}, "has no array 'mask'; wanted is one, int64 of shape (3,), or with a dimension in front that counts samples"),
        (
            {"x": X, "mask": MASK, "y": X},
            "the model has no input 'y'; its inputs: x float32 (2, 3), mask int64 (3,)",
        ),
        (
            {"x": X.astype(np.float64), "mask": MASK},
            "x must be float32 of shape (2, 3), or with a dimension in front that counts samples; it is float64 of shape (2, 3)",
        ),
        (
            {"x": X.T.copy(), "mask": MASK},
            "x must be float32 of shape (2, 3), or with a dimension in front that counts samples; it is float32 of shape (3, 2)",
        ),
        ({"x": np.stack([X, X]), "mask": MASK}, "its arrays have different numbers of samples: x 2, mask 1"),
        ({"x": X[None][:0], "mask": MASK[None][:0]}, "holds no samples"),
        (
            {"x": np.stack([X, np.where(X > 3, np.inf, X).astype(np.float32)]), "mask": np.stack([MASK, MASK])},
            "x holds infinities or NaN in sample 1; nothing can be calibrated on that",
        ),
    ],
)
def test_what_is_wrong_with_the_data_is_one_line(arrays: dict[str, NDArray[Any]], message: str, tmp_path: Path) -> None:
    path = saved(tmp_path, **arrays)
    with pytest.raises(InputError) as caught:
        load_samples(path, INPUTS)
    assert str(caught.value) == f"{path}: {message}"


def test_a_file_that_is_no_archive_of_arrays_is_named(tmp_path: Path) -> None:
    whole = saved(tmp_path, x=X, mask=MASK).read_bytes()
    for content in (b"", b"text", whole[:40], whole[:-30]):
        path = tmp_path / "bad.npz"
        path.write_bytes(content)
        with pytest.raises(InputError, match=re.escape(f"{path}: not a .npz file of arrays, or cut short (")):
            load_samples(path, INPUTS)
    with zipfile.ZipFile(tmp_path / "other.npz", "w") as archive:
        archive.writestr("x.npy", "text")
    with pytest.raises(InputError, match=re.escape("other.npz: 'x' is no array; save them with numpy.savez(FILE, NAME=ARRAY, ...)")):
        load_samples(tmp_path / "other.npz", INPUTS)
    with pytest.raises(InputError, match=re.escape("missing.npz: No such file or directory")):
        load_samples(tmp_path / "missing.npz", INPUTS)
    np.save(tmp_path / "one.npy", X)
    unnamed = "one.npy: holds one array without a name; save them with numpy.savez(FILE, NAME=ARRAY, ...)"
    with pytest.raises(InputError, match=re.escape(unnamed)):
        load_samples(tmp_path / "one.npy", INPUTS)


WATCHED = """
func.func @main(%x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) attributes {hwacc.outputs = ["y", "watched:root"]} {
  %e = tensor.empty() : tensor<3xf32>
  %y = linalg.negf ins(%x : tensor<3xf32>) outs(%e : tensor<3xf32>) -> tensor<3xf32>
  %z = linalg.sqrt ins(%x : tensor<3xf32>) outs(%e : tensor<3xf32>) -> tensor<3xf32>
  return %y, %z : tensor<3xf32>, tensor<3xf32>
}
"""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """``y = -x`` and, watched, the square root."""
    path = tmp_path_factory.mktemp("watched") / "watched.mlir"
    path.write_text(WATCHED)
    return Compilation(path, TINY, Options(backends=("cpu",))).program


def test_ranges_cover_all_samples_of_what_is_watched(watched: Program) -> None:
    samples = [[np.array(values, np.float32)] for values in ([1, 4, 9], [16, 4, 4], [2.25, 4, 4])]
    assert observed_ranges(watched, "watched:", samples) == {"root": (1.0, 4.0)}


def test_a_sample_that_makes_a_value_not_finite_is_named(watched: Program) -> None:
    samples = [[np.array(values, np.float32)] for values in ([1, 4, 9], [1, -1, 4])]
    with pytest.raises(InputError) as caught:
        observed_ranges(watched, "watched:", samples)
    expected = "calibration sample 1 makes root infinite or NaN; leave the sample out, or the layer in float with --keep-float"
    assert str(caught.value) == expected
