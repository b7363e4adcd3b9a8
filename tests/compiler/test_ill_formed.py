"""IR that no pass could go on with: every pass that meets it says what is wrong, and where, in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.opt import optimise
from hwacc.config import TINY
from hwacc.errors import HwaccError, ModelError
from tests.compiler.floats import written

TAKES_GEMMS = (
    *("fold-zero-points", "fuse-bias", "fuse-residual", "fuse-rescale", "fuse-clamp", "form-tasks", "verify-hwacc", "array-to-linalg"),
    *("choose-panels", "array-to-machine"),
)
KNOWS_NO_ZERO_POINT = ("array-to-linalg", "choose-panels", "array-to-machine")
STILL = r"^hwacc.gemm: input_zero_point is -4 still: fold-zero-points folds it, where weights are constant \(at fc\)$"
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
    "a zero point beyond int32": (
        ("input_zero_point = 0 : i32", "input_zero_point = 2147483648 : i64"),
        "input_zero_point must be an int32, not 2147483648",
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

UNUSED = f"""  %z = "hwacc.gemm"(%x, %w, %b) {{input_km = false, weights_kn = false, {EPILOGUE},
      operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
"""
FLOAT = """func.func @main(%x: tensor<4x2xf32>, %w: tensor<2x3xf32>, %z: tensor<4x3xf32>) -> tensor<4x3xf32> {
  %y = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%z : tensor<4x3xf32>) -> tensor<4x3xf32> loc("fc")
  return %y : tensor<4x3xf32>
}"""
NO_RANGES = (
    *("5", "[array<f64: -1.0, 1.0>]", "[array<i64: -1, 1>, array<i64>]", "[array<f64: -1.0, 0.0, 1.0>, array<f64>]"),
    *("[array<f64: 1.0, -1.0>, array<f64>]", "[array<f64: 0x7FF8000000000000, 1.0>, array<f64>]"),
)


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


def test_a_zero_point_is_folded_before_anything_that_knows_none() -> None:
    text = GEMM.replace(", %w: tensor<3x2xi8>", "").replace("%b =", "%w = arith.constant dense<2> : tensor<3x2xi8>\n  %b =")
    text = text.replace("input_zero_point = 0", "input_zero_point = -4")
    for each in KNOWS_NO_ZERO_POINT:
        with pytest.raises(ModelError, match=STILL):
            optimise(text, [each])
        assert "return" in optimise(text, ["fold-zero-points", each])


def test_a_zero_point_that_nothing_folds_is_no_task() -> None:
    text = GEMM.replace("input_zero_point = 0", "input_zero_point = -4")
    with pytest.raises(ModelError, match=STILL):
        optimise(text, ["fold-zero-points", "form-tasks", "verify-hwacc"])


def test_a_product_that_nobody_uses_is_no_task() -> None:
    text = GEMM.replace("  return", UNUSED + "  return")
    assert optimise(text, ["form-tasks"]).count("hwacc.gemm") == optimise(GEMM, ["form-tasks"]).count("hwacc.gemm")


def test_a_product_of_more_work_than_a_number_holds_is_reported() -> None:
    text = GEMM.replace("4x", f"{2**62}x")
    with pytest.raises(ModelError, match=r"^hwacc.gemm: 27670116110564327424 multiply-accumulates are more than a program can"):
        optimise(text, ["form-tasks"])


@pytest.mark.parametrize("value", ["7", '"x"', "[7]"])
def test_names_of_the_ends_that_are_no_names_are_reported(value: str) -> None:
    text = GEMM.replace(" {\n", f" attributes {{hwacc.inputs = {value}}} {{\n", 1)
    with pytest.raises(ModelError, match=r"^function main has hwacc.inputs = .*, which must be a list of words"):
        optimise(text, ["form-tasks"])


@pytest.mark.parametrize("value", ["7", "[7]", "[[0.5 : f32]]", "[[1, 2]]"])
def test_a_quantisation_of_the_ends_that_is_none_is_reported(value: str) -> None:
    text = GEMM.replace(" {\n", f" attributes {{hwacc.quantisation = {value}}} {{\n", 1)
    with pytest.raises(ModelError, match=r"^function main has hwacc.quantisation = .*, which must be a list of pairs"):
        optimise(text, ["form-tasks"])


@pytest.mark.parametrize(("value", "fault"), [("7", "7 is not an object"), ("{rows = 3 : i64}", "rows must be a power of two.*")])
def test_an_array_that_is_none_is_reported(value: str, fault: str) -> None:
    for each in ("choose-panels", "array-to-machine"):
        with pytest.raises(HwaccError, match=f"^hwacc.array: {fault}$"):
            optimise(f"module attributes {{hwacc.array = {value}}} {{\n{GEMM}\n}}", [each])


def test_the_module_of_the_machine_is_made_once() -> None:
    with pytest.raises(ModelError, match=r"^there is a symbol @machine already; array-to-machine runs once, and needs the name$"):
        optimise(GEMM, ["array-to-machine", "array-to-machine"])


def test_two_products_with_panels_in_one_task_are_reported() -> None:
    text = GEMM.replace("  return", UNUSED.replace("%z", "%u") + "  return").replace(" {\n", ' attributes {hwacc.backend = "hwacc"} {\n', 1)
    with pytest.raises(
        ModelError, match=r"^hwacc.gemm: a second operation of task @main has hwacc.panels; form-tasks makes a task of each"
    ):
        optimise(text, ["choose-panels", "array-to-machine"])


@pytest.mark.parametrize("each", ["watch-layers", "watch-activations"])
def test_layers_without_names_are_not_watched(each: str) -> None:
    with pytest.raises(ModelError, match=r"^linalg.matmul: has no hwacc.layer; run mark-layers before this pass \(at fc\)$"):
        optimise(FLOAT, [each])


@pytest.mark.parametrize("note", ["hwacc.layer = 3", *(f"hwacc.ranges = {value}" for value in NO_RANGES)])
def test_notes_on_a_layer_that_are_none_are_reported(note: str) -> None:
    name = note.partition(" ")[0]
    with pytest.raises(ModelError, match=rf"^linalg.matmul: {name} must be .*, not .* \(at fc\)$"):
        optimise(FLOAT.replace("linalg.matmul ins", f"linalg.matmul {{{note}}} ins"), ["quantise-contractions"])


def test_products_of_memrefs_are_left_alone() -> None:
    text = "func.func @f(%x: memref<4x4xi8>, %y: memref<4x4xi32>) {\n"
    text += "linalg.matmul ins(%x, %x : memref<4x4xi8>, memref<4x4xi8>) outs(%y : memref<4x4xi32>)\nreturn\n}"
    assert "linalg.matmul" in optimise(text, ["requantise-on-array"])


def test_elements_that_no_buffer_holds_are_reported() -> None:
    text = "!q = !quant.uniform<i8:f32, 0.5:3>\nfunc.func @f(%x: tensor<4x!q>) -> tensor<4x!q> {\nreturn %x : tensor<4x!q>\n}"
    with pytest.raises(ModelError, match=r"^function f takes or returns tensor<4x!quant.*>, whose elements no buffer can hold"):
        optimise(text, ["destination-style"])


def test_a_picture_is_no_mlir(tmp_path: Path) -> None:
    path = written(tmp_path, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    with pytest.raises(ModelError, match=re.escape("neither MLIR text (UTF-8) nor MLIR bytecode")):
        Compilation(path, TINY)
