"""``hwacc bench networks``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hwacc.commands.network_bench import bound
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import TINY, ArrayConfig
from hwacc.limits import limit_cycles
from tests.cli.command import complaint, hwacc

SMALL = ("--rows", 4, "--cols", 4, "--spm-bytes", 16384, "--acc-bytes", 4096, "--channels", 64)
TWO_LAYERS = """
func.func @main(%a: tensor<9x20xi8>, %b: tensor<20x7xi8>, %c: tensor<20x7xi8>, %d: tensor<9x7xf32>) -> (tensor<9x7xi32>, tensor<9x7xf32>) {
  %zero = arith.constant dense<0> : tensor<9x7xi32>
  %one = linalg.matmul ins(%a, %b : tensor<9x20xi8>, tensor<20x7xi8>) outs(%zero : tensor<9x7xi32>) -> tensor<9x7xi32>
  %two = linalg.matmul ins(%a, %c : tensor<9x20xi8>, tensor<20x7xi8>) outs(%one : tensor<9x7xi32>) -> tensor<9x7xi32>
  %empty = tensor.empty() : tensor<9x7xf32>
  %other = linalg.exp ins(%d : tensor<9x7xf32>) outs(%empty : tensor<9x7xf32>) -> tensor<9x7xf32>
  return %two, %other : tensor<9x7xi32>, tensor<9x7xf32>
}
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "two.mlir"
    path.write_text(TWO_LAYERS)
    return path


def test_tasks_stand_beside_their_bounds_and_tasks_in_a_row_are_one_submission(model: Path) -> None:
    answer = json.loads(hwacc("bench", "networks", str(model), *SMALL, "--json").stdout)
    (row,) = answer["results"]
    limit = limit_cycles(9, 20, 7, 4, TINY)
    assert [task["shape"] for task in row["tasks"]] == ["9x20x7", "9x20x7"]
    assert [task["limit_cycles"] for task in row["tasks"]] == [limit, limit]
    assert (row["submissions"], row["mismatches"], row["limit_cycles"]) == (1, 0, 2 * limit)
    assert row["host"] == {"other": 1}
    assert 2 * limit < row["cycles"] < sum(task["cycles"] for task in row["tasks"])
    shown = hwacc("bench", "networks", str(model), *SMALL).stdout
    assert f"two: {row['cycles']:,} cycles in 1 submissions" in shown and "1 other" in shown


def test_a_model_that_does_not_compile_is_one_line(tmp_path: Path) -> None:
    assert "no such file" in complaint("bench", "networks", tmp_path / "missing.mlir")


def test_the_bound_of_a_convolution_counts_each_byte_of_its_picture_once_and_none_that_strides_leave_out() -> None:
    narrow = ArrayConfig(bus_bytes=4)  # reading is what takes longest
    wide = ContractionSpec(height=20, width=20, channels=3, kernel_h=3, kernel_w=3, out_channels=1, output="int32")
    tail = 2 * 16 - 2 + 4 * 4  # across the array, and the last tile's results
    assert bound(wide, narrow) <= limit_cycles(wide.m, wide.k, wide.n, 4, narrow)
    strided = ContractionSpec(height=20, width=20, channels=256, stride=(2, 2), out_channels=1, output="int8")
    reads = (strided.m * strided.k + strided.k) // 4
    assert reads <= bound(strided, narrow) <= reads + tail
