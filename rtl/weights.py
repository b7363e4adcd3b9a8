"""Operand addresses of the weights of a weight-stationary COMPUTE."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hwacc.config import ArrayConfig
from hwacc.rtl.interfaces import ACC_UPDATE_CYCLES, LOCAL_ADDRESS_BITS
from hwacc.rtl.lines import ADDRESS_BITS


def weight_cycles(config: ArrayConfig) -> int:
    """Cycles that the weights of a tile take, and an operand's lanes where each is served once."""
    return max(config.rows, config.cols, ACC_UPDATE_CYCLES)


class WeightWalker(wiring.Component):
    """Walks the north panel, ``rows`` steps of k by ``cols`` columns a tile: the slices of k inside the column tiles.

    The first k of a slice comes first and goes to the bottom row of the array. Steps beyond ``k`` are not read,
    so that zeros enter for them.

    base, stride, n, k, k_contiguous
        The panel, in bytes, looked at with ``rewind``.
    start
        The cycle before the first cycle of a tile's weights. ``rewind`` with it begins with the first tile, else the next one
        follows; after the last one nothing is read. A start while the last one is in progress is not handled.
    address, load, take, lane, count
        As :class:`hwacc.rtl.lines.LineWalker` has them, for the :class:`hwacc.rtl.feeder.Feeder`.
    shift
        For the array, as it is to be when what is read in this cycle enters it.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__(
            {
                "base": In(LOCAL_ADDRESS_BITS),
                "stride": In(LOCAL_ADDRESS_BITS),
                "n": In(16),
                "k": In(16),
                "k_contiguous": In(1),
                "start": In(1),
                "rewind": In(1),
                "address": Out(ADDRESS_BITS),
                "load": Out(1),
                "take": Out(1),
                "lane": Out(ceil_log2(config.cols)),
                "count": Out(range(max(config.rows, config.cols) + 1)),
                "shift": Out(config.rows),
            }
        )

    def elaborate(self, platform):
        m = Module()
        rows, cols = self.config.rows, self.config.cols
        base, stride = Signal(LOCAL_ADDRESS_BITS, reset_less=True), Signal(LOCAL_ADDRESS_BITS, reset_less=True)
        columns, length, k_contiguous = Signal(16, reset_less=True), Signal(16, reset_less=True), Signal(reset_less=True)
        first_k = Signal(17, reset_less=True)  # of the slice
        first_n = Signal(17, reset_less=True)  # of the column tile
        slice_address = Signal(ADDRESS_BITS, reset_less=True)  # line of first_k, where a line is a step of k
        column_address = Signal(ADDRESS_BITS, reset_less=True)  # line of first_n, where a line is a column
        line_address = Signal(ADDRESS_BITS, reset_less=True)
        cycle = Signal(range(weight_cycles(self.config) + 1))
        active = Signal()
        live = Signal()  # the panel has this tile

        next_k, next_n = Signal.like(first_k), Signal.like(first_n)
        next_slice, next_column = Signal.like(slice_address), Signal.like(column_address)
        next_live = Signal()
        m.d.comb += [next_n.eq(first_n), next_column.eq(column_address), next_live.eq(live)]
        with m.If(self.rewind):
            m.d.comb += [next_k.eq(0), next_n.eq(0), next_slice.eq(self.base), next_column.eq(self.base), next_live.eq(1)]
            m.d.sync += [
                base.eq(self.base),
                stride.eq(self.stride),
                columns.eq(self.n),
                length.eq(self.k),
                k_contiguous.eq(self.k_contiguous),
            ]
        with m.Elif(first_k + rows < length):
            m.d.comb += [next_k.eq(first_k + rows), next_slice.eq(slice_address + (stride << ceil_log2(rows)))]
        with m.Else():
            m.d.comb += [
                next_k.eq(0),
                next_n.eq(first_n + cols),
                next_slice.eq(base),
                next_column.eq(column_address + (stride << ceil_log2(cols))),
                next_live.eq(live & (first_n + cols < columns)),
            ]

        by_column = Mux(self.rewind, self.k_contiguous, k_contiguous)
        with m.If(self.start):
            m.d.sync += [
                first_k.eq(next_k),
                first_n.eq(next_n),
                slice_address.eq(next_slice),
                column_address.eq(next_column),
                live.eq(next_live),
                active.eq(next_live),
                cycle.eq(0),
                line_address.eq(Mux(by_column, next_column + next_k, next_slice + next_n)),
            ]
        with m.Elif(active):
            m.d.sync += [
                cycle.eq(cycle + 1),
                line_address.eq(line_address + stride),
                active.eq(cycle != weight_cycles(self.config) - 1),
            ]

        k_left, n_left = length - first_k, columns - first_n
        in_slice = active & (cycle < rows)
        m.d.comb += [
            self.address.eq(line_address),
            self.load.eq(active & k_contiguous & (cycle < cols) & (first_n + cycle < columns)),
            self.take.eq(in_slice & ~k_contiguous & (first_k + cycle < length)),
            self.lane.eq(cycle),
            self.count.eq(Mux(k_contiguous, Mux(k_left < rows, k_left, rows), Mux(n_left < cols, n_left, cols))),
            self.shift.eq(Cat(in_slice & (cycle >= row) for row in range(rows))),
        ]
        return m
