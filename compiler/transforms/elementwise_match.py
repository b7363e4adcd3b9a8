"""Reads the bodies of elementwise operations of linalg backwards: clamps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hwacc.compiler.constants import constant_scalar
from hwacc.compiler.transforms.build import defining, users
from hwacc.compiler.transforms.channel_values import is_identity
from hwacc.compiler.transforms.linalg_form import indexing_axes

if TYPE_CHECKING:
    from mlir import ir


ELEMENTWISE = ("linalg.generic", "linalg.map", "linalg.elementwise", "linalg.add")
"""Operations that an epilogue may be written as."""


@dataclass(frozen=True)
class Clamp:
    """``min(max(value + offset, low), high)``; ``source`` is what ``value`` is."""

    source: ir.Value
    low: int = -(2**31)
    high: int = 2**31 - 1
    offset: int = 0


def only_elementwise_user(value: ir.Value) -> ir.Operation | None:
    """The single user of ``value``, if it is arithmetic over its very elements, whatever it is called, all loops parallel."""
    found = users(value)
    if len(found) != 1 or found[0].name not in ELEMENTWISE or len(found[0].results) != 1:
        return None
    op = found[0]
    maps = indexing_axes(op)
    position = [operand == value for operand in op.operands].index(True)
    if maps is None or position == len(maps) - 1 or not (is_identity(maps[position]) and is_identity(maps[-1])):
        return None
    kinds = op.attributes["iterator_types"] if op.name == "linalg.generic" else ()
    is_parallel = all("parallel" in str(kind) for kind in kinds) and len(kinds) in (0, len(maps[-1]))
    return op if is_parallel else None


def clamps_after(value: ir.Value) -> tuple[Clamp, list[ir.Operation]]:
    """The clamps behind ``value``, each the only user of the one before, of the same type: all in one, and the operations."""
    limits = Clamp(value)
    found: list[ir.Operation] = []
    while True:
        op = only_elementwise_user(value)
        clamp = match_clamp(yielded(op)) if op is not None and op.results[0].type == value.type else None
        if op is None or clamp is None or clamp.offset or not is_element(op, clamp.source, value):
            return limits, found
        low, high = (min(max(number, clamp.low), clamp.high) for number in (limits.low, limits.high))
        limits, value = replace(limits, low=low, high=high), op.results[0]
        found.append(op)


def match_clamp(value: ir.Value) -> Clamp:
    """Reads back from ``value`` over a truncation, clamps by constants and one addition of a constant before them."""
    op = defining(value)
    if op is None:
        return Clamp(value)
    if op.name == "arith.trunci":
        inner, high = match_clamp(op.operands[0]), (1 << (value.type.width - 1)) - 1
        return inner if -high - 1 <= inner.low <= inner.high <= high else Clamp(value)
    number = constant_scalar(op.operands[1]) if len(op.operands) == 2 else None
    if number is None or op.name not in ("arith.maxsi", "arith.minsi", "arith.addi"):
        return Clamp(value)
    inner = match_clamp(op.operands[0])
    return after(op.name, inner, int(number)) or Clamp(value)


def after(name: str, inner: Clamp, number: int) -> Clamp | None:
    """``inner`` followed by one more operation with a constant; None when the two are no clamp any more."""
    if name == "arith.maxsi":
        return replace(inner, low=max(inner.low, number), high=max(inner.high, number))
    if name == "arith.minsi":
        return replace(inner, low=min(inner.low, number), high=min(inner.high, number))
    untouched = inner == Clamp(inner.source)
    return replace(inner, offset=number) if untouched else None


def yielded(generic: ir.Operation) -> ir.Value:
    """What the body of ``generic`` yields."""
    return list(generic.regions[0].blocks[0].operations)[-1].operands[0]


def is_element(generic: ir.Operation, inner: ir.Value, value: ir.Value) -> bool:
    """Whether the body of ``generic`` sees the elements of ``value`` as ``inner``."""
    pairs = zip(generic.regions[0].blocks[0].arguments, generic.operands)
    return any(argument == inner and operand == value for argument, operand in pairs)
