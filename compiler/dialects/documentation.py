"""What each operation of the dialect means, with an example: the words of ``docs/dialect.md``.

The names come from ``hwacc.irdl.mlir``; a test holds these tables against it
and verifies the examples. The machine level has its words in :mod:`hwacc.isa`;
here it gets only an example.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hwacc import isa
from hwacc.compiler.dialects.hwacc import has_buffer, ir_fields, op_name

EPILOGUE = {
    "double_round": "`true`: TOSA's double rounding, in the requantisation.",
    "zero_point": "Added after the shift; an int8.",
    "clamp_min": "Smallest result; an int8.",
    "clamp_max": "Largest result; an int8, not below `clamp_min`.",
}
"""The attributes of the requantisation; without `multiplier` they mean nothing."""

RESCALING = {
    "bias": "int32 [O], constant: added to each output channel's sum. Or, of the result's shape and not constant, a residual: added to "
    "the sums element by element.",
    "multiplier": "int32 [1] or [O], constant; optional. With it the sum is requantised: multiplied, shifted right, rounded.",
    "shift": "int8 [1] or [O], constant, 2 to 62; there exactly when `multiplier` is.",
}


@dataclass(frozen=True)
class OpDoc:
    """One operation: what it does, what each operand, attribute and result is, and a function that uses it."""

    text: str
    operands: Mapping[str, str]
    attributes: Mapping[str, str]
    results: Mapping[str, str]
    example: str


TENSOR_DOCS: dict[str, OpDoc] = {
    "conv2d": OpDoc(
        text="A convolution with everything that the array does in one go: padding, bias, requantisation, clamp. `result = "
        "clamp(rescale(sum((input - input_zero_point) * weights) + bias) + zero_point)`, over a window of the picture whose outside is "
        "`pad_value`. A plan for the array needs an `input_zero_point` of 0: `fold-zero-points` puts another one into the bias. Where "
        "the input has G times the channels I of the weights, it is a grouped convolution: group g makes the output channels from "
        "g * O / G on from the input channels from g * I on.",
        operands={
            "input": "int8 NHWC.",
            "weights": "int8 OHWI: output channels, kernel rows, kernel columns, input channels.",
            **RESCALING,
        },
        attributes={
            "strides": "Rows and columns from one window to the next; at least 1.",
            "dilations": "Rows and columns from one element of the kernel to the next; at least 1.",
            "padding": "Rows above, rows below, columns left, columns right; not negative.",
            "pad_value": "What lies outside the picture; an int8.",
            "input_zero_point": "Subtracted from each input, what lies outside included.",
            **EPILOGUE,
        },
        results={"result": "NHWC: int8 with `multiplier`, else the int32 sums."},
        example="""\
func.func @conv(%x: tensor<1x8x8x3xi8>, %w: tensor<16x3x3x3xi8>) -> tensor<1x4x4x16xi8> {
  %bias = arith.constant dense<7> : tensor<16xi32>
  %multiplier = arith.constant dense<1518500249> : tensor<1xi32>
  %shift = arith.constant dense<38> : tensor<1xi8>
  %y = "hwacc.conv2d"(%x, %w, %bias, %multiplier, %shift) {
    strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, padding = array<i64: 0, 1, 0, 1>, pad_value = -5 : i32,
    input_zero_point = 0 : i32, double_round = true, zero_point = -128 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
    operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>
  } : (tensor<1x8x8x3xi8>, tensor<16x3x3x3xi8>, tensor<16xi32>, tensor<1xi32>, tensor<1xi8>) -> tensor<1x4x4x16xi8>
  return %y : tensor<1x4x4x16xi8>
}
""",
    ),
    "gemm": OpDoc(
        text="A matrix product with the same epilogue as `hwacc.conv2d`. Input, weights and result may all have a dimension B in front: "
        "then it is a batch of products, each with N output channels of its own, and O is B * N.",
        operands={
            "input": "int8 [M, K], or with `input_km` [K, M].",
            "weights": "int8 [N, K], or with `weights_kn` [K, N].",
            **RESCALING,
        },
        attributes={
            "input_km": "`true`: the input lies [K, M].",
            "weights_kn": "`true`: the weights lie [K, N].",
            "input_zero_point": "Subtracted from each input.",
            **EPILOGUE,
        },
        results={"result": "[M, N]: int8 with `multiplier`, else the int32 sums."},
        example="""\
