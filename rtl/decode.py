"""Bit layouts of descriptors, derived from :mod:`hwacc.isa`."""

from amaranth.hdl import Cat, Shape
from amaranth.lib import data
from amaranth.utils import exact_log2

from hwacc import isa
from hwacc.config import ArrayConfig

INDEX_BITS = 16
"""Width of the index that names a descriptor in a fault report."""


LONG_BIT = isa.END.offset("long")
"""Of a descriptor, whatever its opcode."""


def layout(op: isa.Op) -> data.StructLayout:
    """All fields of ``op`` without gaps, signed where the field is."""
    return data.StructLayout({field.name: Shape(field.bits, field.signed) for field in op.fields})


def packed(op: isa.Op, descriptor):
    """The fields of a ``descriptor`` in memory, one after the other as :func:`layout` has them."""
    return Cat(descriptor[op.offset(field.name) :][: field.bits] for field in op.fields)


def work_layout(op: isa.Op) -> data.StructLayout:
    """What an engine receives: the descriptor's fields and, above them, ``index`` in the submission."""
    return data.StructLayout({**{f.name: Shape(f.bits, f.signed) for f in op.fields}, "index": INDEX_BITS})


def column_tiles(n, config: ArrayConfig):
    """Accumulator words of a row of ``n`` columns."""
    return (n + config.cols - 1) >> exact_log2(config.cols)
