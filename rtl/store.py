"""The STORE engine: accumulator to memory."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.buffer import parameter_layout
from hwacc.rtl.bursts import BurstSplitter
from hwacc.rtl.decode import INDEX_BITS
from hwacc.rtl.interfaces import acc_read_port, engine_members, write_port
from hwacc.rtl.pack import BytePacker
from hwacc.rtl.store_bursts import WriteChannel
from hwacc.rtl.store_format import WordFormatter
from hwacc.rtl.store_reader import AccumulatorReader
from hwacc.rtl.store_segments import SegmentWalker, segment_bits

LOWEST_SHIFT, HIGHEST_SHIFT = 2, 62
DESCRIPTORS_AHEAD = 8
"""Descriptors that may wait for the memory's responses."""
SEGMENTS_AHEAD = 16
"""Segments whose bursts may be issued before their bytes are there."""


class StoreEngine(wiring.Component):
    """Executes STORE descriptors; :data:`hwacc.isa.STORE` says what they mean.

    ::

        work ─┬─ SegmentWalker ─┬─ BurstSplitter ────────────────┐
              │                 └──────────── queue ─┐           │
              └─ AccumulatorReader ─ WordFormatter ─ BytePacker ─ WriteChannel ─ memory
                   │ acc, parameters ─┘

    Addresses and data part at once and meet on the bus: bursts run ahead of their beats. A descriptor may be taken as soon as the
    one before has been read, while its beats and responses are still to come. Sustains an accumulator word or a beat a
    cycle, whichever is slower, at any alignment; a segment that ends inside a beat costs up to one cycle more.

    Latency from ``work`` to the first beat: 13 cycles for int8, 7 for int32 and up to 4 more where loops are folded. Between
    descriptors of the shortest rows two cycles pass without a beat, otherwise at most one.
    ``parameter_data`` is the answer to the ``parameter_address`` of 2 cycles ago. ``bytes_written`` counts the bytes of
    the beat that memory took in the cycle before.

    Faults: BAD_FIELD, BAD_LOCAL_ADDRESS, WRITE_ERROR. Not handled: per-channel shifts outside 2 to 62, which store
    an unspecified byte; a row that overlaps another gets the later one's bytes only where memory keeps the order.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__(
            {
                **engine_members(isa.STORE, "compute", "load"),
                "memory": Out(write_port(config)),
                "acc": Out(acc_read_port(config)),
                "parameter_address": Out(exact_log2(config.parameter_words)),
                "parameter_data": In(data.ArrayLayout(parameter_layout(), config.cols)),
                "bytes_written": Out(range(config.bus_bytes + 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        self._walker, self._reader = SegmentWalker(config), AccumulatorReader(config)
        self._splitter, self._formatter = BurstSplitter(config), WordFormatter(config)
        self._packer, self._channel = BytePacker(config, segment_bits(config)), WriteChannel(config)
        self._spans = SyncFIFO(width=len(self._packer.spans.payload.as_value()), depth=SEGMENTS_AHEAD)
        self._open = SyncFIFO(width=INDEX_BITS + 1, depth=DESCRIPTORS_AHEAD)
        m.submodules.channel = self._channel  # outlives an abort: the bus protocol demands it
        for name in ("walker", "reader", "splitter", "formatter", "packer", "spans", "open"):
            m.submodules[name] = ResetInserter(self.abort)(getattr(self, f"_{name}"))

        self._halted, self._bad_field = Signal(), Signal()
        self._newest = Signal(INDEX_BITS, reset_less=True)
        self._accept(m)
        self._read(m)
        self._write(m)
        self._finish(m)
        return m

    def _accept(self, m):
        """Starts a descriptor, or refuses it."""
        work, takes, bad = self.work, Signal(), Signal()
        stops = self._halted | self._bad_field | self.abort
        m.d.comb += [
            work.ready.eq(self._walker.idle & self._reader.idle & self._open.w_rdy & ~stops),
            takes.eq(work.valid & work.ready),
            bad.eq(_is_bad(work.payload)),
            self._open.w_en.eq(takes),
            self._open.w_data.eq(Cat(work.payload.index, work.payload.signal_load)),
        ]
        for part in (self._walker, self._reader):
            m.d.comb += [part.start.eq(takes & ~bad), part.work.eq(work.payload)]
        m.d.sync += self._bad_field.eq(takes & bad)
        with m.If(takes):
            m.d.sync += self._newest.eq(work.payload.index)

    def _read(self, m):
        """Accumulator and parameter buffer to packer."""
        reads, acc = self._reader.reads, self.acc
        m.d.comb += [
            self._reader.room.eq(self._formatter.room),
            acc.valid.eq(reads.valid),
            acc.address.eq(reads.payload.word),
            reads.ready.eq(acc.ready),
            self.parameter_address.eq(reads.payload.parameter_word),
            self._formatter.accepted.eq(reads.valid & reads.ready),
            self._formatter.read.eq(reads.payload),
            self._formatter.word.eq(acc.data),
            self._formatter.scales.eq(self.parameter_data),
        ]
        connect(m, self._formatter.slices, self._packer.slices)

    def _write(self, m):
        """Segments go to the splitter and, for the packer, to a queue; bursts and beats meet in the channel."""
        segments, spans = self._walker.segments, self._packer.spans
        lane_bits = exact_log2(self.config.bus_bytes)
        lane, requests = segments.payload.address[:lane_bits], self._splitter.requests
        m.d.comb += [
            segments.ready.eq(requests.ready & self._spans.w_rdy),
            requests.valid.eq(segments.valid & self._spans.w_rdy),
            requests.payload.beat.eq(segments.payload.address[lane_bits:]),
            requests.payload.more.eq((segments.payload.bytes + lane - 1) >> lane_bits),
            requests.payload.last.eq(segments.payload.last),
            self._spans.w_en.eq(segments.valid & requests.ready),
            self._spans.w_data.eq(Cat(lane, segments.payload.bytes)),
            spans.valid.eq(self._spans.r_rdy),
            spans.payload.eq(self._spans.r_data),
            self._spans.r_en.eq(spans.ready),
            self._channel.abort.eq(self.abort),
            self.bytes_written.eq(self._channel.bytes_written),
        ]
        connect(m, self._splitter.bursts, self._channel.bursts)
        connect(m, self._packer.beats, self._channel.beats)
        connect(m, self._channel.memory, flipped(self.memory))

    def _finish(self, m):
        """Tokens, the end of descriptors, and faults: the first one halts the engine until ``abort``."""
        index, signals_load = self._open.r_data[:INDEX_BITS], self._open.r_data[INDEX_BITS]
        runs = ~self._halted & ~self.abort
        m.d.comb += [
            self._open.r_en.eq(self._channel.confirmed),
            self.signal_load.eq(self._channel.confirmed & signals_load & ~self._channel.failed & runs),
            self.signal_compute.eq(self._reader.finished & runs),
            self.busy.eq(self._open.r_rdy | ~self._channel.idle | self._halted),
            self.fault_valid.eq((self._channel.failed | self._reader.outside | self._bad_field) & runs),
            self.fault.index.eq(Mux(self._channel.failed, index, self._newest)),
        ]
        with m.If(self._channel.failed):
            m.d.comb += self.fault.status.eq(isa.Status.WRITE_ERROR)
        with m.Elif(self._reader.outside):
            m.d.comb += self.fault.status.eq(isa.Status.BAD_LOCAL_ADDRESS)
        with m.Else():
            m.d.comb += self.fault.status.eq(isa.Status.BAD_FIELD)
        with m.If(self.abort):
            m.d.sync += self._halted.eq(0)
        with m.Elif(self.fault_valid):
            m.d.sync += self._halted.eq(1)


def _is_bad(work):
    """Whether a descriptor has a field that STORE does not execute."""
    empty = Cat(work[name] == 0 for name in ("n", "count1", "count2", "count3")).any()
    unshiftable = (work.shift < LOWEST_SHIFT) | (work.shift > HIGHEST_SHIFT)
    return empty | (unshiftable & (work.output == isa.Output.INT8) & ~work.per_channel)
