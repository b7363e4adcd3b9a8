"""Operand addresses of a COMPUTE descriptor."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

ADDRESS_BITS = 32
"""Enough for the largest field values, so that an address out of range is seen and never wraps."""


class LineWalker(wiring.Component):
    """Walks one operand panel, tile by tile, a word a cycle.

    Serves ``lanes`` lanes from lines of the panel: with ``k_contiguous``, a line is what one lane takes, and each lane
    gets a word every ``word_bytes`` cycles; else a line is one step of k, and a tile takes ``lanes`` bytes of it.
    (For a weight-stationary west operand k and m change places: the lanes carry k, and the steps are rows.)

    base, stride, size, k, k_contiguous
        The panel: constant while walking. ``size`` is its m or n.
    start
        The cycle before the first cycle of a tile; ``rewind`` with it goes back to the first tile, ``advance`` with it
        to the next one, neither repeats the tile.
    step
        High in each cycle of a tile. ``address``, ``load``/``take`` and ``lane``, ``tail``, ``group`` belong to this cycle.
    load, take
        A word is to be read, for the :class:`hwacc.rtl.feeder.Feeder`'s ``load`` or ``step``.
    """

    def __init__(self, *, lanes: int, word_bytes: int):
        self.lanes = lanes
        self.word_bytes = word_bytes
        super().__init__(
            {
                "base": In(16),
                "stride": In(16),
                "size": In(16),
                "k": In(16),
                "k_contiguous": In(1),
                "start": In(1),
                "rewind": In(1),
                "advance": In(1),
                "step": In(1),
                "address": Out(ADDRESS_BITS),
                "load": Out(1),
                "take": Out(1),
                "lane": Out(ceil_log2(word_bytes)),
                "tail": Out(ceil_log2(word_bytes)),
                "group": Out(ceil_log2(word_bytes // lanes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        word_bits = ceil_log2(self.word_bytes)
        tile_address = Signal(ADDRESS_BITS, reset_less=True)  # first line of the tile, at k = 0
        tile_line = Signal(17, reset_less=True)  # m or n of the tile's first lane
        word_address = Signal(ADDRESS_BITS, reset_less=True)  # first line of the tile, at the current word of k
        line_address = Signal(ADDRESS_BITS, reset_less=True)  # current line, at the current word of k
        lane = Signal(word_bits, reset_less=True)
        position = Signal(17, reset_less=True)  # k of the current word, or the current step of k

        next_tile = Signal(ADDRESS_BITS)
        next_line = Signal(17)
        with m.If(self.rewind):
            m.d.comb += [next_tile.eq(self.base), next_line.eq(0)]
        with m.Elif(self.advance):
            next_across = next_line >> word_bits
            m.d.comb += [
                next_line.eq(tile_line + self.lanes),
                next_tile.eq(Mux(self.k_contiguous, tile_address + (self.stride << ceil_log2(self.lanes)), self.base + next_across)),
            ]
        with m.Else():
            m.d.comb += [next_tile.eq(tile_address), next_line.eq(tile_line)]

        with m.If(self.start):
            m.d.sync += [
                tile_address.eq(next_tile),
                tile_line.eq(next_line),
                word_address.eq(next_tile),
                line_address.eq(next_tile),
                lane.eq(0),
                position.eq(0),
            ]
        with m.Elif(self.step):
            m.d.sync += [line_address.eq(line_address + self.stride), position.eq(position + ~self.k_contiguous)]
            with m.If(self.k_contiguous):
                m.d.sync += lane.eq(lane + 1)
                with m.If(lane == self.word_bytes - 1):
                    m.d.sync += [
                        word_address.eq(word_address + 1),
                        line_address.eq(word_address + 1),
                        position.eq(position + self.word_bytes),
                    ]

        in_panel = (lane < self.lanes) & (tile_line + lane < self.size)
        in_k = position < self.k
        left = self.k - position
        m.d.comb += [
            self.address.eq(line_address),
            self.load.eq(self.step & self.k_contiguous & in_panel & in_k),
            self.take.eq(self.step & ~self.k_contiguous & in_k),
            self.lane.eq(lane),
            self.tail.eq(Mux(left < self.word_bytes, left[:word_bits], 0)),
            self.group.eq((tile_line >> ceil_log2(self.lanes))[: ceil_log2(self.word_bytes // self.lanes)]),
        ]
        return m
