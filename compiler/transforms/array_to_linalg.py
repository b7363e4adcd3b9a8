"""Lowers array operations back to linalg, for the CPU.

Where an array operation does not fit the array at hand, or where no array is
wanted, the CPU computes the same numbers:

    %y = "hwacc.conv2d"(%x, %w, %bias, %multiplier, %shift) {padding = array<i64: 1, 1, 1, 1>, pad_value = -128 : i32, ...}

becomes

    %padded = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] { tensor.yield %c-128_i8 }
    %init = linalg.broadcast ins(%bias) outs(%empty) dimensions = [0, 1, 2]
    %sum = linalg.conv_2d_nhwc_fhwc ins(%padded, %w) outs(%init)
    %y = linalg.generic ins(%sum, %multiplier, %shift) { tosa.apply_scale; arith.addi; arith.maxsi; arith.minsi; arith.trunci }

An operation on memrefs gets tensors of what it reads, and ``bufferization.materialize_in_destination`` of the result: upstream's
bufferization then computes it in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import constant_array, constant_attribute, make_constant
from hwacc.compiler.dialects.hwacc import (
    CONV2D,
    INTO,
    MEMREF_OPS,
    channel_count,
    create,
    group_count,
    has_residual,
    operands_of,
    result_of,
)
from hwacc.compiler.transforms.build import defining, elementwise, integer, replace, scalar, size_of, tensor_type
from hwacc.compiler.transforms.passes import Pass
from hwacc.compiler.transforms.verify_hwacc import folded_ops

if TYPE_CHECKING:
    from mlir import ir


class ArrayToLinalg(Pass):
    """``array-to-linalg``: ``hwacc.conv2d`` and ``hwacc.gemm``, on tensors or on memrefs, become linalg operations on tensors."""

    name = "array-to-linalg"

    def run(self, module: ir.Operation) -> None:
        lower_array_ops(module)


def lower_array_ops(root: ir.Operation) -> None:
    """Lowers the array operations under ``root``."""
    from mlir import ir

    for found in folded_ops(root):
        with found.location:
            op = on_tensors(found) if found.name in MEMREF_OPS else found
        with ir.InsertionPoint(op), op.location:
            total = convolution(op) if op.name == CONV2D else product(op)
            replace(op, rescaled(op, total) if len(op.operands) > 3 else total)


def on_tensors(op: ir.Operation) -> ir.Operation:
    """The operation on tensors in place of ``op``, which is on memrefs; its result goes to the output."""
    from mlir import ir
    from mlir.dialects import arith, bufferization

    tensors: dict[ir.Value, ir.Value] = {}
    with ir.InsertionPoint(op):
        for value in operands_of(op):
            source, kind = defining(value), tensor_type(list(value.type.shape), value.type.element_type)
            content = constant_attribute(source) if source is not None else None
            if content is not None:
                tensors[value] = arith.ConstantOp(kind, content).result
            elif value not in tensors:
                tensors[value] = bufferization.ToTensorOp(kind, value, restrict=True).result
        output = result_of(op)
        kind = tensor_type(list(output.type.shape), output.type.element_type)
        attributes = {name: op.attributes[name] for name in op.attributes}
        made = create(op.name.removesuffix(INTO), [tensors[value] for value in operands_of(op)], kind, **attributes)
        bufferization.MaterializeInDestinationOp(None, made.results[0], output, restrict=True, writable=True)
    op.erase()
    return made


def convolution(op: ir.Operation) -> ir.Value:
    """The int32 convolution, padding included."""
    from mlir import ir
    from mlir.dialects import linalg, tensor

    steps = {name: ir.DenseElementsAttr.get(np.array(list(op.attributes[name]), np.int64)) for name in ("strides", "dilations")}
    start, image, weights, groups = broadcast_bias(op), padded(op), op.operands[1], group_count(op)
    if groups == 1:
        made = linalg.Conv2DNhwcFhwcOp([start.type], [image, weights], [start], **steps)
        linalg.fill_builtin_region(made.operation)
        return made.results[0]
    # Of groups upstream wants a dimension of their own.
    start, image, weights = divided(start, 3, groups), divided(image, 3, groups), divided(weights, 0, groups)
    made = linalg.Conv2DNhwgcGfhwcOp([start.type], [image, weights], [start], **steps)
    linalg.fill_builtin_region(made.operation)
    return tensor.collapse_shape(op_sums(op), made.results[0], [[0], [1], [2], [3, 4]])


def divided(value: ir.Value, axis: int, count: int) -> ir.Value:
    """``value`` with an ``axis`` as two, the first of size ``count``."""
    from mlir.dialects import tensor

    shape = list(value.type.shape)
    parts = [*shape[:axis], count, shape[axis] // count, *shape[axis + 1 :]]
    groups = [[i] for i in range(axis)] + [[axis, axis + 1]] + [[i + 1] for i in range(axis + 1, len(shape))]
    return tensor.expand_shape(tensor_type(parts, value.type.element_type), value, groups, [], parts)


def op_sums(op: ir.Operation) -> ir.RankedTensorType:
    """The type of the int32 sums of ``op``."""
    return tensor_type(list(op.results[0].type.shape), integer(32))


def product(op: ir.Operation) -> ir.Value:
    """The int32 matrix product."""
    from mlir import ir
    from mlir.dialects import linalg

    rank = len(op.results[0].type.shape)
    *batch, row, column, inner = (ir.AffineExpr.get_dim(i) for i in range(rank + 1))
    left = [inner, row] if op.attributes["input_km"].value else [row, inner]
    right = [inner, column] if op.attributes["weights_kn"].value else [column, inner]
    maps = [ir.AffineMapAttr.get(ir.AffineMap.get(rank + 1, 0, [*batch, *dims])) for dims in (left, right, [row, column])]
    start = broadcast_bias(op)
    kind = linalg.BatchMatmulOp if batch else linalg.MatmulOp
    made = kind([start.type], [op.operands[0], op.operands[1]], [start], indexing_maps=ir.ArrayAttr.get(maps))
    linalg.fill_builtin_region(made.operation)
    return made.results[0]


def broadcast_bias(op: ir.Operation) -> ir.Value:
    """The accumulator's start: the residual, the bias in every row, or 0 where nobody knows how many channels there are."""
    from mlir.dialects import linalg, tensor

    if has_residual(op):
        return op.operands[2]
    shape = list(op.results[0].type.shape)
    empty = tensor.EmptyOp(result_sizes(op), integer(32)).result
    if shape[-1] < 0:
        return linalg.fill(scalar(0, integer(32)), outs=[empty])
    bias = for_each_channel(op, op.operands[2])
    batch = len(bias.type.shape) - 1
    return linalg.broadcast(bias, outs=[empty], dimensions=range(batch, len(shape) - 1)).results[0]


