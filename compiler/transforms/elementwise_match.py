"""Reads the bodies of elementwise ``linalg.generic`` operations backwards: clamps, and constants for each channel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import constant_array, constant_scalar
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
    rank = len(value.type.shape)
    dims = ", ".join(f"d{i}" for i in range(rank))
    identity = f"affine_map<({dims}) -> ({dims})>"
    position = [operand == value for operand in op.operands].index(True)
    parallel = all("parallel" in str(kind) for kind in op.attributes["iterator_types"])
    same = str(maps[position]) == identity and str(maps[-1]) == identity
    return op if parallel and same and len(op.results) == 1 and position < len(maps) - 1 else None


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


def outer(generic: ir.Operation, value: ir.Value) -> ir.Value | None:
    """The operand of ``generic`` whose elements the body sees as ``value``."""
    for argument, operand in zip(generic.regions[0].blocks[0].arguments, generic.operands):
        if argument == value:
            return operand
    return None


def channel_constant(generic: ir.Operation, value: ir.Value) -> NDArray[Any] | None:
    """The constant, one for all [1] or for each channel [N], that a body's ``value`` is; None if it is none."""
    number = constant_scalar(value)
    operand = outer(generic, value)
    if number is None and operand is not None:
        number = constant_scalar(operand)
    if number is not None:
        return np.array([number])
    array = None if operand is None else constant_array(operand)
    if array is None or operand is None:
        return None
    maps = list(generic.attributes["indexing_maps"])
    position = [each == operand for each in generic.operands].index(True)
    last = str(maps[-1]).rpartition("-> (")[2].rstrip(">)").rpartition(", ")[2]
    picked = str(maps[position]).rpartition("-> (")[2].rstrip(">)")
    return array if picked == last and array.ndim == 1 else None
