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
from hwacc.rtl.decode import work_layout
from hwacc.rtl.delay import delayed
from hwacc.rtl.drain import Drain
from hwacc.rtl.feeder import Feeder
from hwacc.rtl.interfaces import OPERAND_READ_LATENCY, engine_members
from hwacc.rtl.lines import ADDRESS_BITS, LineWalker

ISSUE_TO_ARRAY = OPERAND_READ_LATENCY + 1
"""Cycles from an operand address to the operand's first byte on lane 0."""


class ComputeEngine(wiring.Component):
    """Executes COMPUTE descriptors: walks the tiles of a panel, feeds the array and drains it.

    A tile takes k cycles, or k rounded up to a word where an operand is k-contiguous, and at least ``rows``. Tiles of
    a descriptor follow without a gap; between descriptors there are two cycles. Row tiles are walked inside column
    tiles. The result's last word is written ``rows + cols + rows + 3`` cycles after the last step. After reset and after
    abort, ``word_bytes`` + 1 cycles pass before the first descriptor is taken.

    west_address, west_word, north_address, north_word
        Reads of the operand buffers, :data:`OPERAND_READ_LATENCY` cycles.
    drain, row
        To the accumulator.
    array_busy
        High in each cycle in which a tile is being fed.

    Does not handle the weight-stationary dataflow: such a descriptor is a fault.
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
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        work = Signal(work_layout(isa.COMPUTE), reset_less=True)
        m.submodules.array = array = SystolicArray(config)
        m.submodules.drain = drain = Drain(config, cycles_to_swap=ISSUE_TO_ARRAY + 1)
        west = self._operand(m, work, "west", config.rows, work.m, array.west)
        north = self._operand(m, work, "north", config.cols, work.n, array.north)

        # What the descriptor comes to, known one cycle after it is taken.
        column_tiles = Signal(16, reset_less=True)
        period = Signal(17, reset_less=True)
        k_words = (work.k + config.word_bytes - 1) >> ceil_log2(config.word_bytes)
        steps = Mux(work.west_k_contiguous | work.north_k_contiguous, k_words << ceil_log2(config.word_bytes), work.k)
        bad_field = (
            (work.m == 0)
            | (work.n == 0)
            | (work.k == 0)
            | (work.dataflow != isa.Dataflow.OUTPUT_STATIONARY)
            | (work.addend > isa.Addend.BIAS)
        )

        cycle = Signal(17, reset_less=True)  # in the tile
        rows_left = Signal(16, reset_less=True)  # from this tile on
        columns_left = Signal(16, reset_less=True)
        tile_acc = Signal(ADDRESS_BITS, reset_less=True)  # accumulator word of the tile's first row
        column = Signal(16, reset_less=True)
        tile_ends, start, next_row, next_column = Signal(), Signal(), Signal(), Signal()
        last_row = rows_left <= config.rows
        last_column = columns_left <= config.cols
        feeding = Signal()

        flush = Signal(range(config.word_bytes + 1), init=config.word_bytes)
        flushed = Signal()
        with m.FSM(init="FLUSH") as fsm:
            with m.State("IDLE"):
                m.d.comb += self.work.ready.eq(~self.abort)
                m.d.sync += [work.eq(self.work.payload), flush.eq(config.word_bytes)]
                with m.If(self.work.valid & self.work.ready):
                    m.next = "PREPARE"
            with m.State("PREPARE"):
                m.d.sync += [
                    column_tiles.eq((work.n + config.cols - 1) >> ceil_log2(config.cols)),
                    period.eq(Mux(steps < config.rows, config.rows, steps)),
                    rows_left.eq(work.m),
                    columns_left.eq(work.n),
                    tile_acc.eq(work.acc),
                    column.eq(0),
                    cycle.eq(1),
                ]
                m.d.comb += [start.eq(1), west.rewind.eq(1), north.rewind.eq(1)]
                m.next = "FEED"
                with m.If(bad_field):
                    self._fault(m, isa.Status.BAD_FIELD, work.index)
                    m.next = "FAULT"
                with m.If(self.abort):
                    m.next = "FLUSH"
            with m.State("FEED"):
                m.d.comb += [feeding.eq(1), tile_ends.eq(cycle == period)]
                m.d.sync += cycle.eq(Mux(tile_ends, 1, cycle + 1))
                with m.If(tile_ends):
                    m.d.comb += [start.eq(1), next_row.eq(~last_row), next_column.eq(last_row & ~last_column)]
                    with m.If(last_row & last_column):
                        m.d.comb += self.signal_load.eq(work.signal_load)
                        m.next = "IDLE"
                with m.If(west.outside | north.outside):
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

        m.d.comb += [west.advance.eq(next_row), north.advance.eq(next_column)]
        with m.If(next_row):
            m.d.sync += [rows_left.eq(rows_left - config.rows), tile_acc.eq(tile_acc + (column_tiles << ceil_log2(config.rows)))]
        with m.Elif(next_column):
            m.d.comb += west.rewind.eq(1)
            m.d.sync += [
                rows_left.eq(work.m),
                columns_left.eq(columns_left - config.cols),
                column.eq(column + 1),
                tile_acc.eq(work.acc + column + 1),
            ]

        m.d.comb += [
            west.start.eq(start),
            north.start.eq(start),
            west.step.eq(feeding),
            north.step.eq(feeding),
            array.swap.eq(delayed(m, tile_ends | flushed, ISSUE_TO_ARRAY + 1, name="swap")),
            array.shift.eq(drain.shift),
            drain.tile_valid.eq(tile_ends & ~self.abort),
            drain.tile.address.eq(tile_acc),
            drain.tile.stride.eq(column_tiles),
            drain.tile.rows.eq(Mux(last_row, rows_left, config.rows)),
            drain.tile.addend.eq(work.addend),
            drain.tile.bias.eq(work.bias + column),
            drain.tile.signal.eq(work.signal_store & last_row & last_column),
            drain.tile.index.eq(work.index),
            drain.clear.eq(self.abort),
            self.drain.eq(drain.drain),
            self.row.eq(array.row),
            self.signal_store.eq(drain.done),
            self.array_busy.eq(feeding),
            self.busy.eq(~fsm.ongoing("IDLE") | drain.busy),
        ]
        with m.If(drain.fault_valid):
            m.d.comb += [self.fault_valid.eq(1), self.fault.eq(drain.fault)]
        return m

    def _operand(self, m, work, side, lanes, size, out):
        """Walker and feeder of one side; returns the walker, with ``outside`` added: it reads beyond the buffer."""
        config = self.config
        walker = m.submodules[f"{side}_lines"] = LineWalker(lanes=lanes, word_bytes=config.word_bytes)
        feeder = m.submodules[f"{side}_feeder"] = Feeder(lanes=lanes, word_bytes=config.word_bytes)
        m.d.comb += [
            walker.base.eq(work[side]),
            walker.stride.eq(work[f"{side}_stride"]),
            walker.size.eq(size),
            walker.k.eq(work.k),
            walker.k_contiguous.eq(work[f"{side}_k_contiguous"]),
            getattr(self, f"{side}_address").eq(walker.address),
            feeder.word.eq(getattr(self, f"{side}_word")),
            out.eq(feeder.out),
        ]
        for name in ("lane", "tail", "group"):
            m.d.comb += getattr(feeder, name).eq(delayed(m, getattr(walker, name), OPERAND_READ_LATENCY, name=f"{side}_{name}"))
        for source, sink in (("load", "load"), ("take", "step")):
            line = delayed(m, getattr(walker, source), OPERAND_READ_LATENCY, name=f"{side}_{source}", reset_less=False)
            m.d.comb += getattr(feeder, sink).eq(line)
        walker.outside = (walker.load | walker.take) & (walker.address >= Const(config.operand_words))
        return walker

    def _fault(self, m, status, index):
        m.d.comb += [self.fault_valid.eq(1), self.fault.status.eq(status), self.fault.index.eq(index)]
