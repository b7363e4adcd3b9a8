"""Bodies and indices that look like a contraction's: those that are none keep their meaning, on the CPU, and the program says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.options import Options
from hwacc.compiler.transforms.linalg_form import LIKE_A_PRODUCT
from hwacc.config import TINY
from hwacc.reference import gemm, requantise
from tests.compiler.execution import run_on_cpu, run_on_model

Array = NDArray[np.int64]
SEED = 41
FIRST_PLACE = "it reads the first place alone along an axis of an operand"
UNSIGNED = "its operands are unsigned; the array multiplies signed int8"
WIDE = "%p = arith.extsi %x : i8 to i32\n %q = arith.extsi %y : i8 to i32\n"
PRODUCT = "%m = arith.muli %p, %q : i32\n %s = arith.addi %c, %m : i32"
TEXT = """func.func @main(%a: tensor<{left}xi8>, %b: tensor<9x5xi8>) -> tensor<6x5xi32> {{
  %start = arith.constant dense<7> : tensor<6x5xi32>
  %point = arith.constant 100 : i32
  %0 = linalg.generic {{indexing_maps = [affine_map<(m, n, k) -> ({index})>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> ()>,
      affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%a, %b, %point : tensor<{left}xi8>, tensor<9x5xi8>, i32) outs(%start : tensor<6x5xi32>) {{
  ^bb0(%x: i8, %y: i8, %z: i32, %c: i32):
    {body}
    linalg.yield %s : i32
  }} -> tensor<6x5xi32>
  return %0 : tensor<6x5xi32>
}}
"""


def narrow(bits: int, point: int) -> str:
    """A zero point that is subtracted from elements of so many bits."""
    widened, element = ("%w = arith.extsi %x : i8 to i16", "%w") if bits == 16 else ("", "%x")
    lines = [widened, f"%k = arith.constant {point} : i{bits}", f"%d = arith.subi {element}, %k : i{bits}"]
    return "\n".join([*lines, f"%p = arith.extsi %d : i{bits} to i32", "%q = arith.extsi %y : i8 to i32", PRODUCT])


CASES: dict[str, tuple[str, str, str, Callable[[Array, Array], Array]]] = {
    "a product in sixteen bits": (
        "m, k",
        "%p = arith.extsi %x : i8 to i16\n %q = arith.extsi %y : i8 to i16\n %n = arith.muli %p, %q : i16\n"
        "%m = arith.extsi %n : i16 to i32\n %s = arith.addi %c, %m : i32",
        "",
        lambda a, b: a @ b,
    ),
    "a product in eight bits": (
        "m, k",
        "%n = arith.muli %x, %y : i8\n %m = arith.extsi %n : i8 to i32\n %s = arith.addi %c, %m : i32",
        LIKE_A_PRODUCT,
        lambda a, b: (a[:, :, None] * b[None]).astype(np.int8).astype(np.int64).sum(1),
    ),
    "a zero point in sixteen bits": ("m, k", narrow(16, 100), "", lambda a, b: (a - 100) @ b),
    "a zero point that wraps in sixteen bits": (
        "m, k",
        narrow(16, 32700),
        LIKE_A_PRODUCT,
        lambda a, b: (a - 32700).astype(np.int16).astype(np.int64) @ b,
    ),
    "a zero point that wraps in eight bits": (
        "m, k",
        narrow(8, 100),
        LIKE_A_PRODUCT,
        lambda a, b: (a - 100).astype(np.int8).astype(np.int64) @ b,
    ),
    "a difference that is widened without its sign": (
        "m, k",
        narrow(16, 100).replace("extsi %d", "extui %d"),
        UNSIGNED,
        lambda a, b: (a - 100).astype(np.uint16).astype(np.int64) @ b,
    ),
    "a zero point less the element": (
        "m, k",
        WIDE.replace("%p", "%w") + "%p = arith.subi %z, %w : i32\n" + PRODUCT,
        LIKE_A_PRODUCT,
        lambda a, b: (100 - a) @ b,
    ),
    "a sum that is reduced": ("m, k", WIDE + PRODUCT.replace("addi %c", "subi %c"), LIKE_A_PRODUCT, lambda a, b: -a @ b),
    "the first of four": ("0, m, k", WIDE + PRODUCT, FIRST_PLACE, lambda a, b: a[0] @ b),
    "the only one": ("0, m, k", WIDE + PRODUCT, "", lambda a, b: a[0] @ b),
    "the third of four": ("2, m, k", WIDE + PRODUCT, LIKE_A_PRODUCT, lambda a, b: a[2] @ b),
}


@pytest.mark.parametrize("name", CASES)
def test_what_resembles_a_contraction_means_what_it_says(name: str, tmp_path: Path) -> None:
    index, body, reason, value = CASES[name]
    shape = (6, 9) if index == "m, k" else (1, 6, 9) if "only" in name else (4, 6, 9)
    path = tmp_path / "model.mlir"
    path.write_text(TEXT.format(left="x".join(map(str, shape)), index=index, body=body))
    program = Compilation(path, TINY, Options(backends=("hwacc", "cpu"))).program
    rng = np.random.default_rng(SEED)
    a, b = (rng.integers(-128, 128, each).astype(np.int8) for each in (shape, (9, 5)))
    wanted = value(a.astype(np.int64), b.astype(np.int64)) + 7
    assert (program.tasks[0].reason, program.tasks[0].implementations[0].backend) == (reason, "cpu" if reason else "hwacc")
    for outputs in (run_on_cpu(program, [[a, b]]), run_on_model(program, [[a, b]])):
        np.testing.assert_array_equal(outputs[0][0], wanted)


TRANSPOSED = """func.func @main(%x: tensor<1x3x4x2xi8>) -> tensor<1x7x11x5xi32> {{
  %w = "tosa.const"() {{values = dense<{weights}> : tensor<5x3x2x2xi8>}} : () -> tensor<5x3x2x2xi8>
  %b = "tosa.const"() {{values = dense<0> : tensor<5xi32>}} : () -> tensor<5xi32>
  %zx = "tosa.const"() {{values = dense<-5> : tensor<1xi8>}} : () -> tensor<1xi8>
  %zw = "tosa.const"() {{values = dense<0> : tensor<1xi8>}} : () -> tensor<1xi8>
  %r = tosa.transpose_conv2d %x, %w, %b, %zx, %zw {{acc_type = i32, out_pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 2, 3>}}
    : (tensor<1x3x4x2xi8>, tensor<5x3x2x2xi8>, tensor<5xi32>, tensor<1xi8>, tensor<1xi8>) -> tensor<1x7x11x5xi32>
  return %r : tensor<1x7x11x5xi32>
}}
"""


def test_a_transposed_convolution_by_constant_weights_is_one_of_the_array(tmp_path: Path) -> None:
    rng = np.random.default_rng(SEED + 1)
    x, weights = rng.integers(-128, 128, (1, 3, 4, 2)).astype(np.int8), rng.integers(-128, 128, (5, 3, 2, 2)).astype(np.int8)
    wanted = np.zeros((1, 7, 11, 5), np.int64)
    for i, j in np.ndindex(3, 4):
        part = np.einsum("nc,orsc->nrso", x[:, i, j].astype(np.int64) + 5, weights.astype(np.int64))
        wanted[:, 2 * i : 2 * i + 3, 3 * j : 3 * j + 2] += part
    path = tmp_path / "transposed.mlir"
    path.write_text(TRANSPOSED.format(weights=weights.tolist()))
    program = Compilation(path, TINY).program
    assert [task.kind for task in program.tasks if task.implementations[0].backend == "hwacc"] == ["conv2d"]
    assert all(task.kind in ("conv2d", "other") for task in program.tasks)
    np.testing.assert_array_equal(run_on_model(program, [[x]])[0][0], wanted)


RELU = """#all = affine_map<(m, n) -> (m, n)>
#channel = affine_map<(m, n) -> (n)>
func.func @main(%a: tensor<6x9xi8>, %b: tensor<9x5xi8>, %r: tensor<6x5xi32>) -> tensor<6x5xi8> {
  %multiplier = arith.constant dense<[1518500249, 1200000000, 2147483647, 1073741824, 1900000001]> : tensor<5xi32>
  %shift = arith.constant dense<[38, 40, 39, 38, 41]> : tensor<5xi8>
  %zero = arith.constant 0 : i32
  %point = arith.constant -7 : i32
  %low = arith.constant -128 : i32
  %high = arith.constant 127 : i32
  %e = tensor.empty() : tensor<6x5xi32>
  %start = linalg.fill ins(%zero : i32) outs(%e : tensor<6x5xi32>) -> tensor<6x5xi32>
  %p = linalg.matmul ins(%a, %b : tensor<6x9xi8>, tensor<9x5xi8>) outs(%start : tensor<6x5xi32>) -> tensor<6x5xi32>
  %t = linalg.add ins(%p, %r : tensor<6x5xi32>, tensor<6x5xi32>) outs(%e : tensor<6x5xi32>) -> tensor<6x5xi32>
  %u = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%t : tensor<6x5xi32>) outs(%e : tensor<6x5xi32>) {
  ^bb0(%in: i32, %out: i32):
    %0 = arith.maxsi %in, %zero : i32
    linalg.yield %0 : i32
  } -> tensor<6x5xi32>
  %f = tensor.empty() : tensor<6x5xi8>
  %v = linalg.generic {indexing_maps = [#all, #channel, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%u, %multiplier, %shift : tensor<6x5xi32>, tensor<5xi32>, tensor<5xi8>) outs(%f : tensor<6x5xi8>) {
  ^bb0(%in: i32, %m: i32, %s: i8, %out: i8):
    %0 = tosa.apply_scale %in, %m, %s {rounding_mode = DOUBLE_ROUND} : (i32, i32, i8) -> i32
    %1 = arith.addi %0, %point : i32
    %2 = arith.maxsi %1, %low : i32
    %3 = arith.minsi %2, %high : i32
    %4 = arith.trunci %3 : i32 to i8
    linalg.yield %4 : i8
  } -> tensor<6x5xi8>
  return %v : tensor<6x5xi8>
}
"""


def test_a_residual_a_relu_of_the_sums_and_a_rescale_are_one_task(tmp_path: Path) -> None:
    path = tmp_path / "relu.mlir"
    path.write_text(RELU)
    program = Compilation(path, TINY, Options(backends=("hwacc", "cpu"))).program
    assert [task.implementations[0].backend for task in program.tasks] == ["hwacc"]
    rng = np.random.default_rng(SEED + 2)
    a, b = (rng.integers(-128, 128, shape).astype(np.int8) for shape in ((6, 9), (9, 5)))
    residual = rng.integers(-40_000, 40_000, (6, 5)).astype(np.int32)
    sums = np.maximum(gemm(a, b).astype(np.int64) + residual, 0).astype(np.int32)
    multiplier, shift = np.array([1518500249, 1200000000, 2147483647, 1073741824, 1900000001]), np.array([38, 40, 39, 38, 41])
    wanted = requantise(sums, multiplier, shift, -7, double_round=True)
    assert len(np.unique(wanted)) > 10
    for outputs in (run_on_cpu(program, [[a, b, residual]]), run_on_model(program, [[a, b, residual]])):
        np.testing.assert_array_equal(outputs[0][0], wanted)
