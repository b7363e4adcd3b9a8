"""Hand-written streams that move data through the accumulator, for tests that need no compiler."""

from __future__ import annotations

from hwacc import isa
from hwacc.config import TINY
from hwacc.stream import Slot, Stream

PIECE = 4 * TINY.cols
"""Elements of a piece: four words of the accumulator."""
PIECE_BYTES = PIECE * 4


def copy_stream(pieces: int, *, long: bool = False) -> Stream:
    """Copies ``pieces`` × :data:`PIECE` int32 from slot 0 to slot 1: a LOAD and a STORE for each piece, one after the other.

    ``long``: every second descriptor moves its piece in two halves, in a loop that takes the long form.
    """
    size = pieces * PIECE_BYTES
    descriptors: list[isa.Descriptor] = []
    for piece in range(pieces):
        at = piece * PIECE_BYTES
        descriptors += [
            isa.describe(isa.LOAD, address=at, run=PIECE_BYTES, target=isa.Target.ACCUMULATOR, wait_store=int(piece > 0), signal_store=1),
            isa.describe(isa.STORE, address=at, n=PIECE, output=isa.Output.INT32, wait_load=1, signal_load=int(piece < pieces - 1)),
        ]
        if long:
            descriptors[-1 - piece % 2] = _halved(descriptors[-1 - piece % 2])
    return Stream(TINY.hash, (Slot("source", size), Slot("target", size)), tuple(descriptors), (0, 1) * pieces)


def _halved(whole: isa.Descriptor) -> isa.Descriptor:
    half = PIECE_BYTES // 2
    if whole.op is isa.LOAD:
        return whole.replace(run=half, count2=2, stride2=half, local_stride2=half)
    return whole.replace(n=PIECE // 2, count2=2, stride2=half)


def lone(descriptor: isa.Descriptor) -> Stream:
    """A stream of one descriptor with an absolute address."""
    return Stream(TINY.hash, (), (descriptor,), (None,))
