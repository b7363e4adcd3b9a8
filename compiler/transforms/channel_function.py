"""Reads the bodies of elementwise loops as one function of an integer: a line for each channel, rounded and clamped.

    clamp(round(factor[c] · x + offset[c]) + shift, low, high)

is all that requantisation can be. The body of each loop between an integer
contraction and the int8 input of the next is evaluated on such a function
instead of a number; what cannot be written that way is None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import constant_array
from hwacc.compiler.transforms.build import defining

if TYPE_CHECKING:
    from mlir import ir

Channels = NDArray[np.float64]
"""A number for each channel, or one for all."""

GREATER = ("ogt", "oge", "ugt", "uge")
LESS = ("olt", "ole", "ult", "ule")
PREDICATES = ("false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord", "ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true")
"""Of ``arith.cmpf``, in the order of their numbers."""


@dataclass(frozen=True)
class ChannelFunction:
    """``clamp(factor · x + offset, low, high)``, or if it ``is_rounded`` ``clamp(round(factor · x + offset) + shift, low, high)``.

    ``factor`` is positive, ``shift`` an integer.
    """

    factor: Channels
    offset: Channels
    low: Channels
    high: Channels
    is_rounded: bool = False
    shift: int = 0

    def times(self, number: Channels) -> ChannelFunction | None:
        """This times a positive number."""
        if self.is_rounded or not (number > 0).all():
            return None
        return replace(self, factor=self.factor * number, offset=self.offset * number, low=self.low * number, high=self.high * number)

    def plus(self, number: Channels) -> ChannelFunction | None:
        """This and a number; the same integer for all channels if this is rounded."""
        if self.is_rounded and (number.size > 1 or number[0] != np.rint(number[0])):
            return None
        if self.is_rounded:
            return replace(self, shift=self.shift + int(number[0]), low=self.low + number, high=self.high + number)
        return replace(self, offset=self.offset + number, low=self.low + number, high=self.high + number)

    def at_least(self, number: Channels) -> ChannelFunction:
        """This, but not below a number."""
        return replace(self, low=np.maximum(self.low, number), high=np.maximum(self.high, number))

    def at_most(self, number: Channels) -> ChannelFunction:
        """This, but not above a number."""
        return replace(self, low=np.minimum(self.low, number), high=np.minimum(self.high, number))

    def rounded(self) -> ChannelFunction:
        """This, rounded: the limits as well, because rounding keeps the order."""
        return replace(self, low=np.rint(self.low), high=np.rint(self.high), is_rounded=True)


IDENTITY = ChannelFunction(np.ones(1), np.zeros(1), np.full(1, -np.inf), np.full(1, np.inf))
"""The integer itself."""

Term = ChannelFunction | NDArray[np.float64] | None
"""What a value in a body is: a function of the integer, a constant, or neither."""

UNCHANGED = ("arith.sitofp", "arith.extf", "arith.truncf", "arith.fptosi", "arith.trunci", "arith.extsi")
"""Conversions; that of a float to an integer comes after rounding, that to a narrower integer after a clamp."""


def read_body(generic: ir.Operation, inputs: Sequence[Term]) -> ChannelFunction | None:
    """What the body of ``generic`` yields, its inputs being ``inputs``; None if it is no such function."""
    block = generic.regions[0].blocks[0]
    known: dict[ir.Value, Term] = dict(zip(block.arguments, inputs))
    *body, last = [op.operation for op in block.operations]
    for op in body:
        known[op.results[0]] = term(op, [known[value] if value in known else constant(value) for value in op.operands], known)
    found = known.get(last.operands[0])
    return found if isinstance(found, ChannelFunction) else None


def constant(value: ir.Value) -> NDArray[np.float64] | None:
    """A number from outside the body."""
    array = constant_array(value)
    return None if array is None else array.reshape(-1).astype(np.float64)


def term(op: ir.Operation, operands: list[Term], known: dict[ir.Value, Term]) -> Term:
    """What one operation of a body gives."""
    if op.name == "arith.constant":
        return constant(op.results[0])
    if op.name in UNCHANGED:
        return operands[0] if fits(op, operands[0]) else None
    if op.name == "math.roundeven":
        return operands[0].rounded() if isinstance(operands[0], ChannelFunction) else None
    if op.name == "arith.select":
        return chosen(op, known)
    if len(operands) != 2 or op.name not in BINARY:
        return None
    left, right = operands
    if isinstance(right, ChannelFunction) and op.name not in ONE_WAY:
        left, right = right, left
    if isinstance(left, ChannelFunction) and isinstance(right, np.ndarray) and np.isfinite(right).all():
        return BINARY[op.name](left, right)
    return None


BINARY: dict[str, Callable[[ChannelFunction, Any], Term]] = {
    "arith.addf": ChannelFunction.plus,
    "arith.addi": ChannelFunction.plus,
    "arith.subf": lambda function, number: function.plus(-number),
    "arith.mulf": ChannelFunction.times,
    "arith.divf": lambda function, number: function.times(1 / number) if number.all() else None,
    **dict.fromkeys(("arith.maximumf", "arith.maxnumf", "arith.maxsi"), ChannelFunction.at_least),
    **dict.fromkeys(("arith.minimumf", "arith.minnumf", "arith.minsi"), ChannelFunction.at_most),
}
"""Operations of a function and a constant."""
ONE_WAY = ("arith.subf", "arith.divf")
"""Those of them that a constant must not come first in."""


def fits(op: ir.Operation, value: Term) -> bool:
    """Whether a conversion changes nothing but the type."""
    if not isinstance(value, ChannelFunction):
        return True
    if op.name == "arith.fptosi":
        return value.is_rounded
    limit = float(2 ** (op.results[0].type.width - 1))
    return op.name != "arith.trunci" or bool((value.low >= -limit).all() and (value.high < limit).all())


def chosen(select: ir.Operation, known: dict[ir.Value, Term]) -> Term:
    """``x > c ? x : c`` and its like, as frameworks write ReLU: a maximum, or a minimum."""
    comparison = defining(select.operands[0])
    if comparison is None or comparison.name != "arith.cmpf":
        return None
    predicate = PREDICATES[comparison.attributes["predicate"].value]
    terms = [known[v] if v in known else constant(v) for v in (*comparison.operands, *list(select.operands)[1:])]
    function, number = terms[:2]
    if not isinstance(function, ChannelFunction) or not isinstance(number, np.ndarray) or predicate not in (*GREATER, *LESS):
        return None
    same = terms[2] is function and is_number(terms[3], number)
    other = terms[3] is function and is_number(terms[2], number)
    if not (same or other):
        return None
    return function.at_least(number) if same == (predicate in GREATER) else function.at_most(number)


def is_number(value: Term, number: NDArray[np.float64]) -> bool:
    """Whether ``value`` is the constant ``number``."""
    return isinstance(value, np.ndarray) and bool(np.array_equal(value, number))
