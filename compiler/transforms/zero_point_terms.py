"""What zero points add to a matrix product, where they cannot be folded into the bias.

With zero points a of the input and b of the weights,

    sum((x - a) * (w - b)) = sum(x * w) - a * sum(w) - b * sum(x) + a * b * K

The first sum is the array's. The others have one number for each column, or for each row; the CPU computes them, M·K + K·N additions
beside M·K·N products. They are folded at compile time where the weights are constant and b is 0, see :mod:`.fold_zero_points`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwacc.compiler.transforms.build import elementwise, integer, scalar, tensor_type

if TYPE_CHECKING:
    from mlir import ir


def with_zero_points(total: ir.Value, factors: tuple[ir.Value, ir.Value], summed: tuple[int, int], points: tuple[int, int]) -> ir.Value:
    """``total``, [M, N] or [B, M, N], plus the terms of the zero ``points`` of input and weights.

    ``factors`` are input and weights, and ``summed`` the axis of each that the product sums up.
    """
    rank, (left, right), (a, b) = len(total.type.shape), factors, points
    k = list(left.type.shape)[summed[0]]
    if a:
        total = less(total, sums(right, summed[1]), a, rank - 1)
    if b:
        total = less(total, sums(left, summed[0]), b, rank - 2)
    return plus(total, a * b * k) if a and b else total


def sums(value: ir.Value, axis: int) -> ir.Value:
    """int32 sums of the int8 ``value`` along an ``axis``."""
    from mlir import ir
    from mlir.dialects import arith, linalg, tensor

    shape, word = list(value.type.shape), integer(32)
    kept = [dim for dim in range(len(shape)) if dim != axis]
    kind = tensor_type([shape[dim] for dim in kept], word)
    start = linalg.fill(scalar(0, word), outs=[tensor.EmptyOp(list(kind.shape), word).result])
    maps = [ir.AffineMap.get_identity(len(shape)), ir.AffineMap.get(len(shape), 0, [ir.AffineExpr.get_dim(dim) for dim in kept])]
    types = [ir.Attribute.parse(f"#linalg.iterator_type<{'reduction' if dim == axis else 'parallel'}>") for dim in range(len(shape))]
    made = linalg.GenericOp(
        [kind], [value], [start], ir.ArrayAttr.get([ir.AffineMapAttr.get(each) for each in maps]), ir.ArrayAttr.get(types)
    )
    block = made.regions[0].blocks.append(integer(8), word)
    with ir.InsertionPoint(block):
        linalg.YieldOp([arith.addi(block.arguments[1], arith.extsi(word, block.arguments[0]))])
    return made.results[0]


def less(total: ir.Value, terms: ir.Value, point: int, axis: int) -> ir.Value:
    """``total`` less ``point`` times the ``terms``, which lie along the batch and this ``axis``."""
    from mlir.dialects import arith, linalg, tensor

    rank, word = len(total.type.shape), integer(32)
    other = rank - 1 if axis == rank - 2 else rank - 2
    empty = tensor.EmptyOp(list(total.type.shape), word).result
    spread = linalg.broadcast(terms, outs=[empty], dimensions=[other]).results[0]
    return elementwise([total, spread], word, lambda one, term: arith.subi(one, arith.muli(term, scalar(point, word))))


def plus(total: ir.Value, number: int) -> ir.Value:
    """``total`` plus a number, modulo 2³²."""
    from mlir.dialects import arith

    word = integer(32)
    wrapped = int(np.int64(number).astype(np.int32))
    return elementwise([total], word, lambda one: arith.addi(one, scalar(wrapped, word)))
