"""Streams as one: what is between them is a token, without which they are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwacc import isa
from hwacc.chain import can_link, chained
from hwacc.config import TINY
from hwacc.driver.device import Device
from hwacc.errors import StreamError
from hwacc.stream import Slot, Stream
from hwacc.verifier import verify
from tests.driver.streams import PIECE, PIECE_BYTES, copy_stream, lone

DATA = np.arange(3 * PIECE, dtype=np.int32)


def copies(*pieces: int) -> tuple[Stream, tuple[int, ...]]:
    """A chain of copies from buffer 0 to 1, 1 to 2, and so on."""
    return chained([copy_stream(count) for count in pieces], [(number, number + 1) for number in range(len(pieces))])


@pytest.mark.parametrize("device", ["model", "sim"])
@pytest.mark.parametrize("links", [1, 2, 5])
def test_what_one_stream_writes_the_next_one_reads(device: str, links: int) -> None:
    stream, order = copies(*[3] * links)
    with Device.open(device, TINY, memory_bytes=2**20) as opened:
        buffers = {0: opened.place(DATA), **{number: opened.allocate(DATA.nbytes) for number in range(1, links + 1)}}
        opened.run(stream, [buffers[number] for number in order])
        np.testing.assert_array_equal(buffers[links].read("int32", DATA.shape), DATA)


def test_slots_of_one_buffer_become_one_as_large_as_the_largest() -> None:
    stream, order = copies(3, 2)
    assert order == (0, 1, 2)
    assert stream.slots == (Slot("source", 3 * PIECE_BYTES), Slot("target", 3 * PIECE_BYTES), Slot("target", 2 * PIECE_BYTES))
    assert stream.relocations == (0, 1) * 3 + (1, 2) * 2


def test_a_chain_of_one_is_that_stream() -> None:
    assert copies(2) == (copy_stream(2), (0, 1))


def test_streams_without_the_token_between_them_are_refused() -> None:
    stream, _ = copies(1, 1)
    verify(stream, TINY)
    apart = tuple(d.replace(**{n: 0 for n in ("wait_store", "signal_load") if d[n]}) for d in stream.descriptors)
    with pytest.raises(StreamError, match=r"descriptor 2 .*, which descriptor 1 \(STORE\) may still read: no token orders them"):
        verify(replace(stream, descriptors=apart), TINY)


def test_only_a_last_store_and_a_first_load_that_exchange_no_tokens_yet_can_be_linked() -> None:
    plain = copy_stream(1)
    busy = replace(plain, descriptors=(plain.descriptors[0].replace(wait_store=1), plain.descriptors[1].replace(signal_load=1)))
    compute = lone(isa.describe(isa.COMPUTE, m=1, n=1, k=1))
    assert can_link(plain, plain)
    assert not any(can_link(*pair) for pair in ((plain, busy), (busy, plain), (plain, compute), (compute, plain)))
