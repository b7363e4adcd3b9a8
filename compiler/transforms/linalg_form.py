"""Reads a linalg operation as what it says: which loops, which element of each operand, what the body computes.

Named operations and ``linalg.generic`` alike have indexing maps and a body. Read from these, all spellings of a contraction
look the same, whatever they are called and however their dimensions are ordered:

    linalg.generic {indexing_maps = [(b, h, i, j, k) -> (b, i, h, k), ... -> (b, j, h, k), ... -> (b, h, i, j)], ...}
      { yield out + extsi(a) * extsi(b) }
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwacc.compiler.constants import constant_scalar
from hwacc.compiler.transforms.build import defining

if TYPE_CHECKING:
    from mlir import ir

Axis = tuple[tuple[int, int], ...]
"""Where an operation is along an axis of an operand: the sum of loops, each (number, coefficient); empty for a place that is always 0."""

INT32_BITS = 32
SIGNED, UNSIGNED = ("arith.extsi", "arith.extf"), ("arith.extui",)
"""How a body widens an element."""
LIKE_A_PRODUCT = "multiplies and adds up, but not as sum + a * b, each index of which is a sum of loops"
"""Why :func:`read_form` does not know an operation that might well be a contraction."""


@dataclass(frozen=True)
class Factor:
    """One side of the product: an operand, where the loops are along each of its axes, and what is subtracted from its elements."""

    value: ir.Value
    axes: tuple[Axis, ...]
    zero_point: ir.Value | None
    signed: bool

    @property
    def loops(self) -> list[int]:
        """The loops that move through the operand, in the order of its axes."""
        return [loop for axis in self.axes for loop, _ in axis]

    @property
    def shape(self) -> list[int]:
        """The operand's sizes."""
        return list(self.value.type.shape)

    @property
    def element(self) -> str:
        """The type of its elements, as MLIR writes it."""
        return str(self.value.type.element_type)

    def axis_of(self, loop: int) -> int:
        """The axis along which ``loop`` alone moves."""
        return self.axes.index(((loop, 1),))


@dataclass(frozen=True)
class Form:
    """``result[out] = accumulator[out] + sum of left * right``; ``sizes`` of the loops, ``out`` the loop of each axis of the result."""

    left: Factor
    right: Factor
    out: tuple[int, ...]
    accumulator: ir.Value
    sizes: dict[int, int]

    @property
    def has_known_sizes(self) -> bool:
        """Whether all sizes are known before run time."""
        return all(value.type.has_static_shape for value in (self.left.value, self.right.value, self.accumulator))

    def shape(self, loops: Sequence[int]) -> list[int]:
        """The sizes of ``loops``."""
        return [self.sizes[loop] for loop in loops]

    @property
    def swapped(self) -> Form:
        """The same with the other factor on the left."""
        return Form(self.right, self.left, self.out, self.accumulator, self.sizes)


def read_form(op: ir.Operation) -> Form | None:
    """The contraction that a linalg operation is: a sum of products, added to its only output; None for anything else."""
    if not op.name.startswith("linalg.") or not len(op.regions) or len(op.operands) < 2:
        return None
    body = multiply_add(op)
    maps = indexing_axes(op) if body else None
    if body is None or maps is None:
        return None
    factors = [Factor(op.operands[index], maps[index], zero_point, signed) for index, zero_point, signed in body]
    out = maps[-1]
    if any(axis != ((axis[0][0], 1),) for axis in out if axis) or not all(out):
        return None
    results = tuple(axis[0][0] for axis in out)
    if not set(factors[0].loops + factors[1].loops) - set(results):
        return None  # nothing is summed up: arithmetic on elements
    accumulator = op.operands[len(op.operands) - 1]
    shapes = [*((f.axes, f.shape) for f in factors), (out, list(accumulator.type.shape))]
    sizes = loop_sizes(shapes)
    if set(factors[0].loops + factors[1].loops + list(results)) - set(sizes):
        return None
    return Form(factors[0], factors[1], results, accumulator, sizes)


def resembles_product(op: ir.Operation) -> bool:
    """Whether a linalg operation multiplies and adds up along some loop, be it in a form that :func:`read_form` knows or not."""
    if "iterator_types" not in op.attributes or not any("reduction" in str(kind) for kind in op.attributes["iterator_types"]):
        return False
    body = {inner.name for block in op.regions[0].blocks for inner in block.operations}
    return "arith.muli" in body and not body.isdisjoint({"arith.addi", "arith.subi"})


