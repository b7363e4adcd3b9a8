"""Checks what the dialect's IRDL definition cannot say.

Element types and the sizes that must agree, at tensor level; field ranges, at
machine level. Changes nothing; an error carries the operation's location:

    "hwacc.gemm"(%a, %b, %bias) : (tensor<4x8xi8>, tensor<10x9xi8>, tensor<10xi32>) -> tensor<4x10xi32>

is refused with ``hwacc.gemm: K is 8 in the input and 9 in the weights``. The form on memrefs
must also write memory of its own, as far as the function shows which that is.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import TYPE_CHECKING

from hwacc import isa
from hwacc.compiler.constants import constant_array, element_name
from hwacc.compiler.dialects.hwacc import (
    CONTRACTIONS,
    MACHINE_OPS,
    MEMREF_OPS,
    OPERANDS,
    channel_count,
    has_residual,
    ir_fields,
    is_conv2d,
    is_gemm,
    op_name,
    operands_of,
    result_of,
)
from hwacc.compiler.transforms.memory import is_row_major, shares_bytes
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
INPUT_ZERO_POINT = "input_zero_point"
"""Attribute that :mod:`.fold_zero_points` folds into the bias."""
SHIFTS = (2, 62)
"""Smallest and largest shift of TOSA's RESCALE."""


class VerifyHwacc(Pass):
    """``verify-hwacc``: refuses operations of the dialect whose parts do not fit together."""

    name = "verify-hwacc"

    def run(self, module: ir.Operation) -> None:
        found = walk(module)
        if report(found) | report_unfolded([op for op in found if op.name in CONTRACTIONS and constant_array(op.operands[1]) is None]):
            raise RejectedError


def sound_ops(root: ir.Operation, *names: str) -> list[ir.Operation]:
    """The operations under ``root`` with these ``names``, for a pass that could not go on with an unsound one.

    Raises :class:`RejectedError` after reporting those whose parts do not fit together.
    """
    found = walk(root, *names)
    if report(found):
        raise RejectedError
    return found


def folded_ops(root: ir.Operation) -> list[ir.Operation]:
    """The contractions under ``root``, for what knows no zero point of the input.

    Raises :class:`RejectedError` after reporting those that are not sound, or have one.
    """
    found = sound_ops(root, *CONTRACTIONS)
    if report_unfolded(found):
        raise RejectedError
    return found


def report(ops: Iterable[ir.Operation]) -> bool:
    """Reports what is wrong with each of ``ops`` at its location; whether anything is."""
    faults = [(op, fault_in(op)) for op in ops]
    for op, fault in faults:
        if fault:
            op.location.emit_error(f"{op.name}: {fault}")
    return any(fault for _, fault in faults)


def report_unfolded(ops: Iterable[ir.Operation]) -> bool:
    """Reports those of ``ops`` whose input has a zero point still; whether there are any."""
    points = [(op, op.attributes[INPUT_ZERO_POINT].value) for op in ops]
    for op, point in points:
        if point:
            op.location.emit_error(f"{op.name}: {INPUT_ZERO_POINT} is {point} still: fold-zero-points folds it, where weights are constant")
    return any(point for _, point in points)


def fault_in(op: ir.Operation) -> str:
    """What is wrong with ``op``, in words; empty for sound operations and those of other dialects."""
    if op.name in CONTRACTIONS:
        sizes_fault = convolution_fault if is_conv2d(op) else product_fault
        return parts_fault(op) or types_fault(op) or sizes_fault(op) or epilogue_fault(op) or output_fault(op)
    if op.name in MACHINE:
        return machine_fault(op, MACHINE[op.name])
    return ""


def parts_fault(op: ir.Operation) -> str:
    """Operands and result of the wrong kind, or with open sizes where none may be, attributes that are no numbers of a usual width."""
    from mlir import ir

    on_memrefs = op.name in MEMREF_OPS
    if not 3 <= len(operands_of(op)) <= len(OPERANDS) or len(op.results) != (0 if on_memrefs else 1):
        return "needs input, weights and bias, and " + ("an output, and gives no result" if on_memrefs else "gives one result")
    for name, value in [*zip(OPERANDS, operands_of(op)), ("output" if on_memrefs else "result", result_of(op))]:
        if on_memrefs and not is_row_major(value.type):
            return f"{name} must be a memref of static sizes, row-major without gaps, not {value.type}"
        if not on_memrefs and not (isinstance(value.type, ir.RankedTensorType) and (value.type.has_static_shape or may_be_open(op, name))):
            return f"{name} must be a tensor of static sizes, not {value.type}"
        if 0 in value.type.shape:
            return f"{name} is empty: {value.type}"
    for name, value in op.attributes.items():
        if isinstance(value, ir.IntegerAttr) and not (isinstance(value.type, ir.IntegerType) and value.type.width <= WIDEST):
            return f"{name} must be an integer of at most {WIDEST} bits, not {value}"
    lists = [name for name in LISTS if is_conv2d(op) and not isinstance(op.attributes[name], ir.DenseI64ArrayAttr)]
    return f"{lists[0]} must be array<i64: ...>, not {op.attributes[lists[0]]}" if lists else ""


