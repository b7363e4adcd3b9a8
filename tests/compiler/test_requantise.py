"""What stands between two calibrated layers, as frameworks write it, is done by the array, and means the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.options import Options
from hwacc.compiler.quantisation import Quantisation
from hwacc.config import TINY
from hwacc.program import Program
from tests.compiler.execution import run_on_cpu, run_on_model
from tests.compiler.floats import written
from tests.compiler.test_quantised_contractions import constant

SEED = 45
Floats = NDArray[np.float32]

LAYERS = """
#all = affine_map<(i, j) -> (i, j)>
func.func @main(%x: tensor<40x12xf32>) -> tensor<40x7xf32> {{
  {first}
  {second}
  %zero = arith.constant dense<0.0> : tensor<40x9xf32>
  %none = arith.constant dense<0.0> : tensor<40x7xf32>
  %c = arith.constant 0.5 : f32
  %d = arith.constant 1.5 : f32
  %e = tensor.empty() : tensor<40x9xf32>
  %h = linalg.matmul ins(%x, %first : tensor<40x12xf32>, tensor<12x9xf32>) outs(%zero : tensor<40x9xf32>) -> tensor<40x9xf32>
  %a = linalg.generic {{indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}}
      ins(%h : tensor<40x9xf32>) outs(%e : tensor<40x9xf32>) {{
  ^bb0(%v: f32, %out: f32):
    {body}
    linalg.yield %r : f32
  }} -> tensor<40x9xf32>
  %y = linalg.matmul ins(%a, %second : tensor<40x9xf32>, tensor<9x7xf32>) outs(%none : tensor<40x7xf32>) -> tensor<40x7xf32>
  return %y : tensor<40x7xf32>
}}
"""


def select(predicate: str, first: str, second: str, function: Callable[[Floats, float], Floats]) -> tuple[str, Callable[[Floats], Floats]]:
    body = f"%q = arith.cmpf {predicate}, %v, %c : f32\n    %r = arith.select %q, {first}, {second} : f32"
    return body, lambda h: function(h, 0.5)


FUNCTIONS: dict[str, tuple[str, Callable[[Floats], Floats]]] = {
    "greater, value first": select("ugt", "%v", "%c", np.maximum),
    "greater, constant first": select("oge", "%c", "%v", np.minimum),
    "less, value first": select("olt", "%v", "%c", np.minimum),
    "less, constant first": select("ule", "%c", "%v", np.maximum),
    "maximum": ("%r = arith.maximumf %v, %c : f32", lambda h: np.maximum(h, 0.5)),
    "minimum, constant first": ("%r = arith.minnumf %c, %v : f32", lambda h: np.minimum(h, 0.5)),
    "line": ("%p = arith.mulf %v, %d : f32\n    %r = arith.subf %p, %c : f32", lambda h: h * 1.5 - 0.5),
    "quotient": ("%p = arith.divf %v, %d : f32\n    %r = arith.addf %c, %p : f32", lambda h: h / 1.5 + 0.5),
    "clamp, then line": (
        "%p = arith.maximumf %v, %c : f32\n    %q = arith.minimumf %p, %d : f32\n    %r = arith.mulf %q, %d : f32",
        lambda h: np.clip(h, 0.5, 1.5) * 1.5,
    ),
}
OTHERS: dict[str, tuple[str, Callable[[Floats], Floats]]] = {
    "constant less value": ("%p = arith.subf %c, %v : f32\n    %r = arith.addf %p, %c : f32", lambda h: 1 - h),
    "falling": ("%p = arith.negf %v : f32\n    %r = arith.mulf %p, %d : f32", lambda h: -h * 1.5),
    "square": ("%r = arith.mulf %v, %v : f32", lambda h: h * h),
    "another constant": ("%q = arith.cmpf ugt, %v, %c : f32\n    %r = arith.select %q, %v, %d : f32", lambda h: np.where(h > 0.5, h, 1.5)),
}
"""Functions that are not what STORE does: they stay on the CPU."""


def quantised(body: str, function: Callable[[Floats], Floats], folder: Path) -> tuple[Program, float]:
    """The program, calibrated on random numbers, and the decibels that it has on the same ones."""
    rng = np.random.default_rng(SEED)
    x, first, second = (rng.standard_normal(shape).astype(np.float32) for shape in ((40, 12), (12, 9), (9, 7)))
    first /= 3
    between = function(x @ first)
    right = between @ second
    ranges = {"matmul_0.input": (float(x.min()), float(x.max())), "matmul_1.input": (float(between.min()), float(between.max()))}
    text = LAYERS.format(first=constant("first", first), second=constant("second", second), body=body)
    program = Compilation(written(folder, text), TINY, Options(backends=("hwacc", "cpu"), quantisation=Quantisation(ranges))).program
    ((result,),) = run_on_model(program, [[x]])
    np.testing.assert_array_equal(result, run_on_cpu(program, [[x]])[0][0])
    return program, float(10 * np.log10((right**2).sum() / ((result - right) ** 2).sum()))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_store_can_do_is_done_there(name: str, tmp_path: Path) -> None:
    program, decibels = quantised(*FUNCTIONS[name], tmp_path)
    assert [task.name for task in program.tasks] == ["matmul_0.quantise", "matmul_0", "matmul_1", "matmul_1.scale"]
    assert decibels > 33


@pytest.mark.parametrize("name", OTHERS)
def test_other_functions_stay_with_the_floats(name: str, tmp_path: Path) -> None:
    program, decibels = quantised(*OTHERS[name], tmp_path)
    names = [task.name for task in program.tasks]
    assert names == ["matmul_0.quantise", "matmul_0", "matmul_1.quantise", "matmul_1", "matmul_1.scale"]
    assert decibels > 28  # the one with a jump makes a large error of a small one
