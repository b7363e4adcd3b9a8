"""Checks what the dialect's IRDL definition cannot say.

Element types and the sizes that must agree, at tensor level; field ranges, at
machine level. Changes nothing; an error carries the operation's location:

    "hwacc.gemm"(%a, %b, %bias) : (tensor<4x8xi8>, tensor<10x9xi8>, tensor<10xi32>) -> tensor<4x10xi32>

is refused with ``hwacc.gemm: K is 8 in the input and 9 in the weights``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc import isa
from hwacc.compiler.constants import constant_array
from hwacc.compiler.dialects.hwacc import CONV2D, GEMM, MACHINE_OPS, ir_fields, op_name
from hwacc.compiler.transforms.passes import Pass, RejectedError, walk
from hwacc.config import ArrayConfig
from hwacc.errors import EncodingError

if TYPE_CHECKING:
    from mlir import ir

MACHINE = {op_name(op): op for op in MACHINE_OPS}
SHIFTS = (2, 62)
"""Smallest and largest shift of TOSA's RESCALE."""


class VerifyHwacc(Pass):
    """``verify-hwacc``: refuses operations of the dialect whose parts do not fit together."""

    name = "verify-hwacc"

    def run(self, module: ir.Operation) -> None:
        faulty = False
        for op in walk(module):
            fault = fault_in(op)
            if fault:
                op.location.emit_error(f"{op.name}: {fault}")
                faulty = True
        if faulty:
            raise RejectedError


def fault_in(op: ir.Operation) -> str:
    """What is wrong with ``op``, in words; empty for sound operations and those of other dialects."""
    if op.name == CONV2D:
        return types_fault(op) or convolution_fault(op) or epilogue_fault(op)
    if op.name == GEMM:
        return types_fault(op) or product_fault(op) or epilogue_fault(op)
    if op.name in MACHINE:
        return machine_fault(op, MACHINE[op.name])
    return ""


def types_fault(op: ir.Operation) -> str:
    """Element types: int8 by int8, int32 bias, and int8 exactly where it requantises."""
    expected = {"input": "i8", "weights": "i8", "bias": "i32", "multiplier": "i32", "shift": "i8"}
    for (name, kind), operand in zip(expected.items(), op.operands):
        if str(operand.type.element_type) != kind:
            return f"{name} must be of {kind}, not {operand.type.element_type}"
    if len(op.operands) == 4:
        return "a multiplier needs a shift"
    kind = "i8" if len(op.operands) == 5 else "i32"
    found = str(op.results[0].type.element_type)
    return "" if found == kind else f"the result must be of {kind}, not {found}"


def convolution_fault(op: ir.Operation) -> str:
    """Ranks and sizes of a convolution."""
    image, weights, result = (list(value.type.shape) for value in (op.operands[0], op.operands[1], op.results[0]))
    if (len(image), len(weights), len(result)) != (4, 4, 4):
        return "input, weights and result must have four dimensions"
    if image[3] != weights[3]:
        return f"the input has {image[3]} channels, the weights {weights[3]}"
    strides, dilations, padding = (list(op.attributes[name]) for name in ("strides", "dilations", "padding"))
    if (len(strides), len(dilations), len(padding)) != (2, 2, 4) or min(strides + dilations) < 1 or min(padding) < 0:
        return "strides and dilations must be two positive numbers each, padding four that are not negative"
    if not -128 <= op.attributes["pad_value"].value <= 127:
        return f"pad_value must be an int8, not {op.attributes['pad_value'].value}"
    expected = [image[0], 0, 0, weights[0]]
    for axis in (0, 1):
        reach = dilations[axis] * (weights[1 + axis] - 1) + 1
        expected[1 + axis] = (image[1 + axis] + padding[2 * axis] + padding[2 * axis + 1] - reach) // strides[axis] + 1
    return "" if result == expected else f"the result must be {expected}, not {result}"


def product_fault(op: ir.Operation) -> str:
    """Ranks and sizes of a matrix product."""
    left, right, result = (list(value.type.shape) for value in (op.operands[0], op.operands[1], op.results[0]))
    if (len(left), len(right), len(result)) != (2, 2, 2):
        return "input, weights and result must have two dimensions"
    k, n = right if op.attributes["weights_kn"].value else reversed(right)
    if left[1] != k:
        return f"K is {left[1]} in the input and {k} in the weights"
    return "" if result == [left[0], n] else f"the result must be {[left[0], n]}, not {result}"


def epilogue_fault(op: ir.Operation) -> str:
    """Bias and requantisation: sizes, constants, ranges."""
    channels = list(op.results[0].type.shape)[-1]
    if list(op.operands[2].type.shape) != [channels]:
        return f"the bias must have {channels} elements, one for each output channel"
    for name, operand in zip(("multiplier", "shift"), list(op.operands)[3:]):
        if list(operand.type.shape) not in ([1], [channels]):
            return f"{name} must have 1 or {channels} elements"
    if any(constant_array(operand) is None for operand in list(op.operands)[2:]):
        return "bias, multiplier and shift must be constants"
    shifts = constant_array(op.operands[4]) if len(op.operands) > 4 else None
    if shifts is not None and not SHIFTS[0] <= shifts.min() <= shifts.max() <= SHIFTS[1]:
        return f"shifts must be from {SHIFTS[0]} to {SHIFTS[1]}"
    low, high, point = (op.attributes[name].value for name in ("clamp_min", "clamp_max", "zero_point"))
    if not -128 <= low <= high <= 127 or not -128 <= point <= 127:
        return f"zero point {point} and clamp {low} to {high} must lie in int8, in order"
    return reduction_fault(op)


def reduction_fault(op: ir.Operation) -> str:
    """Whether the accumulator could leave int32: the length of the reduction."""
    weights = list(op.operands[1].type.shape)
    length = weights[1] * weights[2] * weights[3] if op.name == CONV2D else list(op.operands[0].type.shape)[1]
    limit = ArrayConfig().max_k
    return "" if length <= limit else f"a reduction of {length} products can overflow int32; at most {limit} are supported"


def machine_fault(op: ir.Operation, kind: isa.Op) -> str:
    """Whether each attribute fits its field."""
    try:
        isa.describe(kind, **{field.name: op.attributes[field.name].value for field in ir_fields(kind)})
    except EncodingError as error:
        return str(error)
    return ""
