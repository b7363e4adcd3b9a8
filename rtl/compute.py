"""The COMPUTE engine."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.isa import Dataflow
from hwacc.rtl.accumulator import drain_layout
from hwacc.rtl.array import SystolicArray
from hwacc.rtl.dataflow import by_dataflow, has, has_both, stationary_flag
from hwacc.rtl.decode import work_layout
from hwacc.rtl.delay import delayed
from hwacc.rtl.drain import Drain, tile_layout
from hwacc.rtl.feeder import Feeder
from hwacc.rtl.interfaces import OPERAND_READ_LATENCY, engine_members
from hwacc.rtl.lines import ADDRESS_BITS, LineWalker
from hwacc.rtl.weights import WeightWalker, weight_cycles

ISSUE_TO_ARRAY = OPERAND_READ_LATENCY + 1
"""Cycles from an operand address to the operand's first byte on lane 0."""


class ComputeEngine(wiring.Component):
    """Executes COMPUTE descriptors: walks the tiles of a panel, feeds the array and drains it.

    Output-stationary, a tile takes k cycles, or k rounded up to a word where an operand is k-contiguous, and at least
    ``rows``; row tiles are walked inside column tiles. The result's last word is written ``rows + cols + rows + 3`` cycles after the
    last step.

    Weight-stationary, a tile is ``rows`` of k by ``cols`` columns, and all m rows stream through it: m cycles, or m rounded up to a
    word where the west panel is held across, and at least :func:`hwacc.rtl.weights.weight_cycles`. Slices of k are walked inside
    column tiles; from the second on they add to what the accumulator holds.

    Tiles of a descriptor follow without a gap; between descriptors there are two cycles, and :func:`hwacc.rtl.weights.weight_cycles`
    before the first weight-stationary tile. Where the dataflow changes, the array runs empty in between. After reset and
    after abort, ``word_bytes`` + 1 cycles pass before the first descriptor is taken.

    west_address, west_word, north_address, north_word
        Reads of the operand buffers, :data:`OPERAND_READ_LATENCY` cycles.
    drain, row
        To the accumulator.
    array_busy
        High in each cycle in which a tile is being fed. ``executing``: in each one in which a descriptor is in progress; after it,
        results may still be on their way to the accumulator, while ``busy`` is high.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__(
            {
                **engine_members(isa.COMPUTE, "load", "store"),
                "west_address": Out(ceil_log2(config.operand_words)),
                "west_word": In(config.word_bytes * 8),
                "north_address": Out(ceil_log2(config.operand_words)),
                "north_word": In(config.word_bytes * 8),
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
        m.submodules.array = array = SystolicArray(config)
        m.submodules.drain = drain = Drain(config, cycles_to_swap=ISSUE_TO_ARRAY)
        stationary = stationary_flag(config)  # the weights stay, and rows stream; else the sums stay, and k streams
        weights_start, weights_rewind = Signal(), Signal()
        weights = self._weights(m, work, weights_start, weights_rewind) if has(config, Dataflow.WEIGHT_STATIONARY) else None
        west = self._lines(m, work, "west", config.rows)
        north = self._lines(m, work, "north", config.cols)
        m.d.comb += [
            west.size.eq(Mux(stationary, work.k, work.m)),
            west.k.eq(Mux(stationary, work.m, work.k)),
            west.k_contiguous.eq(work.west_k_contiguous ^ stationary),
            north.size.eq(work.n),
            north.k.eq(work.k),
            north.k_contiguous.eq(work.north_k_contiguous),
        ]
        outside = self._feed(m, "west", config.rows, west, array.west)
        outside |= self._feed(m, "north", config.cols, north, array.north, weights, stationary)

        # What the descriptor comes to, known one cycle after it is taken.
        column_tiles = Signal(16, reset_less=True)
        period = Signal(17, reset_less=True)
        length = Mux(stationary, work.m, work.k)  # what streams
        in_words = Mux(stationary, ~work.west_k_contiguous, work.west_k_contiguous | work.north_k_contiguous)
        words = (length + config.word_bytes - 1) >> ceil_log2(config.word_bytes)
        steps = Mux(in_words, words << ceil_log2(config.word_bytes), length)
        least = Mux(stationary, weight_cycles(config), config.rows)
        missing = work.dataflow != stationary
        bad_field = (work.m == 0) | (work.n == 0) | (work.k == 0) | (work.addend > isa.Addend.BIAS) | missing

        cycle = Signal(17, reset_less=True)  # in the tile
        inner_left = Signal(16, reset_less=True)  # rows, or steps of k where the weights stay, from this tile on
        first_inner = Signal(reset_less=True)
        columns_left = Signal(16, reset_less=True)
        tile_acc = Signal(ADDRESS_BITS, reset_less=True)  # accumulator word of the tile's first row
        column = Signal(16, reset_less=True)
        tile_ends, start, next_inner, next_column = Signal(), Signal(), Signal(), Signal()
        last_inner = inner_left <= config.rows
        last_column = columns_left <= config.cols
        feeding = Signal()
        weights_in = cycle == weight_cycles(config)

        flush_cycles = config.word_bytes + config.rows + config.cols  # the way through a feeder and the array
        flush = Signal(range(flush_cycles + 1), init=flush_cycles)
        flushed = Signal()
        with m.FSM(init="FLUSH") as fsm:
            with m.State("IDLE"):
                m.d.comb += self.work.ready.eq(~self.abort)
                m.d.sync += [work.eq(self.work.payload), flush.eq(flush_cycles)]
                with m.If(self.work.valid & self.work.ready):
                    m.next = "PREPARE"
                    if has_both(config):
                        with m.If(self.work.payload.dataflow != stationary):
                            m.next = "CHANGE"
                with m.If(self.abort & drain.busy):
                    m.next = "FLUSH"
            if has_both(config):
                with m.State("CHANGE"):
                    # The cells change their meaning only when they are empty.
                    with m.If(~drain.busy):
                        m.d.sync += stationary.eq(work.dataflow)
                        m.next = "PREPARE"
                    with m.If(self.abort):
                        m.next = "FLUSH"
            with m.State("PREPARE"):
                m.d.sync += [
                    column_tiles.eq((work.n + config.cols - 1) >> ceil_log2(config.cols)),
                    period.eq(Mux(steps < least, least, steps)),
                    inner_left.eq(Mux(stationary, work.k, work.m)),
                    first_inner.eq(1),
                    columns_left.eq(work.n),
                    tile_acc.eq(work.acc),
                    column.eq(0),
                    cycle.eq(1),
                ]
                m.d.comb += [start.eq(1), west.rewind.eq(1), north.rewind.eq(1), weights_rewind.eq(1)]
                m.next = "FEED"
                if weights is not None:
                    with m.If(stationary):
                        m.next = "WEIGHTS"
                with m.If(bad_field):
                    self._fault(m, isa.Status.BAD_FIELD, work.index)
                    m.next = "FAULT"
                with m.If(self.abort):
                    m.next = "FLUSH"
            if weights is not None:
                with m.State("WEIGHTS"):
                    # Those of the first tile; from then on each tile hides the weights of the next one.
                    m.d.sync += cycle.eq(Mux(weights_in, 1, cycle + 1))
                    with m.If(weights_in):
                        m.d.comb += weights_start.eq(1)
                        m.next = "FEED"
                    with m.If(outside):
                        self._fault(m, isa.Status.BAD_LOCAL_ADDRESS, work.index)
                        m.next = "FAULT"
                    with m.If(self.abort):
                        m.next = "FLUSH"
            with m.State("FEED"):
                m.d.comb += [feeding.eq(1), tile_ends.eq(cycle == period)]
                m.d.sync += cycle.eq(Mux(tile_ends, 1, cycle + 1))
                with m.If(tile_ends):
                    m.d.comb += [start.eq(1), next_inner.eq(~last_inner), next_column.eq(last_inner & ~last_column)]
                    with m.If(last_inner & last_column):
                        m.d.comb += self.signal_load.eq(work.signal_load)
                        m.next = "IDLE"
                with m.If(outside):
                    self._fault(m, isa.Status.BAD_LOCAL_ADDRESS, work.index)
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

        m.d.comb += [west.advance.eq(next_inner), north.advance.eq(next_column)]
        with m.If(next_inner):
            m.d.sync += [inner_left.eq(inner_left - config.rows), first_inner.eq(0)]
            with m.If(~stationary):
                m.d.sync += tile_acc.eq(tile_acc + (column_tiles << ceil_log2(config.rows)))
        with m.Elif(next_column):
            m.d.comb += west.rewind.eq(1)
            m.d.sync += [
                inner_left.eq(Mux(stationary, work.k, work.m)),
                first_inner.eq(1),
                columns_left.eq(columns_left - config.cols),
                column.eq(column + 1),
                tile_acc.eq(work.acc + column + 1),
            ]
        with m.If(start):
            m.d.comb += weights_start.eq(1)

        weights_shift = None if weights is None else delayed(m, weights.shift, ISSUE_TO_ARRAY, name="weights_shift")
        # A tile's rows leave after its end, or, where the weights stay, from its beginning on.
        tile = Signal(tile_layout(config))
        m.d.comb += [
            tile.address.eq(tile_acc),
            tile.stride.eq(column_tiles),
            tile.rows.eq(Mux(stationary, work.m, Mux(last_inner, inner_left, config.rows))),
            tile.rising.eq(stationary),
            tile.addend.eq(Mux(stationary & ~first_inner, isa.Addend.ACCUMULATE, work.addend)),
            tile.bias.eq(work.bias + column),
            tile.signal.eq(work.signal_store & last_inner & last_column),
            tile.index.eq(work.index),
        ]
        ended = delayed(m, tile_ends & ~stationary & ~self.abort, 1, name="ended", reset_less=False)
        begins = feeding & stationary & (cycle == 1)
        m.d.comb += [
            drain.tile_valid.eq((ended | begins) & ~self.abort),
            drain.tile.eq(by_dataflow(config, stationary, tile.as_value(), delayed(m, tile.as_value(), 1, name="tile"))),
            drain.clear.eq(self.abort),
            array.stationary.eq(stationary),
            array.swap.eq(delayed(m, ended | begins | flushed, ISSUE_TO_ARRAY, name="swap")),
            array.shift.eq(by_dataflow(config, stationary, weights_shift, drain.shift)),
            west.start.eq(start),
            north.start.eq(start),
            west.step.eq(feeding),
            north.step.eq(feeding),
            self.drain.eq(drain.drain),
            self.row.eq(array.row),
            self.signal_store.eq(drain.done),
            self.array_busy.eq(feeding),
            self.executing.eq(~fsm.ongoing("IDLE")),
            self.busy.eq(self.executing | drain.busy),
        ]
        with m.If(drain.fault_valid):
            m.d.comb += [self.fault_valid.eq(1), self.fault.eq(drain.fault)]
        return m

    def _lines(self, m, work, side, lanes):
        """The walker of one operand."""
        walker = m.submodules[f"{side}_lines"] = LineWalker(lanes=lanes, word_bytes=self.config.word_bytes)
        m.d.comb += [walker.base.eq(work[side]), walker.stride.eq(work[f"{side}_stride"])]
        return walker

    def _weights(self, m, work, start, rewind):
        """The walker of the weights that stay."""
        m.submodules.weights = walker = WeightWalker(self.config)
        m.d.comb += [
            walker.base.eq(work.north),
            walker.stride.eq(work.north_stride),
            walker.n.eq(work.n),
            walker.k.eq(work.k),
            walker.k_contiguous.eq(work.north_k_contiguous),
            walker.start.eq(start),
            walker.rewind.eq(rewind),
        ]
        return walker

    def _feed(self, m, side, lanes, walker, out, weights=None, stationary=None):
        """The feeder of one operand, behind its walker, or ``weights`` where these stay; returns whether it reads beyond the buffer."""
        config = self.config
        feeder = m.submodules[f"{side}_feeder"] = Feeder(lanes=lanes, word_bytes=config.word_bytes, slice_bytes=config.rows)

        def now(name):
            own = getattr(walker, name)
            return own if weights is None else by_dataflow(config, stationary, getattr(weights, name), own)

        m.d.comb += [
            getattr(self, f"{side}_address").eq(now("address")),
            feeder.word.eq(getattr(self, f"{side}_word")),
            out.eq(feeder.out),
        ]
        if weights is not None:
            part = delayed(m, weights.slice, OPERAND_READ_LATENCY, name=f"{side}_slice")
            m.d.comb += [feeder.backwards.eq(stationary), feeder.slice.eq(part)]
        for name in ("lane", "tail", "group"):
            m.d.comb += getattr(feeder, name).eq(delayed(m, now(name), OPERAND_READ_LATENCY, name=f"{side}_{name}"))
        for source, sink in (("load", "load"), ("take", "step")):
            line = delayed(m, now(source), OPERAND_READ_LATENCY, name=f"{side}_{source}", reset_less=False)
            m.d.comb += getattr(feeder, sink).eq(line)
        return (now("load") | now("take")) & (now("address") >= config.operand_words)

    def _fault(self, m, status, index):
        m.d.comb += [self.fault_valid.eq(1), self.fault.status.eq(status), self.fault.index.eq(index)]