func.func @dense(%x: tensor<5x24xi8>, %w: tensor<24x10xi8>) -> tensor<5x10xi32> {
  %bias = arith.constant dense<[1, -2, 3, -4, 5, -6, 7, -8, 9, -10]> : tensor<10xi32>
  %y = "hwacc.gemm"(%x, %w, %bias) {
    input_km = false, weights_kn = true, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32,
    clamp_min = -128 : i32, clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>
  } : (tensor<5x24xi8>, tensor<24x10xi8>, tensor<10xi32>) -> tensor<5x10xi32>
  return %y : tensor<5x10xi32>
}
""",
    ),
}

INTO_TEXT = (
    "`hwacc.{name}` on memrefs, once the tensors have places in memory: it writes what the other gives into `output`. All memrefs are of "
    "static sizes, row-major and without gaps; `output` shares no byte with the others. `bufferise-tasks` makes it of `hwacc.{name}`."
)


def into(name: str, example: str) -> OpDoc:
    """The form on memrefs of the operation ``name``."""
    doc = TENSOR_DOCS[name]
    return OpDoc(
        text=INTO_TEXT.format(name=name),
        operands={**doc.operands, "output": f"Written, all of it. {doc.results['result']}"},
        attributes=doc.attributes,
        results={},
        example=example,
    )


MEMREF_DOCS: dict[str, OpDoc] = {
    "conv2d_into": into(
        "conv2d",
        """\
memref.global "private" constant @bias : memref<16xi32> = dense<7>
func.func @conv(%x: memref<1x8x8x3xi8>, %w: memref<16x3x3x3xi8>, %y: memref<1x8x8x16xi32>) {
  %bias = memref.get_global @bias : memref<16xi32>
  "hwacc.conv2d_into"(%x, %w, %bias, %y) {
    strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>, pad_value = 0 : i32,
    input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32,
    operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 1>
  } : (memref<1x8x8x3xi8>, memref<16x3x3x3xi8>, memref<16xi32>, memref<1x8x8x16xi32>) -> ()
  return
}
""",
    ),
    "gemm_into": into(
        "gemm",
        """\
memref.global "private" constant @bias : memref<10xi32> = dense<[1, -2, 3, -4, 5, -6, 7, -8, 9, -10]>
memref.global "private" constant @multiplier : memref<1xi32> = dense<1518500249>
memref.global "private" constant @shift : memref<1xi8> = dense<38>
func.func @dense(%x: memref<5x24xi8>, %w: memref<24x10xi8>, %y: memref<5x10xi8>) {
  %bias = memref.get_global @bias : memref<10xi32>
  %multiplier = memref.get_global @multiplier : memref<1xi32>
  %shift = memref.get_global @shift : memref<1xi8>
  "hwacc.gemm_into"(%x, %w, %bias, %multiplier, %shift, %y) {
    input_km = false, weights_kn = true, input_zero_point = 0 : i32, double_round = true, zero_point = -3 : i32,
    clamp_min = -3 : i32, clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1>
  } : (memref<5x24xi8>, memref<24x10xi8>, memref<10xi32>, memref<1xi32>, memref<1xi8>, memref<5x10xi8>) -> ()
  return
}
""",
    ),
}

CONTRACTION_DOCS = {**TENSOR_DOCS, **MEMREF_DOCS}


MACHINE_EXAMPLES: dict[str, tuple[str, dict[str, int]]] = {
    "load": (
        "Brings 16 lines of 24 bytes, 24 bytes apart in memory, to the west operand buffer, and then lets COMPUTE begin.",
        {"run": 24, "count1": 16, "stride1": 24, "local_stride1": 24, "target": isa.Target.WEST, "signal_compute": 1},
    ),
    "compute": (
        "Waits for the operands, multiplies 16×24 by 24×10, and lets STORE begin.",
        {
            "m": 16,
            "n": 10,
            "k": 24,
            "west_stride": 24,
            "north_stride": 10,
            "west_k_contiguous": 1,
            "wait_load": 1,
            "signal_store": 1,
        },
    ),
    "store": (
        "Waits for the sums, and writes 16 rows of 10 int32.",
        {"n": 10, "count1": 16, "stride1": 40, "output": 1, "shift": 30, "multiplier": 1 << 30, "clamp_max": 127, "wait_compute": 1},
    ),
}
"""For each machine-level operation what its example does, and the fields that are not as they are by themselves."""


def machine_example(op: isa.Op) -> str:
    """A function with one operation of the machine level."""
    descriptor = isa.describe(op, **MACHINE_EXAMPLES[op.name.lower()][1])
    values = ", ".join(f"{field.name} = {descriptor[field.name]} : i64" for field in ir_fields(op))
    operand, kind = ("%buffer", "memref<640xi8>") if has_buffer(op) else ("", "")
    argument = f"{operand}: {kind}" if operand else ""
    lines = [f'"{op_name(op)}"({operand}) {{', f"    {values}", f"  }} : ({kind}) -> ()"]
    return f"func.func @{op.name.lower()}({argument}) {{\n  " + "\n".join(lines) + "\n  return\n}\n"
