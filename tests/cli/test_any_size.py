"""``hwacc`` with models whose sizes are those of their inputs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command import complaint, hwacc
from tests.compiler.models_of_any_size import PRODUCT

ARRAY = ("--rows", 4, "--cols", 4)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "product.mlir"
    path.write_text(PRODUCT)
    return path


def array(path: Path, *shape: int) -> Path:
    """A file with random int8 numbers."""
    np.save(path, np.random.default_rng(sum(shape)).integers(-128, 128, shape, dtype=np.int8))
    return path


@pytest.mark.parametrize("shape", [(5, 9, 3), (20, 30, 17)])
def test_one_program_runs_with_inputs_of_any_size(model: Path, tmp_path: Path, shape: tuple[int, int, int]) -> None:
    m, k, n = shape
    program = tmp_path / "product.hwx"
    assert hwacc("compile", model, *ARRAY, "-o", program).code == 0
    a, b = array(tmp_path / "a.npy", m, k), array(tmp_path / "b.npy", k, n)
    answer = json.loads(hwacc("run", program, "--input", a, "--input", b, "--device", "model", "--json").stdout)
    np.testing.assert_array_equal(answer["outputs"][0][0], np.load(a).astype(int) @ np.load(b).astype(int))
    assert answer["tasks"][0]["shape"] == f"{m}x{k}x{n}" and answer["totals"]["macs_by_backend"] == {"hwacc": m * k * n}


def test_sizes_that_do_not_match_are_named(model: Path, tmp_path: Path) -> None:
    a, b = array(tmp_path / "a.npy", 4, 5), array(tmp_path / "b.npy", 6, 7)
    words = "dimension 0 of input input_1 must be 5, as dimension 1 of input_0 is, not 6"
    assert complaint("run", model, "--input", a, "--input", b, "--device", "model") == words
    flat = array(tmp_path / "flat.npy", 30)
    words = f"{flat}: input_1 must be int8 of shape ?x?, not int8 of shape (30,)"
    assert complaint("run", model, "--input", a, "--input", flat, "--device", "model") == words


def test_random_inputs_need_a_size(model: Path) -> None:
    words = "input input_0 (?x?) has no size of its own; give .npy files, whose sizes count"
    assert complaint("run", model, "--random", 1, "--device", "model") == words


def test_object_files_need_sizes(model: Path, tmp_path: Path) -> None:
    words = "no object file: the size of input_0 (?x?) is not known; fix it in the model"
    assert complaint("compile", model, "--emit", "object", "-o", tmp_path / "x.o") == words


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("linalg", "linalg.matmul ins(%arg0, %arg1 : tensor<?x?xi8>, tensor<?x?xi8>)"),
        ("tasks", 'hwacc.shape = "?x?x?"'),
        ("stream", "; written when its sizes are known, by host code: see the stage llvm"),
        ("llvm", "llvm.func @write_stream(%arg0: !llvm.ptr, %arg1: !llvm.ptr)"),
        ("program", "buffer 0 input_0: input int8 ?x?, size unknown"),
    ],
)
def test_every_stage_can_be_shown(model: Path, stage: str, words: str) -> None:
    assert words in hwacc("compile", model, *ARRAY, "--emit", stage).stdout


def test_a_program_is_listed_without_its_sizes(model: Path, tmp_path: Path) -> None:
    program = tmp_path / "product.hwx"
    hwacc("compile", model, *ARRAY, "-o", program)
    assert re.search(r"; hwacc write_stream: \d+ bytes of code, buffers 0 1 2", hwacc("disasm", program).stdout)
