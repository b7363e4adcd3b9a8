"""Descriptors as bytes: short and long, there and back."""

from __future__ import annotations

import random

import pytest

from hwacc import isa
from hwacc.config import TINY, ArrayConfig
from hwacc.errors import EncodingError

OPS = pytest.mark.parametrize("op", isa.OPS, ids=lambda op: op.name)
LOOPS = pytest.mark.parametrize("op", [op for op in isa.OPS if op.second_fields], ids=lambda op: op.name)


def drawn(op: isa.Op, fields: tuple[isa.Field, ...], rng: random.Random) -> isa.Descriptor:
    """A descriptor with anything in these fields, and often nothing out of the ordinary."""
    chosen = [field for field in fields if field.name not in isa.DERIVED]
    return isa.describe(op, **{f.name: rng.choice((f.default, f.low, f.high, rng.randint(f.low, f.high))) for f in chosen})


@OPS
def test_no_two_fields_share_a_bit_and_none_lies_in_both_halves(op: isa.Op) -> None:
    taken: set[int] = set()
    for field in op.fields:
        bits = range(op.offset(field.name), op.offset(field.name) + field.bits)
        assert bits[0] // isa.HALF_BITS == bits[-1] // isa.HALF_BITS == int(field in op.second_fields), field.name
        assert taken.isdisjoint(bits), field.name
        taken.update(bits)
    assert max(taken) < 2 * isa.HALF_BITS


@OPS
@pytest.mark.parametrize("seed", range(4))
def test_every_descriptor_comes_back_from_its_bytes(op: isa.Op, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(50):
        descriptor = drawn(op, rng.choice((op.own_fields, op.first_fields, isa.HEADER)), rng)
        raw = descriptor.encode()
        assert isa.decode(raw) == descriptor
        assert len(raw) == descriptor.size == isa.size_of(raw)
        for field in op.fields:
            bits = int.from_bytes(raw.ljust(isa.LONG_BYTES, b"\0"), "little") >> op.offset(field.name)
            if field in op.second_fields and descriptor.size == isa.SHORT_BYTES:
                assert descriptor[field.name] == field.default
            else:
                assert (bits - descriptor[field.name]) % (1 << field.bits) == 0, field.name


@LOOPS
def test_a_descriptor_is_long_exactly_if_a_field_of_the_second_half_is_not_at_its_default(op: isa.Op) -> None:
    highest = isa.describe(op, **{f.name: f.high for f in op.first_fields})
    assert len(highest.encode()) == isa.SHORT_BYTES
    for field in op.second_fields:
        long = highest.replace(**{field.name: field.high})
        assert len(long.encode()) == isa.LONG_BYTES, field.name
        assert len(long.replace(**{field.name: field.default}).encode()) == isa.SHORT_BYTES, field.name


@OPS
def test_a_long_descriptor_that_could_be_short_is_the_same_descriptor(op: isa.Op) -> None:
    short = isa.describe(op, **{f.name: f.high for f in op.first_fields})
    first = int.from_bytes(short.encode(), "little") | 1 << op.offset("long")
    long = first.to_bytes(isa.SHORT_BYTES, "little") + isa.DEFAULT_SECOND_HALF
    assert isa.decode(long) == short
    assert isa.decode(long).encode() == short.encode()


@LOOPS
def test_the_default_second_half_holds_the_defaults_of_every_opcode(op: isa.Op) -> None:
    values = isa.unpack(op.second_fields, isa.DEFAULT_SECOND_HALF)
    assert values == {field.name: 1 if field.name.startswith("count") else 0 for field in op.second_fields}


def test_encode_names_the_field_that_overflows() -> None:
    with pytest.raises(EncodingError, match=r"^LOAD\.count1 must fit in 16 unsigned bits, not 65536$"):
        isa.describe(isa.LOAD, count1=1 << 16)
    with pytest.raises(EncodingError, match=r"^STORE\.stride2 must fit in 32 signed bits, not 2147483648$"):
        isa.describe(isa.STORE, stride2=1 << 31)


@pytest.mark.parametrize(
    ("values", "size", "words"),
    [({}, 64, "a short descriptor has 32 bytes, not 64"), ({"pad": 1}, 32, "a long descriptor has 64 bytes, not 32")],
)
def test_decode_says_how_many_bytes_there_should_be(values: dict[str, int], size: int, words: str) -> None:
    with pytest.raises(EncodingError, match=f"^{words}$"):
        isa.decode(isa.describe(isa.LOAD, **values).encode().ljust(isa.LONG_BYTES, b"\0")[:size])


@pytest.mark.parametrize("bus_bytes", [4, 16, 32, 64])
def test_a_descriptor_fills_whole_entries_of_the_ring_and_an_entry_whole_beats(bus_bytes: int) -> None:
    config = ArrayConfig(bus_bytes=bus_bytes)
    for descriptor in (isa.describe(isa.LOAD), isa.describe(isa.LOAD, pad=-1)):
        placed = config.in_ring(descriptor.encode())
        assert len(placed) % config.entry_bytes == config.entry_bytes % bus_bytes == 0
        assert placed[: descriptor.size] == descriptor.encode() and not any(placed[descriptor.size :])
        assert len(placed) == max(descriptor.size, bus_bytes), "no beat is read for nothing"
    assert TINY.entry_bytes == isa.SHORT_BYTES
