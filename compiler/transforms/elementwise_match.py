"""Reads the bodies of elementwise ``linalg.generic`` operations backwards: clamps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hwacc.compiler.constants import constant_scalar
from hwacc.compiler.transforms.build import defining, users

if TYPE_CHECKING:
    from mlir import ir


@dataclass(frozen=True)
class Clamp:
    """``min(max(value + offset, low), high)``; ``source`` is what ``value`` is."""

    source: ir.Value
    low: int = -(2**31)
    high: int = 2**31 - 1
    offset: int = 0


def only_elementwise_user(value: ir.Value) -> ir.Operation | None:
    """The single user of ``value``, if it is a ``linalg.generic`` over its very elements, all loops parallel."""
    found = users(value)
    if len(found) != 1 or found[0].name != "linalg.generic":
        return None
    op = found[0]
    maps = list(op.attributes["indexing_maps"])
    identity = identity_map(len(value.type.shape))
    position = [operand == value for operand in op.operands].index(True)
    parallel = all("parallel" in str(kind) for kind in op.attributes["iterator_types"])
    same = str(maps[position]) == identity and str(maps[-1]) == identity
    return op if parallel and same and len(op.results) == 1 and position < len(maps) - 1 else None


def identity_map(rank: int) -> str:
    """How an indexing map prints that leaves ``rank`` dimensions as they are."""
    dims = ", ".join(f"d{i}" for i in range(rank))
    return f"affine_map<({dims}) -> ({dims})>"


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