def may_be_open(op: ir.Operation, name: str) -> bool:
    """Whether sizes of an operand or of the result may be known only at run time: those of a plain matrix product may."""
    plain = is_gemm(op) and len(result_of(op).type.shape) == 2 and not op.attributes["input_km"].value
    return plain and name in ("input", "weights", "result")


def types_fault(op: ir.Operation) -> str:
    """Element types: int8 by int8, int32 bias, and int8 exactly where it requantises."""
    operands = operands_of(op)
    for name, kind, operand in zip(OPERANDS, ("i8", "i8", "i32", "i32", "i8"), operands):
        if element_name(operand.type.element_type) != kind:
            return f"{name} must be of {kind}, not {operand.type.element_type}"
    if len(operands) == 4:
        return "a multiplier needs a shift"
    kind = "i8" if len(operands) == 5 else "i32"
    found = element_name(result_of(op).type.element_type)
    return "" if found == kind else f"the result must be of {kind}, not {found}"


def convolution_fault(op: ir.Operation) -> str:
    """Ranks and sizes of a convolution."""
    image, weights, result = (list(value.type.shape) for value in (op.operands[0], op.operands[1], result_of(op)))
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
    left, right, result = (list(value.type.shape) for value in (op.operands[0], op.operands[1], result_of(op)))
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
    if list(op.operands[2].type.shape) != [channels] and not has_residual(op):
        return f"the bias must have {channels} elements, one for each output channel, or the shape of the result"
    for name, operand in zip(OPERANDS[3:], operands_of(op)[3:]):
        if list(operand.type.shape) not in ([1], [channels]):
            return f"{name} must have 1 or {channels} elements"
    contents = [constant_array(operand) for operand in operands_of(op)[2:]]
    if any(content is None for content in contents[1 if has_residual(op) else 0 :]):
        return "bias, multiplier and shift must be constants"
    shifts = contents[2] if len(contents) > 2 else None
    if shifts is not None and not SHIFTS[0] <= shifts.min() <= shifts.max() <= SHIFTS[1]:
        return f"shifts must be from {SHIFTS[0]} to {SHIFTS[1]}"
    low, high, point = (op.attributes[name].value for name in ("clamp_min", "clamp_max", "zero_point"))
    if not -128 <= low <= high <= 127 or not -128 <= point <= 127:
        return f"zero point {point} and clamp {low} to {high} must lie in int8, in order"
    return input_zero_point_fault(op) or reduction_fault(op)


def input_zero_point_fault(op: ir.Operation) -> str:
    """Whether the zero point of the input is a number that :mod:`.fold_zero_points` can add up."""
    point = op.attributes[INPUT_ZERO_POINT].value
    if not -(2**31) <= point < 2**31:
        return f"{INPUT_ZERO_POINT} must be an int32, not {point}"
    return ""


def reduction_fault(op: ir.Operation) -> str:
    """Whether the accumulator could leave int32: the length of the reduction."""
    weights = list(op.operands[1].type.shape)
    length = prod(weights[1:]) if is_conv2d(op) else weights[-2 if op.attributes["weights_kn"].value else -1]
    limit = ArrayConfig().max_k
    return "" if length <= limit else f"a reduction of {length} products can overflow int32; at most {limit} are supported"


def output_fault(op: ir.Operation) -> str:
    """Whether the memref that is written is a constant, or shares bytes with one that is read, as far as can be seen."""
    if op.name not in MEMREF_OPS:
        return ""
    output = result_of(op)
    if constant_array(output) is not None:
        return "output is a constant"
    shared = [name for name, operand in zip(OPERANDS, operands_of(op)) if shares_bytes(operand, output)]
    return f"output shares bytes with {shared[0]}" if shared else ""


def machine_fault(op: ir.Operation, kind: isa.Op) -> str:
    """Whether each attribute fits its field."""
    try:
        isa.describe(kind, **{field.name: op.attributes[field.name].value for field in ir_fields(kind)})
    except EncodingError as error:
        return str(error)
    return ""
