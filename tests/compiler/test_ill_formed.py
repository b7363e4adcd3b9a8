"""IR that no pass could go on with: every pass that meets it says what is wrong, and where, in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mlir import ir

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.context import new_context
from hwacc.compiler.opt import optimise
from hwacc.config import TINY
from hwacc.errors import ModelError
from tests.compiler.floats import written

TAKES_GEMMS = ("fold-zero-points", "fuse-bias", "fuse-rescale", "fuse-clamp", "form-tasks", "verify-hwacc", "array-to-linalg")
TAKES_CONVOLUTIONS = (*TAKES_GEMMS, "dense-to-gemm")

EPILOGUE = "input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32"
GEMM = f"""func.func @main(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<4x3xi32> {{
  %b = arith.constant dense<0> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {{input_km = false, weights_kn = false, {EPILOGUE}, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}}
      : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32> loc("fc")
  return %y : tensor<4x3xi32>
}}"""
CONV2D = f"""func.func @main(%x: tensor<1x3x3x4xi8>, %w: tensor<2x1x1x4xi8>) -> tensor<1x3x3x2xi32> {{
  %b = arith.constant dense<0> : tensor<2xi32>
  %y = "hwacc.conv2d"(%x, %w, %b) {{strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>,
      pad_value = 0 : i32, {EPILOGUE}, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}}
      : (tensor<1x3x3x4xi8>, tensor<2x1x1x4xi8>, tensor<2xi32>) -> tensor<1x3x3x2xi32> loc("conv")
  return %y : tensor<1x3x3x2xi32>
}}"""

GEMMS = {
    "K that differs": (("3x2xi8", "3x5xi8"), "K is 2 in the input and 5 in the weights"),
    "an open size beside a K that differs": (("4x2xi8", "?x5xi8"), "K is 5 in the input and 2 in the weights"),
    "no elements": (("4x2xi8", "0x2xi8"), "input is empty: tensor<0x2xi8>"),
    "rank 0": (("4x2xi8", "i8"), "input, weights and result must have two dimensions, or all three"),
    "complex numbers": (("4x2xi8", "4x2xcomplex<f32>"), "input must be of i8, not complex<f32>"),
    "an index": (("4x2xi8", "4x2xindex"), "input must be of i8, not index"),
    "8-bit floats": (("4x2xi8", "4x2xf8E4M3FN"), "input must be of i8, not f8E4M3FN"),
    "a wide attribute": (
        ("clamp_max = 127 : i32", "clamp_max = 127 : i128"),
        "clamp_max must be an integer of at most 64 bits, not 127 : i128",
    ),
    "an index attribute": (
        ("weights_kn = false", "weights_kn = 3 : index"),
        "weights_kn must be an integer of at most 64 bits, not 3 : index",
    ),
    "a float result": (("4x3xi32", "4x3xf32"), "the result must be of i32, not f32"),
    "two batches": (("tensor<4x2xi8>", "tensor<2x4x2xi8>"), "input, weights and result must have two dimensions, or all three"),
}
CONVOLUTIONS = {
    "strides of 32 bits": (
        ("strides = array<i64: 1, 1>", "strides = array<i32: 1, 1>"),
        "strides must be array<i64: ...>, not array<i32: 1, 1>",
    ),
    "three strides": (
        ("strides = array<i64: 1, 1>", "strides = array<i64: 1, 1, 1>"),
        "strides and dilations must be two positive numbers each, padding four that are not negative",
    ),
    "channels that do not divide": (("1x3x3x4xi8", "1x3x3x6xi8"), "the input has 6 channels, the weights 4"),
    "groups that do not divide": (("1x3x3x4xi8", "1x3x3x12xi8"), "2 output channels do not divide into 3 groups"),
    "an open size": (("1x3x3x4xi8", "?x3x3x4xi8"), "input must be a tensor of static sizes, not tensor<?x3x3x4xi8>"),
    "no channels": (("x4xi8", "x0xi8"), "input is empty: tensor<1x3x3x0xi8>"),
    "a kernel that does not fit": (("2x1x1x4", "2x5x5x4"), "the result must be [1, -1, -1, 2], not [1, 3, 3, 2]"),
}


@pytest.mark.parametrize("name", GEMMS)
def test_every_pass_reports_an_unsound_product_where_it_is(name: str) -> None:
    (old, new), message = GEMMS[name]
    for each in TAKES_GEMMS:
        with pytest.raises(ModelError, match=f"^{re.escape(f'hwacc.gemm: {message} (at fc)')}$"):
            optimise(GEMM.replace(old, new), [each])


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_every_pass_reports_an_unsound_convolution_where_it_is(name: str) -> None:
    (old, new), message = CONVOLUTIONS[name]
    for each in TAKES_CONVOLUTIONS:
        with pytest.raises(ModelError, match=f"^{re.escape(f'hwacc.conv2d: {message} (at conv)')}$"):
            optimise(CONV2D.replace(old, new), [each])


def test_the_sound_ones_go_through_every_pass() -> None:
    for each in TAKES_CONVOLUTIONS:
        assert "return" in optimise(GEMM, [each]) and "return" in optimise(CONV2D, [each])


def test_a_bias_that_is_no_constant_is_reported() -> None:
    text = GEMM.replace("%b = arith.constant dense<0> : tensor<3xi32>", "").replace("3x2xi8>)", "3x2xi8>, %b: tensor<3xi32>)", 1)
    with pytest.raises(ModelError, match=r"^hwacc.gemm: bias, multiplier and shift must be constants \(at fc\)$"):
        optimise(text, ["form-tasks"])


def test_bytecode_whose_names_are_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.mlirbc"
    with new_context(), path.open("wb") as file:
        ir.Module.parse(GEMM.replace("main", "unmistakable")).operation.write_bytecode(file)
    path.write_bytes(path.read_bytes().replace(b"hwacc.gemm", b"hwacc.\xff\xfe\xfd\xfc").replace(b"gemm", b"\xff\xfe\xfd\xfc"))
    with pytest.raises(ModelError, match="not valid MLIR: ") as caught:
        Compilation(path, TINY)
    assert "\n" not in str(caught.value)


def test_a_picture_is_no_mlir(tmp_path: Path) -> None:
    path = written(tmp_path, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    with pytest.raises(ModelError, match=re.escape("neither MLIR text (UTF-8) nor MLIR bytecode")):
        Compilation(path, TINY)
