"""The COMPUTE engine."""

from amaranth.hdl import Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.accumulator import drain_layout
from hwacc.rtl.array import SystolicArray
from hwacc.rtl.dataflow import has_both, stationary_flag
from hwacc.rtl.decode import column_tiles, work_layout
from hwacc.rtl.delay import delayed
from hwacc.rtl.drain import Drain, tile_layout
from hwacc.rtl.feeder import Feeder
from hwacc.rtl.interfaces import ACC_UPDATE_CYCLES, OPERAND_READ_LATENCY, engine_members
from hwacc.rtl.lines import ADDRESS_BITS, LineWalker
from hwacc.rtl.weights import WeightWalker, weight_cycles

ISSUE_TO_ARRAY = OPERAND_READ_LATENCY + 1
"""Cycles from an operand address to the operand's first byte on lane 0."""


class ComputeEngine(wiring.Component):
    """Executes COMPUTE descriptors: walks the tiles of a panel, feeds the array and drains it.

    Output-stationary, a tile takes k cycles; row tiles are walked inside column tiles. The rows of the last tile are written from
    ``rows + cols + 5`` cycles after the last step on, a row a cycle, and STORE's token comes for the first one of them (:class:`Drain`).
    Weight-stationary, a tile is ``rows`` of k by ``cols`` columns, and all m rows stream through it: m cycles. Slices of k are walked
    inside column tiles; from the second on they add to what the accumulator holds.

    A tile takes at least :func:`hwacc.rtl.weights.weight_cycles`: the weights of the next one enter in that time, or each lane is
    served once. Where both operands of an output-stationary COMPUTE lie across, all lanes are served at once: then it need take no longer
    than :data:`hwacc.rtl.interfaces.ACC_UPDATE_CYCLES`, k, or the rows of the tile before take to leave; none are waited for once all
    have left. Tiles follow without a gap, also from one descriptor to the next if that is there in time: it is taken while the one
    before is at work. In between are two cycles where the next one reads the accumulator,
    unless it adds to the very same panel: a word must not be read back at once. The weights of a descriptor's first tile enter behind
    the last tile of the one before where that has cycles to spare, else before the tile. Where the dataflow changes, the array runs
    empty in between. After reset and after abort, the feeders and the array are flushed before the first tile.

    west_address, west_word, north_address, north_word
        Reads of the operand buffers: a window of bytes from any byte on, :data:`OPERAND_READ_LATENCY` cycles.
    drain, row
        To the accumulator.
    array_busy
        High in each cycle in which a tile is being fed. ``executing``: in each one in which a descriptor is in progress; after it,
        results may still be on their way to the accumulator, while ``busy`` is high. So it is while the array is emptied after a reset.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__(
            {
                **engine_members(isa.COMPUTE, "load", "store"),
                "west_address": Out(ceil_log2(config.operand_bytes)),
                "west_word": In(config.west_window * 8),
                "north_address": Out(ceil_log2(config.operand_bytes)),
                "north_word": In(config.north_window * 8),
                "drain": Out(drain_layout()),
                "row": Out(ArrayLayout(signed(32), config.cols)),
                "array_busy": Out(1),
                "executing": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        work = Signal(work_layout(isa.COMPUTE), reset_less=True)
        coming = Signal(work_layout(isa.COMPUTE), reset_less=True)  # the next one
        waiting, begin = Signal(), Signal()  # it is there; it becomes ``work``
        m.submodules.array = array = SystolicArray(config)
        m.submodules.drain = drain = Drain(config, cycles_to_swap=ISSUE_TO_ARRAY)
        m.submodules.weights = weights = WeightWalker(config)
        stationary = stationary_flag(config)  # the weights stay, and rows stream; else the sums stay, and k streams
        primes, primed = Signal(), Signal()  # the weights of the coming descriptor's first tile enter, or are in
        panel = Signal(work_layout(isa.COMPUTE))  # what the walkers go back to the beginning of
        m.d.comb += panel.eq(Mux(begin | primes, coming, work))
        # The array gives the bottom row first, so the first row of the result is computed there.
        m.submodules.west_lines = west = LineWalker(lanes=config.rows, descending=True)
        m.submodules.north_lines = north = LineWalker(lanes=config.cols)
        m.d.comb += [
            west.base.eq(panel.west),
            west.stride.eq(panel.west_stride),
            west.size.eq(Mux(stationary, panel.k, panel.m)),
            west.k.eq(Mux(stationary, panel.m, panel.k)),
            west.k_contiguous.eq(panel.west_k_contiguous ^ stationary),
            weights.n.eq(panel.n),
            north.size.eq(panel.n),
        ]
        for walker in (north, weights):
            m.d.comb += [
                walker.base.eq(panel.north),
                walker.stride.eq(panel.north_stride),
                walker.k.eq(panel.k),
                walker.k_contiguous.eq(panel.north_k_contiguous),
            ]
        outside_west = self._feed(m, "west", config.rows, west, array.west)
        outside_north = self._feed(m, "north", config.cols, north, array.north, weights, stationary)

        offered = self.work.payload
        coming_stride = Signal(16, reset_less=True)  # words from one row of its result to the next
        rows_overlap = Signal(reset_less=True)  # of its result
        m.d.comb += self.work.ready.eq(~waiting & ~self.abort)
        with m.If(self.work.ready):
            packed = offered.acc_stride == 0
            m.d.sync += [
                coming.eq(offered),
                waiting.eq(self.work.valid),
                coming_stride.eq(Mux(packed, column_tiles(offered.n, config), offered.acc_stride)),
                rows_overlap.eq(~packed & (offered.n > (offered.acc_stride << ceil_log2(config.cols)))),
            ]
        with m.Elif(begin | self.abort):
            m.d.sync += waiting.eq(0)

        # What the coming descriptor comes to.
        row_stride = Signal(16, reset_less=True)
        period = Signal(16, reset_less=True)  # the least that a tile takes
        rows_left = Signal(range(config.rows))  # of the tile before: cycles of this tile until all of them have left
        settled = Signal()  # a cycle has passed since the last step
        length = Mux(stationary, coming.m, coming.k)  # what streams
        across = ~stationary & ~coming.west_k_contiguous & ~coming.north_k_contiguous
        least = Mux(across, ACC_UPDATE_CYCLES, weight_cycles(config))
        missing = Const(0) if has_both(config) else coming.dataflow != stationary
        empty = (coming.m == 0) | (coming.n == 0) | (coming.k == 0)
        bad_field = empty | (coming.addend > isa.Addend.BIAS) | missing | rows_overlap
        # On the same panel a word comes again after a whole tile, long enough for it to be read back. That holds for any number of
        # columns: a word belongs to the same row and column tile of both.
        same_panel = (coming.acc == work.acc) & (coming_stride == row_stride)
        reads_back = (coming.addend != isa.Addend.NONE) & ~((coming.addend == isa.Addend.ACCUMULATE) & same_panel)
        follows = waiting & (coming.dataflow == stationary) & ~bad_field & ~reads_back

        cycle = Signal(17, reset_less=True)  # in the tile
        inner_left = Signal(16, reset_less=True)  # rows, or steps of k where the weights stay, from this tile on
        first_inner = Signal(reset_less=True)
        columns_left = Signal(16, reset_less=True)
        tile_acc = Signal(ADDRESS_BITS, reset_less=True)  # accumulator word of the tile's first row
        column = Signal(16, reset_less=True)
        tile = Signal(tile_layout(config))
        tile_ends, start, next_inner, next_column = Signal(), Signal(), Signal(), Signal()
        last_inner = inner_left <= config.rows
        last_column = columns_left <= config.cols
        feeding = Signal()
        fed = cycle == period
        weights_in = cycle == weight_cycles(config)
        outside = outside_west | outside_north
        outside_index = Mux(outside_north & primed, coming.index, work.index)

        flush_cycles = max(config.west_window, config.north_window) + config.rows + config.cols  # the way through a feeder and the array
        flush = Signal(range(flush_cycles + 1), init=flush_cycles)
        flushed = Signal()
        with m.FSM(init="FLUSH") as fsm:
            with m.State("IDLE"):
                m.d.sync += flush.eq(flush_cycles)
                with m.If(~drain.busy):
                    m.d.sync += rows_left.eq(0)
                with m.If(waiting):
                    with m.If(bad_field):
                        self._fault(m, isa.Status.BAD_FIELD, coming.index)
                        m.next = "FAULT"
                    with m.Elif(coming.dataflow != stationary):
                        # The cells change their meaning only when they are empty.
                        if has_both(config):
                            with m.If(~drain.busy):
                                m.d.sync += stationary.eq(coming.dataflow)
                    with m.Elif(settled | ~reads_back):
                        m.d.comb += begin.eq(1)
                        m.next = "FEED"
                        with m.If(stationary):
                            m.next = "WEIGHTS"
                with m.If(self.abort & (drain.busy | begin)):
                    m.next = "FLUSH"
            with m.State("WEIGHTS"):
                # Those of the first tile; from then on each tile hides the weights of the next one.
                m.d.sync += cycle.eq(Mux(weights_in, 1, cycle + 1))
                with m.If(weights_in):
                    m.d.comb += weights.start.eq(1)
                    m.next = "FEED"
                with m.If(outside):
                    self._fault(m, isa.Status.BAD_LOCAL_ADDRESS, outside_index)
                    m.next = "FAULT"
                with m.If(self.abort):
                    m.next = "FLUSH"
            with m.State("FEED"):
                m.d.comb += [feeding.eq(1), tile_ends.eq(fed & (rows_left == 0))]
                m.d.sync += cycle.eq(Mux(tile_ends, 1, cycle + ~fed))
                with m.If(rows_left != 0):
                    m.d.sync += rows_left.eq(rows_left - 1)
                with m.If(tile_ends):
                    m.d.sync += rows_left.eq(Mux(stationary, 0, tile.rows - 1))
                    m.d.comb += [start.eq(1), next_inner.eq(~last_inner), next_column.eq(last_inner & ~last_column)]
                    with m.If(last_inner & last_column):
                        m.d.comb += [self.signal_load.eq(work.signal_load), begin.eq(Mux(stationary, primed, follows))]
                        with m.If(~begin):
                            m.next = "IDLE"
                with m.If(outside):
                    self._fault(m, isa.Status.BAD_LOCAL_ADDRESS, outside_index)
                    m.next = "FAULT"
                with m.If(self.abort):
                    m.next = "FLUSH"
            with m.State("FAULT"), m.If(self.abort):
                m.next = "FLUSH"
            with m.State("FLUSH"):
                # Zeros push what is left out of the feeders; a swap, whose result nobody drains, takes the sums away.
                m.d.sync += flush.eq(flush - 1)
                with m.If(flush == 0):
                    m.d.comb += flushed.eq(1)
                    m.next = "IDLE"

        m.d.sync += settled.eq(fsm.ongoing("IDLE"))
        m.d.comb += [west.advance.eq(next_inner), north.advance.eq(next_column)]
        m.d.comb += primes.eq(
            feeding & stationary & last_inner & last_column & follows & ~primed & (cycle + weight_cycles(config) <= period)
        )
        m.d.sync += primed.eq((primed | primes) & ~begin & ~self.abort)
        with m.If(begin):
            m.d.comb += [start.eq(1), west.rewind.eq(1), north.rewind.eq(1)]
            m.d.sync += [
                work.eq(coming),
                row_stride.eq(coming_stride),
                period.eq(Mux(length < least, least, length)),
                inner_left.eq(Mux(stationary, coming.k, coming.m)),
                first_inner.eq(1),
                columns_left.eq(coming.n),
                tile_acc.eq(coming.acc),
                column.eq(0),
                cycle.eq(1),
            ]
        with m.Elif(next_inner):
            m.d.sync += [inner_left.eq(inner_left - config.rows), first_inner.eq(0)]
            with m.If(~stationary):
                m.d.sync += tile_acc.eq(tile_acc + (row_stride << ceil_log2(config.rows)))
        with m.Elif(next_column):
            m.d.comb += west.rewind.eq(1)
            m.d.sync += [
                inner_left.eq(Mux(stationary, work.k, work.m)),
                first_inner.eq(1),
                columns_left.eq(columns_left - config.cols),
                column.eq(column + 1),
                tile_acc.eq(work.acc + column + 1),
            ]
        m.d.comb += weights.rewind.eq(primes | (begin & ~primed))
        with m.If(start | primes):
            m.d.comb += weights.start.eq(1)

        # A tile's rows leave after its end, or, where the weights stay, from its beginning on.
        m.d.comb += [
            tile.address.eq(tile_acc),
            tile.stride.eq(row_stride),
            tile.rows.eq(Mux(stationary, work.m, Mux(last_inner, inner_left, config.rows))),
            tile.addend.eq(Mux(stationary & ~first_inner, isa.Addend.ACCUMULATE, work.addend)),
            tile.bias.eq(work.bias + column),
            tile.signal.eq(work.signal_store & last_inner & last_column),
            tile.index.eq(work.index),
        ]
        ended = delayed(m, tile_ends & ~stationary & ~self.abort, 1, name="ended", reset_less=False)
        begins = feeding & stationary & (cycle == 1)
        m.d.comb += [
            drain.tile_valid.eq((ended | begins) & ~self.abort),
            drain.tile.eq(Mux(stationary, tile.as_value(), delayed(m, tile.as_value(), 1, name="tile"))),
            drain.clear.eq(self.abort),
            array.stationary.eq(stationary),
            array.swap.eq(delayed(m, ended | begins | flushed, ISSUE_TO_ARRAY, name="swap")),
            array.shift.eq(Mux(stationary, delayed(m, weights.shift, ISSUE_TO_ARRAY, name="weights_shift"), drain.shift)),
            west.start.eq(start),
            north.start.eq(start),
            west.step.eq(feeding),
            north.step.eq(feeding),
            self.drain.eq(drain.drain),
            self.row.eq(array.row),
            self.signal_store.eq(drain.done),
            self.array_busy.eq(feeding),
            self.executing.eq(~(fsm.ongoing("IDLE") | fsm.ongoing("FLUSH")) | waiting),
            self.busy.eq(self.executing | fsm.ongoing("FLUSH") | drain.busy),
        ]
        with m.If(drain.fault_valid):
            m.d.comb += [self.fault_valid.eq(1), self.fault.eq(drain.fault)]
        return m

    def _feed(self, m, side, lanes, walker, out, weights=None, stationary=None):
        """The feeder of one operand, behind its walker, or ``weights`` where these stay; returns whether it reads beyond the buffer."""
        config = self.config
        window = len(getattr(self, f"{side}_word")) // 8
        m.submodules[f"{side}_feeder"] = feeder = Feeder(lanes=lanes, word_bytes=window, descending=walker.descending)

        def now(name):
            own = getattr(walker, name)
            return own if weights is None else Mux(stationary, getattr(weights, name), own)

        m.d.comb += [
            getattr(self, f"{side}_address").eq(now("address")),
            feeder.word.eq(getattr(self, f"{side}_word")),
            out.eq(feeder.out),
        ]
        for name in ("lane", "count"):
            m.d.comb += getattr(feeder, name).eq(delayed(m, now(name), OPERAND_READ_LATENCY, name=f"{side}_{name}"))
        for source, sink in (("load", "load"), ("take", "step")):
            line = delayed(m, now(source), OPERAND_READ_LATENCY, name=f"{side}_{source}", reset_less=False)
            m.d.comb += getattr(feeder, sink).eq(line)
        return (now("load") | now("take")) & (now("address") + now("count") > config.operand_bytes)

    def _fault(self, m, status, index):
        m.d.comb += [self.fault_valid.eq(1), self.fault.status.eq(status), self.fault.index.eq(index)]
