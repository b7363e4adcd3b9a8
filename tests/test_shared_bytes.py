"""Streams whose buffers share bytes: the verifier must see the bytes, not the names."""

from __future__ import annotations

import pytest

from hwacc import isa, verifier
from hwacc.config import TINY
from hwacc.errors import StreamError
from hwacc.shared_bytes import joined, share
from hwacc.stream import Slot, Stream


def copies(*pairs: tuple[int, int], sizes: tuple[int, ...], ordered: bool = True) -> Stream:
    """For each pair of buffers a LOAD of 4 bytes at its first and a STORE of 4 at its second; with ``ordered`` one after the other."""
    descriptors: list[isa.Descriptor] = []
    relocations: list[int | None] = []
    for number, (source, target) in enumerate(pairs):
        first, last = number == 0, number == len(pairs) - 1
        wait, signal = int(ordered and not first), int(ordered and not last)
        descriptors.append(isa.describe(isa.LOAD, run=4, local=64 * number, signal_compute=1, wait_store=wait))
        descriptors.append(isa.describe(isa.COMPUTE, m=1, n=1, k=1, west=64 * number, acc=number, wait_load=1, signal_store=1))
        store = {"output": 1, "multiplier": 1 << 30, "shift": 30, "clamp_max": 127}
        descriptors.append(isa.describe(isa.STORE, n=1, acc=number, wait_compute=1, signal_load=signal, **store))
        relocations += [source, None, target]
    slots = tuple(Slot(f"b{number}", size) for number, size in enumerate(sizes))
    return Stream(TINY.hash, slots, tuple(descriptors), tuple(relocations))


def test_buffers_that_overlap_become_one_and_keep_their_addresses() -> None:
    stream = copies((0, 1), (1, 2), sizes=(8, 8, 8))
    addresses = [100, 400, 104]
    made, lowest = joined(stream, addresses)
    assert made.slots == (Slot("b0+b2", 12), Slot("b1", 8)) and lowest == (0, 1)
    assert made.relocated([addresses[slot] for slot in lowest]) == stream.relocated(addresses)
    assert share(stream, addresses)


def test_buffers_side_by_side_stay_apart() -> None:
    stream = copies((0, 1), sizes=(8, 8))
    made, lowest = joined(stream, [8, 0])
    assert [slot.name for slot in made.slots] == ["b1", "b0"] and lowest == (1, 0)
    assert not share(stream, [8, 0])


def test_a_race_for_shared_bytes_is_refused_and_tokens_prevent_it() -> None:
    addresses = [0, 64, 128, 64]
    unordered = copies((0, 1), (3, 2), sizes=(4, 4, 4, 4), ordered=False)
    verifier.verify(unordered, TINY)
    with pytest.raises(
        StreamError, match=r"reads bytes of buffer 'b1\+b3' .* descriptor 2 \(STORE\) may still write: no token orders them"
    ):
        verifier.verify(joined(unordered, addresses)[0], TINY)
    verifier.verify(joined(copies((0, 1), (3, 2), sizes=(4, 4, 4, 4)), addresses)[0], TINY)
