"""MLIR files: linalg, TOSA, StableHLO; text and bytecode; and what is refused, in one line with its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlir import ir
from numpy.typing import NDArray

from hwacc.compiler.importers import torch_mlir
from hwacc.compiler.pipeline import compile_model
from hwacc.config import TINY
from hwacc.errors import MissingToolError, ModelError
from tests.compiler.floats import assert_near, compiled, outputs, reasons, written

SEED = 40
STABLEHLO = Path(__file__).with_name("stablehlo")
FLOATS = "multiplies f32 by f32 into f32; the array multiplies i8 by i8 into i32"

IDENTITY = "func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }"


def random(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.standard_normal(shape).astype(np.float32)


def softmax(x: NDArray[Any]) -> NDArray[Any]:
    e: NDArray[Any] = np.exp(x - x.max(-1, keepdims=True))
    result: NDArray[Any] = e / e.sum(-1, keepdims=True)
    return result


def test_a_perceptron_of_jax_runs_on_the_cpu() -> None:
    rng = np.random.default_rng(SEED)
    x, w1, b1, w2 = random(rng, 3, 8), random(rng, 8, 5), random(rng, 5), random(rng, 5, 4)
    program = compiled(STABLEHLO / "mlp.mlir")
    assert_near(outputs(program, x, w1, b1, w2), [softmax(np.maximum(x @ w1 + b1, 0) @ w2)], 1e-6)
    assert FLOATS in reasons(program)


def test_attention_of_jax_looks_up_masks_and_normalises() -> None:
    rng = np.random.default_rng(SEED)
    table, w = random(rng, 11, 6), random(rng, 6, 6)
    program = compiled(STABLEHLO / "attention.mlir")
    for ids in ([3, 10, 0, 7], [-1, -11, 4, 4], [99, 10, -99, 1]):  # JAX counts negative ones from the end, and then bounds
        rows = np.clip([i + 11 if i < 0 else i for i in ids], 0, 10)
        x = table[rows]
        scores = np.where(np.tri(4, dtype=bool), (x @ w) @ x.T, np.float32(-1e9))
        assert_near(outputs(program, np.array(ids, np.int32), table, w), [softmax(scores) @ x], 1e-5)


def test_a_convolution_of_jax_is_padded_and_pooled() -> None:
    rng = np.random.default_rng(SEED)
    x, w = random(rng, 1, 8, 9, 3), random(rng, 3, 3, 3, 4)
    padded = np.pad(x, ((0, 0), (0, 1), (1, 1), (0, 0)))
    taps = [padded[:, r : r + 7 : 2, c : c + 9 : 2] @ w[r, c] for r in range(3) for c in range(3)]
    y = np.tanh(sum(taps))
    pooled = y[:, :4, :4].reshape(1, 2, 2, 2, 2, 4).max(axis=(2, 4))
    assert_near(outputs(compiled(STABLEHLO / "conv.mlir"), x, w), [pooled], 1e-5)


def test_an_int8_product_of_jax_is_a_task_of_the_array() -> None:
    rng = np.random.default_rng(SEED)
    x, w = (rng.integers(-128, 128, shape).astype(np.int8) for shape in ((5, 7), (7, 6)))
    program = compiled(STABLEHLO / "product.mlir")
    assert reasons(program) == set()
    assert_near(outputs(program, x, w), [x.astype(np.int32) @ w.astype(np.int32)], 0)


DOT_GENERAL = """func.func @main(%a: tensor<2x5x3x8xi8>, %b: tensor<2x4x3x8xi8>) -> tensor<2x3x5x4xi32> {
  %0 = stablehlo.dot_general %a, %b, batching_dims = [0, 2] x [0, 2], contracting_dims = [3] x [3]
      : (tensor<2x5x3x8xi8>, tensor<2x4x3x8xi8>) -> tensor<2x3x5x4xi32>
  return %0 : tensor<2x3x5x4xi32>
}"""

GROUPED = """func.func @main(%x: tensor<1x6x5x5xi8>, %w: tensor<4x3x1x1xi8>) -> tensor<1x4x3x3xi32> {
  %0 = stablehlo.convolution(%x, %w) dim_numbers = [b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1], window = {stride = [2, 2]}
      {batch_group_count = 1 : i64, feature_group_count = 2 : i64} : (tensor<1x6x5x5xi8>, tensor<4x3x1x1xi8>) -> tensor<1x4x3x3xi32>
  return %0 : tensor<1x4x3x3xi32>
}"""


def int8(rng: np.random.Generator, *shape: int) -> NDArray[np.int8]:
    return rng.integers(-128, 128, shape).astype(np.int8)


def test_a_batch_of_products_of_stablehlo_is_one_task_of_the_array(tmp_path: Path) -> None:
    rng = np.random.default_rng(SEED)
    a, b = int8(rng, 2, 5, 3, 8), int8(rng, 2, 4, 3, 8)
    program = compiled(written(tmp_path, DOT_GENERAL))
    (task,) = [task for task in program.tasks if task.kind == "gemm"]
    assert task.implementations[0].backend == "hwacc" and task.macs == 2 * 3 * 5 * 4 * 8
    assert task.shape == "6 of 5x8x4"
    assert_near(outputs(program, a, b), [np.einsum("bqhd,bkhd->bhqk", a.astype(np.int32), b.astype(np.int32))], 0)


def test_a_grouped_convolution_of_stablehlo_is_one_task_of_the_array(tmp_path: Path) -> None:
    rng = np.random.default_rng(SEED)
    x, w = int8(rng, 1, 6, 5, 5), int8(rng, 4, 3, 1, 1)
    program = compiled(written(tmp_path, GROUPED))
    (task,) = [task for task in program.tasks if task.kind == "conv2d"]
    assert task.implementations[0].backend == "hwacc"
    picture, weights = x[:, :, ::2, ::2].reshape(1, 2, 3, 3, 3).astype(np.int32), w.reshape(2, 2, 3).astype(np.int32)
    assert_near(outputs(program, x, w), [np.einsum("ngcyx,gfc->ngfyx", picture, weights).reshape(1, 4, 3, 3)], 0)


def test_tosa_text_goes_through_upstream_s_passes(tmp_path: Path) -> None:
    text = """func.func @net(%x: tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32> {
      %0 = tosa.sigmoid %x : (tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32>
      return %0 : tensor<1x4x4x2xf32>
    }"""
    x = random(np.random.default_rng(SEED), 1, 4, 4, 2)
    assert_near(outputs(compiled(written(tmp_path, text)), x), [1 / (1 + np.exp(-x))], 1e-6)


def test_bytecode_gives_the_program_of_its_text(tmp_path: Path) -> None:
    cases = (STABLEHLO.parent / "golden" / "fold_constants.mlir").read_text().split("// -----")
    (text,) = (case for case in cases if "func @stays" in case)
    with ir.Context(), (tmp_path / "model.mlirbc").open("wb") as file:
        ir.Module.parse(text).operation.write_bytecode(file)
    x = np.arange(6, dtype=np.int32).reshape(2, 3)
    (once, turned), (again, back) = (outputs(compiled(path), x) for path in (written(tmp_path, text), tmp_path / "model.mlirbc"))
    np.testing.assert_array_equal(turned, x.T)
    np.testing.assert_array_equal(once, [[2, 4, 6], [8, 10, 12]])
    assert (once == again).all() and (turned == back).all()


def test_weights_that_lie_beside_the_code_are_constants_of_the_program(tmp_path: Path) -> None:
    weights = np.array([[1.5, -2.0], [0.25, 8.0], [-3.0, 0.5]], np.float32)
    text = f"""func.func @main(%x: tensor<4x3xf32>) -> tensor<4x2xf32> {{
      %w = arith.constant dense_resource<"the weights"> : tensor<3x2xf32>
      %z = arith.constant dense<0.0> : tensor<4x2xf32>
      %0 = linalg.matmul ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%z : tensor<4x2xf32>) -> tensor<4x2xf32>
      return %0 : tensor<4x2xf32>
    }}
    {{-# dialect_resources: {{ builtin: {{ "the weights": "0x04000000{weights.tobytes().hex().upper()}" }} }} #-}}"""
    program = compiled(written(tmp_path, text))
    x = random(np.random.default_rng(SEED), 4, 3)
    assert_near(outputs(program, x), [x @ weights], 1e-6)
    (constant,) = (program.constants[i] for i in program.indices("constant"))
    np.testing.assert_array_equal(constant, weights)


def test_numbers_may_be_read_from_one_tensor_and_used_with_others(tmp_path: Path) -> None:
    text = """func.func @main(%x: tensor<4xf32>, %i: tensor<i64>) -> (tensor<4xf32>, tensor<1x4xf32>) {
      %j = tensor.extract %i[] : tensor<i64>
      %k = arith.index_cast %j : i64 to index
      %f = tensor.extract %x[%k] : tensor<4xf32>
      %g = arith.mulf %f, %f : f32
      %b = tensor.splat %g : tensor<4xf32>
      %r = arith.addf %b, %x : tensor<4xf32>
      %w = arith.constant dense<2.0> : tensor<4x4xf32>
      %v = tensor.expand_shape %r [[0, 1]] output_shape [1, 4] : tensor<4xf32> into tensor<1x4xf32>
      %e = tensor.empty() : tensor<1x4xf32>
      %z = linalg.fill ins(%g : f32) outs(%e : tensor<1x4xf32>) -> tensor<1x4xf32>
      %m = linalg.matmul ins(%v, %w : tensor<1x4xf32>, tensor<4x4xf32>) outs(%z : tensor<1x4xf32>) -> tensor<1x4xf32>
      return %r, %m : tensor<4xf32>, tensor<1x4xf32>
    }"""
    x = np.array([3, -2, 5, 1], np.float32)
    found = outputs(compiled(written(tmp_path, text)), x, np.array(2, np.int64))
    assert_near(found, [x + 25, np.full((1, 4), 2 * (x + 25).sum() + 25, np.float32)], 1e-4)


def test_booleans_come_in_stay_and_go_out(tmp_path: Path) -> None:
    text = """func.func @main(%m: tensor<4xi1>, %x: tensor<4xf32>) -> (tensor<4xi1>, tensor<3x4xi1>) {
      %z = arith.constant dense<[0.0, 1.0, 2.0, 3.0]> : tensor<4xf32>
      %k = arith.constant dense<[true, false, true, false]> : tensor<4xi1>
      %c = arith.cmpf olt, %x, %z : tensor<4xf32>
      %a = arith.andi %c, %m : tensor<4xi1>
      %o = arith.xori %a, %k : tensor<4xi1>
      %e = tensor.empty() : tensor<3x4xi1>
      %b = linalg.broadcast ins(%o : tensor<4xi1>) outs(%e : tensor<3x4xi1>) dimensions = [0]
      return %o, %b : tensor<4xi1>, tensor<3x4xi1>
    }"""
    mask, x = np.array([True, True, True, False]), np.array([-1, 5, 0, 0], np.float32)
    expected = ((x < np.arange(4)) & mask) ^ np.array([True, False, True, False])
    found = outputs(compiled(written(tmp_path, text)), mask, x)
    assert [array.dtype for array in found] == [np.bool_, np.bool_]
    np.testing.assert_array_equal(found[0], expected)
    np.testing.assert_array_equal(found[1], np.tile(expected, (3, 1)))


def test_a_filled_operand_of_an_array_task_is_a_buffer(tmp_path: Path) -> None:
    text = """func.func @main(%x: tensor<4x4xi8>) -> tensor<4x4xi32> {
      %c = arith.constant 3 : i8
      %z = arith.constant dense<0> : tensor<4x4xi32>
      %e = tensor.empty() : tensor<4x4xi8>
      %f = linalg.fill ins(%c : i8) outs(%e : tensor<4x4xi8>) -> tensor<4x4xi8>
      %m = linalg.matmul ins(%f, %x : tensor<4x4xi8>, tensor<4x4xi8>) outs(%z : tensor<4x4xi32>) -> tensor<4x4xi32>
      return %m : tensor<4x4xi32>
    }"""
    program = compiled(written(tmp_path, text))
    x = np.random.default_rng(SEED).integers(-128, 128, (4, 4)).astype(np.int8)
    assert_near(outputs(program, x), [np.full((4, 4), 3, np.int32) @ x.astype(np.int32)], 0)
    assert reasons(program) == set()


@pytest.mark.parametrize("dtype", ["f16", "f64"])
def test_other_floats_compute_in_their_own_precision(dtype: str, tmp_path: Path) -> None:
    kind = {"f16": np.float16, "f64": np.float64}[dtype]
    text = f"""func.func @main(%x: tensor<5x{dtype}>) -> tensor<5x{dtype}> {{
      %0 = arith.mulf %x, %x : tensor<5x{dtype}>
      %1 = arith.addf %0, %x : tensor<5x{dtype}>
      return %1 : tensor<5x{dtype}>
    }}"""
    x = np.random.default_rng(SEED).standard_normal(5).astype(kind)
    assert_near(outputs(compiled(written(tmp_path, text)), x), [x * x + x], 0)


def test_bfloat16_is_rounded_at_every_step_and_float32_outside(tmp_path: Path) -> None:
    text = """func.func @main(%x: tensor<5xbf16>) -> tensor<5xbf16> {
      %c = arith.constant dense_resource<c> : tensor<5xbf16>
      %d = arith.constant dense<[1.0, 2.0, 4.0, 8.0, 16.0]> : tensor<5xbf16>
      %0 = arith.mulf %x, %c : tensor<5xbf16>
      %1 = arith.addf %0, %d : tensor<5xbf16>
      return %1 : tensor<5xbf16>
    }
    {-# dialect_resources: { builtin: { c: "0x02000000803F00404040804000C0" } } #-}"""
    x = np.array([1.2345678, -0.333333, 1e-3, 300.7, 65536.1], np.float32)
    product = to_bfloat16(to_bfloat16(x) * np.array([1, 2, 3, 4, -2], np.float32))
    expected = to_bfloat16(product + np.array([1, 2, 4, 8, 16], np.float32))
    assert_near(outputs(compiled(written(tmp_path, text)), x), [expected], 0)


def to_bfloat16(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The nearest bfloat16 numbers, ties to even."""
    bits = x.view(np.uint32)
    return (bits + (0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "holds no function with a body; a model is one function on tensors"),
    "NUL bytes": (b"abc\0", "neither MLIR text (it has NUL bytes) nor MLIR bytecode"),
    "random bytes": (bytes(range(128, 256)), "neither MLIR text (UTF-8) nor MLIR bytecode"),
    "damaged bytecode": (b"ML\xefR\1\2\3", "not valid MLIR: "),
    "cut short": (IDENTITY[:60], "not valid MLIR: "),
    "unknown dialect": (IDENTITY.replace("return %x", "%0 = foo.bar %x : tensor<4xf32>\n return %x"), "Dialect `foo' not found"),
    "two models": (
        IDENTITY.replace("main", "a") + IDENTITY.replace("main", "b"),
        "which of the functions a, b is the model? Call it main, or make the others private",
    ),
    "no rank": (IDENTITY.replace("4x", "*x"), "input 0 is tensor<*xf32>: only tensors with a known rank are supported"),
    "a number": (IDENTITY.replace("tensor<4xf32>", "f32"), "input 0 is f32: only tensors with a known rank are supported"),
    "half bytes": (IDENTITY.replace("xf32", "xi4"), "input 0 is tensor<4xi4>: no buffer holds elements of i4"),
    "no result": ("func.func @main(%x: memref<4xf32>) { return }", "the function returns nothing"),
    "recursion": (
        IDENTITY.replace("return %x", "%0 = call @main(%x) : (tensor<4xf32>) -> tensor<4xf32>\n return %0"),
        "calls main, which cannot be inlined (it has no body, or calls itself)",
    ),
    "functions that call each other": (
        """func.func @main(%x: tensor<4xi8>) -> tensor<4xi8> { %y = call @f(%x) : (tensor<4xi8>) -> tensor<4xi8>
  return %y : tensor<4xi8> }
func.func private @f(%x: tensor<4xi8>) -> tensor<4xi8> { %y = call @main(%x) : (tensor<4xi8>) -> tensor<4xi8>
  return %y : tensor<4xi8> }""",
        "a model is one function, and these are left: main at 'PATH:1', f at 'PATH:3'; they call themselves, or stand in several modules",
    ),
    "a sparse tensor": (
        """#s = #sparse_tensor.encoding<{map = (i) -> (i : compressed)}>
func.func @main(%x: tensor<4xi8, #s>) -> tensor<4xi8, #s> { return %x : tensor<4xi8, #s> }""",
        "input 0 is tensor<4xi8, #sparse_tensor.encoding<{ map = (d0) -> (d0 : compressed) }>>: only dense tensors are supported",
    ),
    "an empty tensor that has no form as a pointer": (
        """func.func @main(%x: tensor<4x0xf32>, %y: tensor<0x3xf32>, %z: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %r = linalg.matmul ins(%x, %y : tensor<4x0xf32>, tensor<0x3xf32>) outs(%z : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %r : tensor<4x3xf32> }""",
        "task gemm_0 has no CPU code: memref<4x0xf32> at 'PATH:2' has no form as a pointer",
    ),
    "softmax": (
        """func.func @main(%x: tensor<4x5xf32>) -> tensor<4x5xf32> {
             %e = tensor.empty() : tensor<4x5xf32>
             %0 = linalg.softmax dimension(1) ins(%x : tensor<4x5xf32>) outs(%e : tensor<4x5xf32>) -> tensor<4x5xf32>
             return %0 : tensor<4x5xf32>
           }""",
        "linalg.softmax at 'PATH:3' is not supported: it has no form in loops",
    ),
    "missing blob": (
        IDENTITY.replace("return %x", "%c = arith.constant dense_resource<w> : tensor<4xf32>\n return %c"),
        "constant w has no content in the file (was it printed without its resources?)",
    ),
    "short blob": (
        IDENTITY.replace("return %x", "%c = arith.constant dense_resource<w> : tensor<4xf32>\n return %c")
        + '{-# dialect_resources: { builtin: { w: "0x0400000000000000" } } #-}',
        "constant w has 4 bytes for tensor<4xf32>",
    ),
    "StableHLO without linalg form": (
        """func.func @main(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
             %0 = "stablehlo.cholesky"(%x) : (tensor<4x4xf32>) -> tensor<4x4xf32>
             return %0 : tensor<4x4xf32>
           }""",
        "stablehlo.cholesky at line 2 is not supported: it has no linalg form",
    ),
    "damaged StableHLO": ("func.func @main(%x: tensor<4xf32>) {\n %0 = stablehlo.add %x", "(at line 2)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_compiled_gives_one_line(name: str, tmp_path: Path) -> None:
    content, words = REFUSED[name]
    path = written(tmp_path, content)
    with pytest.raises(ModelError) as caught:
        compile_model(path, TINY)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and words.replace("PATH", str(path)) in message and "\n" not in message
    assert "broke down" not in message


def test_stablehlo_names_its_extra_where_torch_mlir_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_mlir, "find_spec", lambda name: None)
    with pytest.raises(
        MissingToolError, match=re.escape("reading StableHLO needs torch-mlir; install it with: pip install 'hwacc[stablehlo]'")
    ):
        compiled(STABLEHLO / "mlp.mlir")
