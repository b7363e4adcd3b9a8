"""Checks what the dialect's IRDL definition cannot say.

Element types and the sizes that must agree, at tensor level; field ranges, at
machine level. Changes nothing; an error carries the operation's location:

    "hwacc.gemm"(%a, %b, %bias) : (tensor<4x8xi8>, tensor<10x9xi8>, tensor<10xi32>) -> tensor<4x10xi32>

is refused with ``hwacc.gemm: K is 8 in the input and 9 in the weights``.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import TYPE_CHECKING

from hwacc import isa
from hwacc.compiler.constants import constant_array
from hwacc.compiler.dialects.hwacc import CONV2D, GEMM, MACHINE_OPS, channel_count, ir_fields, op_name
from hwacc.compiler.transforms.passes import Pass, RejectedError, walk
from hwacc.config import ArrayConfig
from hwacc.errors import EncodingError

if TYPE_CHECKING:
    from mlir import ir

MACHINE = {op_name(op): op for op in MACHINE_OPS}
WIDEST = 64
"""Bits of an integer attribute."""
LISTS = ("strides", "dilations", "padding")
"""Attributes of a convolution that are lists."""
SHIFTS = (2, 62)
"""Smallest and largest shift of TOSA's RESCALE."""


class VerifyHwacc(Pass):
    """``verify-hwacc``: refuses operations of the dialect whose parts do not fit together."""

    name = "verify-hwacc"

    def run(self, module: ir.Operation) -> None:
        if report(walk(module)):
            raise RejectedError


def sound_ops(root: ir.Operation, *names: str) -> list[ir.Operation]:
    """The operations under ``root`` with these ``names``, for a pass that could not go on with an unsound one.

    Raises :class:`RejectedError` after reporting those whose parts do not fit together.
    """
    found = walk(root, *names)
    if report(found):
        raise RejectedError
    return found


def report(ops: Iterable[ir.Operation]) -> bool:
    """Reports what is wrong with each of ``ops`` at its location; whether anything is."""
    faults = [(op, fault_in(op)) for op in ops]
    for op, fault in faults:
        if fault:
            op.location.emit_error(f"{op.name}: {fault}")
    return any(fault for _, fault in faults)


def fault_in(op: ir.Operation) -> str:
    """What is wrong with ``op``, in words; empty for sound operations and those of other dialects."""
    if op.name == CONV2D:
        return parts_fault(op) or types_fault(op) or convolution_fault(op) or epilogue_fault(op)
    if op.name == GEMM:
        return parts_fault(op) or types_fault(op) or product_fault(op) or epilogue_fault(op)
    if op.name in MACHINE:
        return machine_fault(op, MACHINE[op.name])
    return ""


def parts_fault(op: ir.Operation) -> str:
    """Operands and result that are no tensors, or have open sizes where none may be, attributes that are no numbers of a usual width."""
    from mlir import ir

    names = ("input", "weights", "bias", "multiplier", "shift")
    if len(op.results) != 1 or not 3 <= len(op.operands) <= len(names):
        return "needs input, weights and bias, and gives one result"
    for name, value in [*zip(names, op.operands), ("result", op.results[0])]:
        if not isinstance(value.type, ir.RankedTensorType) or not (value.type.has_static_shape or may_be_open(op, name)):
            return f"{name} must be a tensor of static sizes, not {value.type}"
        if 0 in value.type.shape:
            return f"{name} is empty: {value.type}"
    for name in op.attributes:
        value = op.attributes[name]
        if isinstance(value, ir.IntegerAttr) and not (isinstance(value.type, ir.IntegerType) and value.type.width <= WIDEST):
            return f"{name} must be an integer of at most {WIDEST} bits, not {value}"
    lists = [name for name in LISTS if op.name == CONV2D and not isinstance(op.attributes[name], ir.DenseI64ArrayAttr)]
    return f"{lists[0]} must be array<i64: ...>, not {op.attributes[lists[0]]}" if lists else ""


def may_be_open(op: ir.Operation, name: str) -> bool:
    """Whether sizes of an operand or of the result may be known only at run time: those of a plain matrix product may."""
    plain = op.name == GEMM and len(op.results[0].type.shape) == 2 and not op.attributes["input_km"].value
    return plain and name in ("input", "weights", "result")


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
    if 0 in weights or image[3] % weights[3]:
        return f"the input has {image[3]} channels, the weights {weights[3]}"
    if weights[0] % (image[3] // weights[3]):
        return f"{weights[0]} output channels do not divide into {image[3] // weights[3]} groups"
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
    if not 2 <= len(left) == len(right) == len(result) <= 3:
        return "input, weights and result must have two dimensions, or all three"
    *batch, m, left_k = [*left[:-2], left[-1], left[-2]] if op.attributes["input_km"].value else left
    *right_batch, k, n = right if op.attributes["weights_kn"].value else [*right[:-2], right[-1], right[-2]]
    if batch != right_batch:
        return f"the batch is {batch[0]} in the input and {right_batch[0]} in the weights"
    if not agree([left_k], [k]):
        return f"K is {left_k} in the input and {k} in the weights"
    return "" if agree(result, [*batch, m, n]) else f"the result must be {[*batch, m, n]}, not {result}"


def agree(one: list[int], other: list[int]) -> bool:
    """Whether shapes are, or may at run time turn out to be, the same; what is not known before is negative."""
    return len(one) == len(other) and all(a == b or min(a, b) < 0 for a, b in zip(one, other))


def epilogue_fault(op: ir.Operation) -> str:
    """Bias and requantisation: sizes, constants, ranges."""
    channels = channel_count(op)
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
    length = prod(weights[1:]) if op.name == CONV2D else weights[-2 if op.attributes["weights_kn"].value else -1]
    limit = ArrayConfig().max_k
    return "" if length <= limit else f"a reduction of {length} products can overflow int32; at most {limit} are supported"


def machine_fault(op: ir.Operation, kind: isa.Op) -> str:
    """Whether each attribute fits its field."""
    try:
        isa.describe(kind, **{field.name: op.attributes[field.name].value for field in ir_fields(kind)})
    except EncodingError as error:
        return str(error)
    return ""
