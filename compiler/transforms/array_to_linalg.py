"""Lowers array operations back to linalg, for the CPU.

Where an array operation does not fit the array at hand, or where no array is
wanted, the CPU computes the same numbers:

    %y = "hwacc.conv2d"(%x, %w, %bias, %multiplier, %shift) {padding = array<i64: 1, 1, 1, 1>, pad_value = -128 : i32, ...}

becomes

    %padded = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] { tensor.yield %c-128_i8 }
    %init = linalg.broadcast ins(%bias) outs(%empty) dimensions = [0, 1, 2]
    %sum = linalg.conv_2d_nhwc_fhwc ins(%padded, %w) outs(%init)
    %y = linalg.generic ins(%sum, %multiplier, %shift) { tosa.apply_scale; arith.addi; arith.maxsi; arith.minsi; arith.trunci }
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwacc.compiler.constants import constant_array, make_constant
from hwacc.compiler.dialects.hwacc import CONV2D, TENSOR_OPS
from hwacc.compiler.transforms.build import elementwise, integer, replace, scalar, tensor_type
from hwacc.compiler.transforms.passes import Pass, walk

if TYPE_CHECKING:
    from mlir import ir


class ArrayToLinalg(Pass):
    """``array-to-linalg``: ``hwacc.conv2d`` and ``hwacc.gemm`` become linalg operations."""

    name = "array-to-linalg"

    def run(self, module: ir.Operation) -> None:
        lower_array_ops(module)


def lower_array_ops(root: ir.Operation) -> None:
    """Lowers the array operations under ``root``."""
    from mlir import ir

    for op in walk(root, *TENSOR_OPS):
        with ir.InsertionPoint(op), op.location:
            total = convolution(op) if op.name == CONV2D else product(op)
            replace(op, rescaled(op, total) if len(op.operands) > 3 else total)


def convolution(op: ir.Operation) -> ir.Value:
    """The int32 convolution, padding included."""
    from mlir import ir
    from mlir.dialects import linalg

    steps = {name: ir.DenseElementsAttr.get(np.array(list(op.attributes[name]), np.int64)) for name in ("strides", "dilations")}
    start = broadcast_bias(op)
    made = linalg.Conv2DNhwcFhwcOp([start.type], [padded(op), op.operands[1]], [start], **steps)
    linalg.fill_builtin_region(made.operation)
    return made.results[0]


def product(op: ir.Operation) -> ir.Value:
    """The int32 matrix product."""
    from mlir import ir
    from mlir.dialects import linalg

    row, column, inner = (ir.AffineExpr.get_dim(i) for i in range(3))
    right = [inner, column] if op.attributes["weights_kn"].value else [column, inner]
    maps = [ir.AffineMapAttr.get(ir.AffineMap.get(3, 0, dims)) for dims in ([row, inner], right, [row, column])]
    start = broadcast_bias(op)
    made = linalg.MatmulOp([start.type], [op.operands[0], op.operands[1]], [start], indexing_maps=ir.ArrayAttr.get(maps))
    linalg.fill_builtin_region(made.operation)
    return made.results[0]


def broadcast_bias(op: ir.Operation) -> ir.Value:
    """The accumulator's start: the bias in every row."""
    from mlir.dialects import linalg, tensor

    shape = list(op.results[0].type.shape)
    empty = tensor.EmptyOp(shape, integer(32)).result
    return linalg.broadcast(op.operands[2], outs=[empty], dimensions=range(len(shape) - 1)).results[0]


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

    channels = list(total.type.shape)[-1]
    return elementwise([total, *(per_channel(op.operands[i], channels) for i in (3, 4))], integer(8), body)


def per_channel(value: ir.Value, channels: int) -> ir.Value:
    """A constant of one element as one of ``channels`` elements."""
    array = constant_array(value)
    if array is None or array.size == channels:
        return value
    return make_constant(np.broadcast_to(array, channels))
