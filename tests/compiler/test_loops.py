"""Contractions in loops and branches: they run on the CPU, which the program says, and give the right numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.opt import optimise
from hwacc.compiler.options import Options
from hwacc.compiler.quantisation import Quantisation
from hwacc.config import TINY
from hwacc.errors import ModelError
from tests.compiler.floats import compiled, outputs, written

SEED = 29
EPILOGUE = "input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32"
LINALG = """%z = arith.constant dense<[[1, -2, 3], [1, -2, 3], [1, -2, 3], [1, -2, 3]]> : tensor<4x3xi32>
    %y = linalg.matmul ins(%x, %w : tensor<4x2xi8>, tensor<2x3xi8>) outs(%z : tensor<4x3xi32>) -> tensor<4x3xi32>"""
HWACC = f"""%b = arith.constant dense<[1, -2, 3]> : tensor<3xi32>
    %y = "hwacc.gemm"(%x, %w, %b) {{input_km = false, weights_kn = true, {EPILOGUE}, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}}
        : (tensor<4x2xi8>, tensor<2x3xi8>, tensor<3xi32>) -> tensor<4x3xi32>"""
FOR = """func.func @main(%all: tensor<5x4x2xi8>, %w: tensor<2x3xi8>) -> tensor<5x4x3xi32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %init = tensor.empty() : tensor<5x4x3xi32>
  %r = scf.for %i = %c0 to %c5 step %c1 iter_args(%sofar = %init) -> tensor<5x4x3xi32> {
    %x = tensor.extract_slice %all[%i, 0, 0] [1, 4, 2] [1, 1, 1] : tensor<5x4x2xi8> to tensor<4x2xi8>
    PRODUCT
    %n = tensor.insert_slice %y into %sofar[%i, 0, 0] [1, 4, 3] [1, 1, 1] : tensor<4x3xi32> into tensor<5x4x3xi32>
    scf.yield %n : tensor<5x4x3xi32>
  }
  return %r : tensor<5x4x3xi32>
}"""
IF = """func.func @main(%x: tensor<4x2xi8>, %w: tensor<2x3xi8>, %p: tensor<i1>) -> tensor<4x3xi32> {
  %c = tensor.extract %p[] : tensor<i1>
  %r = scf.if %c -> tensor<4x3xi32> {
    PRODUCT
    scf.yield %y : tensor<4x3xi32>
  } else {
    %e = arith.constant dense<7> : tensor<4x3xi32>
    scf.yield %e : tensor<4x3xi32>
  }
  return %r : tensor<4x3xi32>
}"""


@pytest.mark.parametrize("product", [LINALG, HWACC], ids=["linalg", "hwacc"])
def test_a_product_in_a_loop_runs_on_the_cpu_and_says_why(product: str, tmp_path: Path) -> None:
    program = compiled(written(tmp_path, FOR.replace("PRODUCT", product)))
    (task,) = program.tasks
    assert task.reason == "is inside scf.for; the array takes what stands in the function itself"
    assert task.macs == 5 * 4 * 2 * 3
    rng = np.random.default_rng(SEED)
    x, w = (rng.integers(-128, 128, shape, np.int8) for shape in ((5, 4, 2), (2, 3)))
    (result,) = outputs(program, x, w)
    np.testing.assert_array_equal(result, x.astype(np.int32) @ w + np.array([1, -2, 3]))


@pytest.mark.parametrize("product", [LINALG, HWACC], ids=["linalg", "hwacc"])
@pytest.mark.parametrize("taken", [True, False])
def test_a_product_in_a_branch_runs_on_the_cpu_and_says_why(product: str, taken: bool, tmp_path: Path) -> None:
    program = compiled(written(tmp_path, IF.replace("PRODUCT", product)))
    (task,) = program.tasks
    assert task.reason == "is inside scf.if; the array takes what stands in the function itself"
    assert task.macs == 4 * 2 * 3
    rng = np.random.default_rng(SEED)
    x, w = (rng.integers(-128, 128, shape, np.int8) for shape in ((4, 2), (2, 3)))
    (result,) = outputs(program, x, w, np.array(taken))
    np.testing.assert_array_equal(result, x.astype(np.int32) @ w + np.array([1, -2, 3]) if taken else np.full((4, 3), 7, np.int32))


def test_without_fallback_a_product_in_a_loop_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"scf\.for.*is inside scf\.for; the array takes what stands in the function itself"):
        Compilation(written(tmp_path, FOR.replace("PRODUCT", LINALG)), TINY, Options(fallback=False))


def test_a_float_product_in_a_loop_is_no_layer(tmp_path: Path) -> None:
    text = FOR.replace("PRODUCT", LINALG).replace("i8", "f32").replace("i32", "f32").replace("[1, -2, 3]", "[1.0, -2.0, 3.0]")
    with pytest.raises(ModelError, match=r"there is nothing to quantise: no matrix product .* that stands in no loop or branch"):
        Compilation(written(tmp_path, text), TINY, Options(quantisation=Quantisation()))


def test_panels_are_not_chosen_for_a_product_in_a_branch() -> None:
    text = IF.replace("PRODUCT", HWACC)
    done = optimise(text, ["choose-panels"])
    assert "hwacc.panels" not in done and 'hwacc.reason = "is inside scf.if' in done