def for_each_channel(op: ir.Operation, value: ir.Value) -> ir.Value:
    """A constant of one element, or one for each channel, as [N], or as [B, N] for a batch of products."""
    array, shape = constant_array(value), list(op.results[0].type.shape)
    wanted = (shape[0], shape[-1]) if len(shape) == 3 else (shape[-1],)
    if array is None or array.shape == wanted:
        return value
    return make_constant(np.broadcast_to(array, channel_count(op)).reshape(wanted))


def result_sizes(op: ir.Operation) -> list[int | ir.Value]:
    """The sizes of the result; those of a matrix product that are known only at run time are read off its operands."""
    shape = list(op.results[0].type.shape)
    if min(shape) >= 0:
        return shape
    columns = 1 if op.attributes["weights_kn"].value else 0
    return [size if size >= 0 else size_of(op.operands[axis], (0, columns)[axis]) for axis, size in enumerate(shape)]


def padded(op: ir.Operation) -> ir.Value:
    """The input with its padding around it."""
    from mlir import ir
    from mlir.dialects import arith, tensor

    source = op.operands[0]
    top, bottom, left, right = op.attributes["padding"]
    if not any((top, bottom, left, right)):
        return source
    low, high = [0, top, left, 0], [0, bottom, right, 0]
    shape = [size + before + after for size, before, after in zip(source.type.shape, low, high)]
    made = tensor.PadOp(tensor_type(shape, source.type.element_type), source, [], [], low, high)
    with ir.InsertionPoint(made.regions[0].blocks.append(*[ir.IndexType.get()] * 4)):
        tensor.YieldOp(arith.ConstantOp(integer(8), op.attributes["pad_value"].value).result)
    return made.result


def rescaled(op: ir.Operation, total: ir.Value) -> ir.Value:
    """The requantisation of ``total`` that ``op`` describes."""
    from mlir import ir
    from mlir.dialects import arith, tosa

    word = integer(32)
    zero_point, low, high = (op.attributes[name].value for name in ("zero_point", "clamp_min", "clamp_max"))
    mode = "DOUBLE_ROUND" if op.attributes["double_round"].value else "SINGLE_ROUND"

    def body(value: ir.Value, multiplier: ir.Value, shift: ir.Value) -> ir.Value:
        scaled = tosa.apply_scale(word, value, multiplier, shift, ir.Attribute.parse(f"#tosa.rounding_mode<{mode}>"))
        shifted = arith.addi(scaled, scalar(zero_point, word))
        clamped = arith.minsi(arith.maxsi(shifted, scalar(low, word)), scalar(high, word))
        return arith.trunci(integer(8), clamped)

    if list(op.results[0].type.shape)[-1] < 0:
        multiplier, shift = (int(required_constant(op.operands[i])[0]) for i in (3, 4))
        return elementwise([total], integer(8), lambda value: body(value, scalar(multiplier, word), scalar(shift, integer(8))))
    return elementwise([total, *(for_each_channel(op, op.operands[i]) for i in (3, 4))], integer(8), body)


def required_constant(value: ir.Value) -> NDArray[Any]:
    """A constant's content; the verifier has seen that it is one."""
    array = constant_array(value)
    assert array is not None, value
    return array
