"""Which bytes a memref stands for: of what it is a view, and from where to where."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from hwacc.compiler.transforms.build import defining

if TYPE_CHECKING:
    from mlir import ir

SAME_BYTES = ("memref.collapse_shape", "memref.expand_shape")
"""Operations whose result is all of their operand under another type."""
WIDEST = 128
"""Bits of an element whose type has no width: an index, a complex number."""
PART = "memref.view"
"""The operation whose result is some bytes of its operand, an i8 memref."""


@dataclass(frozen=True)
class Storage:
    """Bytes ``low`` to ``high`` of the memory that ``root`` stands for: an argument, an allocation, a constant."""

    root: ir.Value
    low: int
    high: int


def storage_of(value: ir.Value) -> Storage:
    """The bytes that a row-major memref stands for; what begins at a place that is no constant has itself for a root."""
    op = defining(value)
    if op is not None and op.name in SAME_BYTES:
        return storage_of(op.operands[0])
    start = defining(op.operands[1]) if op is not None and op.name == PART else None
    if op is None or start is None or start.name != "arith.constant":
        return Storage(value, 0, byte_size(value.type))
    source = storage_of(op.operands[0])
    low = source.low + int(start.attributes["value"].value)
    return Storage(source.root, low, low + byte_size(value.type))


def in_arena(value: ir.Value) -> bool:
    """Whether the memref is a part of a piece of memory that others are in, too."""
    op = defining(value)
    return op is not None and (op.name == PART or (op.name in SAME_BYTES and in_arena(op.operands[0])))


def shares_bytes(one: ir.Value, other: ir.Value) -> bool:
    """Whether two row-major memrefs stand for some of the same bytes, as far as the function shows."""
    a, b = storage_of(one), storage_of(other)
    return bool(a.root == b.root and a.low < b.high and b.low < a.high)


def byte_size(kind: ir.Type) -> int:
    """Bytes of a memref of static sizes, each element whole bytes; those that state no width count as :data:`WIDEST`."""
    return int(prod(kind.shape)) * -(-int(getattr(kind.element_type, "width", WIDEST)) // 8)


def is_row_major(kind: ir.Type) -> bool:
    """Whether it is a memref of static sizes whose elements follow one another, the last dimension's first."""
    from mlir import ir

    return isinstance(kind, ir.MemRefType) and kind.has_static_shape and kind.affine_map == ir.AffineMap.get_identity(kind.rank)