def loop_sizes(shapes: Sequence[tuple[Sequence[Axis], Sequence[int]]]) -> dict[int, int]:
    """The size of each loop that alone moves along some axis; of one that no shape tells a negative number."""
    sizes: dict[int, int] = {}
    for axes, shape in shapes:
        for axis, size in zip(axes, shape):
            if len(axis) == 1 and axis[0][1] == 1:
                sizes[axis[0][0]] = max(int(size), sizes.get(axis[0][0], int(size)))
    return sizes


def multiply_add(op: ir.Operation) -> list[tuple[int, ir.Value | None, bool]] | None:
    """The two factors of a body that yields ``out + a * b``: operand, zero point, and whether it is signed; None for other bodies."""
    if not len(op.regions[0].blocks):
        return None
    block = op.regions[0].blocks[0]
    last = list(block.operations)[-1]
    if len(last.operands) != 1 or not len(block.arguments):
        return None
    arguments = list(block.arguments)
    total = defining(last.operands[0])
    if total is None or total.name not in ("arith.addi", "arith.addf") or arguments[-1] not in list(total.operands):
        return None
    position = list(total.operands).index(arguments[-1])
    product = defining(total.operands[1 - position])
    is_widened = product is not None and product.name == "arith.extsi"
    if product is not None and is_widened:
        product = defining(product.operands[0])
    if product is None or product.name not in ("arith.muli", "arith.mulf"):
        return None
    found = [factor for factor in (factor_of(op, value, arguments[:-1]) for value in product.operands) if factor is not None]
    if is_widened and (product.results[0].type.width < 16 or any(point is not None for _, point, _ in found)):
        return None  # two int8, but no more, have a product that fits in what is widened
    return found if len(found) == 2 else None


def factor_of(op: ir.Operation, value: ir.Value, arguments: Sequence[ir.Value]) -> tuple[int, ir.Value | None, bool] | None:
    """The operand whose element a factor of the body is, widened or less a zero point; None if it is something else."""
    inner = defining(value)
    if inner is None:
        position = arguments.index(value) if value in arguments else None
        return None if position is None or not is_shaped(op.operands[position]) else (position, None, True)
    if inner.name in SIGNED + UNSIGNED:
        found = factor_of(op, inner.operands[0], arguments)
        return found and (found[0], found[1], found[2] and inner.name in SIGNED)
    if inner.name != "arith.subi":
        return None
    found, point = factor_of(op, inner.operands[0], arguments), inner.operands[1]
    if found is None or found[1] is not None or can_wrap(inner):
        return None
    outside = op.operands[arguments.index(point)] if point in arguments else point
    return found[0], outside, found[2]


def is_shaped(value: ir.Value) -> bool:
    """Whether a value is a tensor or a memref, not a number."""
    from mlir import ir

    return isinstance(value.type, ir.ShapedType)


def can_wrap(subtraction: ir.Operation) -> bool:
    """Whether an int8 less this zero point may leave the type of the difference, which then is not the difference any more.

    In int32 it may not matter: the sum is modulo 2³² as well.
    """
    width = getattr(subtraction.results[0].type, "width", INT32_BITS)
    if width >= INT32_BITS:
        return False
    point = constant_scalar(subtraction.operands[1])
    return point is None or -128 - point < -(2 ** (width - 1)) or 127 - point >= 2 ** (width - 1)


def indexing_axes(op: ir.Operation) -> list[tuple[Axis, ...]] | None:
    """For each operand where the loops are along its axes; None where an index is no sum of loops."""
    from mlir.dialects import linalg

    maps = linalg.get_indexing_maps(op)
    if maps is None:
        return None
    found = [tuple(map(axis_of, each.value.results)) for each in maps]
    return None if any(axis is None for axes in found for axis in axes) else found  # type: ignore[return-value]


def axis_of(expression: ir.AffineExpr) -> Axis | None:
    """An index as a sum of loops; None if it is more than that."""
    from mlir import ir

    if isinstance(expression, ir.AffineDimExpr):
        return ((expression.position, 1),)
    if isinstance(expression, ir.AffineConstantExpr):
        return () if expression.value == 0 else None
    if isinstance(expression, ir.AffineMulExpr):
        inner, by = axis_of(expression.lhs), expression.rhs
        if inner is None or not isinstance(by, ir.AffineConstantExpr) or by.value < 1:
            return None
        return tuple((loop, coefficient * by.value) for loop, coefficient in inner)
    if isinstance(expression, ir.AffineAddExpr):
        left, right = axis_of(expression.lhs), axis_of(expression.rhs)
        return None if left is None or right is None else left + right
    return None
