"""Quantises one float product, of any number of dimensions in any order."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwacc.compiler.constants import constant_array, constant_scalar, make_constant
from hwacc.compiler.transforms.build import defining, integer, scalar
from hwacc.compiler.transforms.layers import place_of, range_of
from hwacc.compiler.transforms.loop_nest import Read, dims_of, nest, reduction
from hwacc.compiler.transforms.quantised_operand import Quantised, Range, Scale, quantise
from hwacc.compiler.transforms.reasons import NotForArray
from hwacc.compiler.transforms.reshapes import merged, split
from hwacc.compiler.transforms.rounding import HIGH, LOWEST, converted, f32, single
from hwacc.config import ArrayConfig

if TYPE_CHECKING:
    from mlir import ir


@dataclass(frozen=True)
class Product:
    """A contraction by its loops: which of its two operands and its result have them.

    ``left`` is an activation if any of the two is.
    """

    left: Read
    right: Read
    limits: tuple[Range | None, Range | None]
    start: Read
    """What is added; its loops are those of the result, in order."""
    batch: tuple[int, ...]
    m: tuple[int, ...]
    n: tuple[int, ...]
    k: tuple[int, ...]

    def sizes(self, loops: tuple[int, ...]) -> list[int]:
        """How often each of the ``loops`` runs."""
        extents = self.left.extents | self.right.extents
        return [extents[loop] for loop in loops]


def quantised_product(op: ir.Operation) -> ir.Value:
    """The result of a float contraction, by an integer one; raises :class:`NotForArray`."""
    product = read_product(op)
    batch, m, n, k = product.batch, product.m, product.n, product.k
    length = prod(product.sizes(k))
    require_length(length)
    left = quantise(product.left, (*batch, *m, *k), (*batch, *m), product.limits[0], place_of(op), shifted=may_shift(length))
    right = quantise(product.right, (*batch, *k, *n), (*batch, *n), product.limits[1], place_of(op))
    front = [batch] if batch else []
    rows, columns = ([len(loops) for loops in (*front, *rest)] for rest in ((m, k), (k, n)))
    folds = left.zero_points is None and not batch and constant_array(right.value) is not None
    with place_of(op):
        total = integer_product(merged(left.value, rows), merged(right.value, columns), left.zero_point if folds else 0)
    total = split(total, [product.sizes(loops) for loops in (*front, m, n)])
    with place_of(op, "scale"):
        shift = [] if folds else shifts(left, Read(right.value, (*batch, *k, *n)), (*batch, *n))
        return scaled(Read(total, (*batch, *m, *n)), (left, right), product.start, op.results[0].type, shift)


def read_product(op: ir.Operation) -> Product:
    """The loops of a contraction; raises :class:`NotForArray` where its operands are read in some other way."""
    from mlir.dialects import linalg

    maps = [dims_of(each.value) for each in linalg.get_indexing_maps(op)]
    if any(each is None for each in maps):
        raise NotForArray("it does not walk along its operands' dimensions one by one")
    left, right = (Read(op.operands[i], maps[i] or ()).behind_moves() for i in (0, 1))
    limits = range_of(op, 0), range_of(op, 1)
    if constant_array(left.value) is not None and constant_array(right.value) is None:
        left, right, limits = right, left, limits[::-1]
    start = Read(op.operands[2], maps[2] or ())
    in_left, in_right, in_result = set(left.loops), set(right.loops), set(start.loops)
    groups = {
        "batch": in_left & in_right & in_result,
        "m": (in_left & in_result) - in_right,
        "n": (in_right & in_result) - in_left,
        "k": (in_left & in_right) - in_result,
    }
    if set().union(*groups.values()) != in_left | in_right | in_result or not groups["k"]:
        raise NotForArray("it is not a plain sum of products of its operands' elements")
    return Product(left, right, limits, start, **{name: tuple(sorted(loops)) for name, loops in groups.items()})


def require_length(length: int) -> None:
    """Raises :class:`NotForArray` for a sum of more products than int32 surely holds."""
    limit = ArrayConfig().max_k
    if length > limit:
        raise NotForArray(f"a reduction of {length} products can overflow int32; at most {limit} are supported")


def may_shift(length: int) -> bool:
    """Whether int32 holds a sum of so many products of int8, less its zero point, by int8."""
    return length * (HIGH - LOWEST) * HIGH < 2**31


def integer_product(left: ir.Value, right: ir.Value, zero_point: int) -> ir.Value:
    """[M, K] by [K, N], or batches of both, int8 into int32."""
    from mlir.dialects import linalg

    *batch, m, _ = list(left.type.shape)
    start = zeros([*batch, m, list(right.type.shape)[-1]])
    if zero_point:
        points = [scalar(zero_point, integer(32)), scalar(0, integer(32))]
        made = linalg.QuantizedMatmulOp([start.type], [left, right, *points], [start])
    else:
        made = (linalg.BatchMatmulOp if batch else linalg.MatmulOp)([start.type], [left, right], [start])
    linalg.fill_builtin_region(made.operation)
    return made.results[0]


def zeros(shape: list[int]) -> ir.Value:
    """An int32 tensor of zeros, where an accumulator starts."""
    from mlir.dialects import linalg, tensor

    return linalg.fill(scalar(0, integer(32)), outs=[tensor.EmptyOp(shape, integer(32)).result])


def shifts(left: Quantised, right: Read, columns: tuple[int, ...]) -> list[Read]:
    """Zero points of the rows of ``left`` and sums of the ``columns`` of ``right``, whose product is to be subtracted; nothing for 0.

    ``sum((x - zero) * w) = sum(x * w) - zero * sum(w)``.
    """
    from mlir.dialects import arith

    if left.zero_points is None and not left.zero_point:
        return []
    points = left.zero_points or Read(make_constant(np.array(left.zero_point, np.int32)), ())
    array = constant_array(right.value)
    if array is not None:
        others = tuple(axis for axis, loop in enumerate(right.loops) if loop not in columns)
        sums = make_constant(array.sum(axis=others, dtype=np.int32))
    else:
        sums = reduction(right, columns, scalar(0, integer(32)), lambda x, total: arith.addi(total, arith.extsi(integer(32), x)))
    return [points, Read(sums, columns)]


def scaled(
    total: Read, factors: tuple[Quantised, Quantised], start: Read, result: ir.RankedTensorType, shift: list[Read] | None = None
) -> ir.Value:
    """``total``, less the product of the two numbers ``shift``, times the scales of the two operands, plus ``start``.

    The loops of ``start`` are those of the result, in order.
    """
    from mlir.dialects import arith

    scales = [each.read() for each in together(*(factor.scale for factor in factors))]
    addend = start.behind_moves()
    added = [] if is_zero(addend.value) else [addend]
    kind = result.element_type

    def body(number: ir.Value, *others: ir.Value) -> ir.Value:
        rest = list(others)
        if shift:
            number = arith.subi(number, arith.muli(rest.pop(0), rest.pop(0)))
        made = arith.sitofp(f32(), number)
        for _ in scales:
            made = arith.mulf(made, rest.pop(0))
        for other in rest:
            made = arith.addf(made, single(other))
        return converted(made, kind)

    return nest([total, *(shift or []), *scales, *added], start.loops, kind, body)


def together(left: Scale, right: Scale) -> list[Scale]:
    """The two scales, or one where their product is known: a number for each column."""
    if left.constant is None or right.constant is None or left.loops:
        return [left, right]
    return [Scale(right.loops, left.constant * right.constant)]


def is_zero(value: ir.Value) -> bool:
    """Whether a tensor holds nothing but zeros, for all that is known at compile time."""
    op = defining(value)
    return constant_scalar(op.operands[0] if op is not None and op.name == "linalg.fill" else value) == 0
