"""Writes descriptors at run time: the fields of :mod:`hwacc.isa`, packed by generated code."""

from __future__ import annotations

from collections.abc import Mapping

from hwacc import isa
from hwacc.compiler.writer.numbers import WORD_BITS, Number, Numbers

WORD_BYTES = WORD_BITS // 8


def write_descriptor(body: Numbers, op: isa.Op, values: Mapping[str, Number], pointer: str, offset: Number) -> None:
    """Writes a short descriptor of ``op``; fields not named have their defaults. Values must fit their fields: nothing checks that.

    Raises :class:`hwacc.errors.EncodingError` for an unknown field; only those of the first half may be named.
    """
    full: dict[str, Number] = {**op.defaults, **{op.field(name).name: value for name, value in values.items()}}
    first, second = op.halves
    assert not any(field.name in values for field in second), f"a short {op.name} has no field of the second half"
    words: list[Number] = [0] * (isa.SHORT_BYTES // WORD_BYTES)
    for field in first:
        low = op.offset(field.name)
        for number in range(low // WORD_BITS, (low + field.bits - 1) // WORD_BITS + 1):
            part = body.bits(full[field.name], field.bits, low - number * WORD_BITS)
            words[number] = body.either(words[number], part)
    for number, word in enumerate(words):
        body.store(word, pointer, body.add(offset, number * WORD_BYTES))
