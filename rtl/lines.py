"""Operand addresses of a COMPUTE descriptor."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hwacc.rtl.interfaces import LOCAL_ADDRESS_BITS

ADDRESS_BITS = 32
"""Enough for the largest field values, so that an address out of range is seen and never wraps."""


class LineWalker(wiring.Component):
    """Walks one operand panel, tile by tile, a window of bytes a cycle.

    Serves ``lanes`` lanes from lines of the panel: with ``k_contiguous``, a line is what one lane takes, ``lanes`` bytes every
    ``lanes`` cycles, but the last time in a tile up to twice as many, so that a tile takes as many cycles as it has steps, if not
    fewer than ``lanes``; else a line is one step of k, and a tile takes ``lanes`` bytes of it.
    (For a weight-stationary west operand k and m change places: the lanes carry k, and the steps are rows.)
    With ``descending``, lane 0 takes the last line of a tile, and the last lane its first.

    base, stride, size, k, k_contiguous
        The panel, in bytes, looked at with ``rewind``. ``size`` is its m or n.
    start
        The cycle before the first cycle of a tile; ``rewind`` with it goes back to the first tile, ``advance`` with it
        to the next one, neither repeats the tile. A tile takes ``lanes`` cycles or more.
    step
        High in each cycle of a tile. ``address``, ``load``/``take``, ``lane`` and ``count`` belong to this cycle.
    load, take
        The bytes at ``address`` are to be read, for the :class:`hwacc.rtl.feeder.Feeder`'s ``load`` or ``step``; the first
        ``count`` of them are the panel's.
    """

    def __init__(self, *, lanes: int, descending: bool = False):
        self.lanes = lanes
        self.descending = descending
        super().__init__(
            {
                "base": In(LOCAL_ADDRESS_BITS),
                "stride": In(LOCAL_ADDRESS_BITS),
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
                "lane": Out(ceil_log2(lanes)),
                "count": Out(range(2 * lanes + 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes = self.lanes
        stride, size = Signal(LOCAL_ADDRESS_BITS, reset_less=True), Signal(16, reset_less=True)
        length, k_contiguous = Signal(16, reset_less=True), Signal(reset_less=True)
        tile_address = Signal(ADDRESS_BITS, reset_less=True)  # lane 0's line of the tile, at k = 0; across: first line, at the tile
        tile_line = Signal(17, reset_less=True)  # m or n of the tile's first line
        turn_address = Signal(ADDRESS_BITS, reset_less=True)  # lane 0's line, at the current turn's k
        line_address = Signal(ADDRESS_BITS, reset_less=True)  # current line, likewise
        lane = Signal(range(lanes), reset_less=True)
        left = Signal(16, reset_less=True)  # steps of k from the current turn, or step, on

        next_tile = Signal(ADDRESS_BITS)
        next_line = Signal(17)
        with m.If(self.rewind):
            last_line = self.base + (self.stride << ceil_log2(lanes)) - self.stride
            m.d.comb += [next_tile.eq(Mux(self.k_contiguous, last_line, self.base) if self.descending else self.base), next_line.eq(0)]
            m.d.sync += [stride.eq(self.stride), size.eq(self.size), length.eq(self.k), k_contiguous.eq(self.k_contiguous)]
        with m.Elif(self.advance):
            distance = Mux(k_contiguous, stride << ceil_log2(lanes), lanes)
            m.d.comb += [next_tile.eq(tile_address + distance), next_line.eq(tile_line + lanes)]
        with m.Else():
            m.d.comb += [next_tile.eq(tile_address), next_line.eq(tile_line)]

        last_turn = left <= 2 * lanes
        with m.If(self.start):
            m.d.sync += [
                tile_address.eq(next_tile),
                tile_line.eq(next_line),
                turn_address.eq(next_tile),
                line_address.eq(next_tile),
                lane.eq(0),
                left.eq(Mux(self.rewind, self.k, length)),
            ]
        with m.Elif(self.step):
            falls = k_contiguous if self.descending else 0
            m.d.sync += line_address.eq(line_address + Mux(falls, -stride, stride))
            with m.If(~k_contiguous):
                m.d.sync += left.eq(Mux(left == 0, 0, left - 1))
            with m.Else():
                m.d.sync += lane.eq(lane + 1)
                with m.If(lane == lanes - 1):
                    m.d.sync += [
                        turn_address.eq(turn_address + lanes),
                        line_address.eq(turn_address + lanes),
                        left.eq(Mux(last_turn, 0, left - lanes)),
                    ]

        lanes_left = size - tile_line
        line = tile_line + (lanes - 1 - lane if self.descending else lane)
        m.d.comb += [
            self.address.eq(line_address),
            self.load.eq(self.step & k_contiguous & (line < size) & (left != 0)),
            self.take.eq(self.step & ~k_contiguous & (left != 0)),
            self.lane.eq(lane),
            self.count.eq(Mux(k_contiguous, Mux(last_turn, left, 2 * lanes), Mux(lanes_left < lanes, lanes_left, lanes))),
        ]
        return m
