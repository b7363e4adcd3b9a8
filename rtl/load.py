"""The LOAD engine: from memory to the on-chip buffers."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import Out

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.bursts import BurstSplitter
from hwacc.rtl.interfaces import engine_members, local_write_port, read_port
from hwacc.rtl.load_clip import RunClipper, segment_layout
from hwacc.rtl.load_place import TARGET_PORTS, Placer
from hwacc.rtl.load_walk import RunWalker

SEGMENTS_IN_FLIGHT = 256
"""Segments whose data is awaited: at one beat each they cover a memory latency of as many cycles."""
LONGEST_BURST = 32
"""Beats of the longest burst: a longer one keeps a descriptor waiting, and gains nothing."""
COUNT_BITS = 16


class LoadEngine(wiring.Component):
    """Executes LOAD descriptors (:data:`hwacc.isa.LOAD` says what they mean).

    ::

        work ─ RunWalker ─ RunClipper ─┬─ BurstSplitter ─ memory.ar
                                       └─ segments FIFO ─ Placer ─ west, north, accumulator, parameters
                                                memory.r ─┘

    The upper way asks for data as far ahead as the FIFO allows, across descriptors; the lower way puts it in place, in
    order. A beat, or a beat's worth of padding, is placed every cycle whatever the alignment.

    Latency: the first read is offered three cycles after its descriptor was taken; a byte is offered to its target two
    cycles after its beat was taken. ``beat_taken`` is high in the cycles in which a beat is. The other ports are those of
    :func:`hwacc.rtl.interfaces.engine_members`.

    Faults come in the order of the descriptors. The runs before a fault may have been placed.

    Not handled: overlap of reads with writes of the same memory (tokens order these), and runs that share a beat (it is
    read for each of them). x wraps modulo 2^32.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__(
            {
                **engine_members(isa.LOAD, "compute", "store"),
                "memory": Out(read_port(config)),
                **{name: Out(local_write_port(config)) for name in TARGET_PORTS.values()},
                "beat_taken": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.walker = walker = RunWalker(self.config)
        m.submodules.clipper = clipper = RunClipper(self.config)
        m.submodules.splitter = splitter = BurstSplitter(self.config, longest=LONGEST_BURST)
        m.submodules.placer = placer = Placer(self.config)
        self._connect(m, walker, clipper, splitter, placer)

        dropping, drop, owed = Signal(), Signal(), self._owed_bursts(m)
        unfinished = Signal(COUNT_BITS)
        waits_for_bus = (owed != 0) | splitter.bursts.valid | placer.writing
        m.d.comb += [
            drop.eq(self.abort | dropping),
            placer.drop.eq(drop),
            *(stage.drop.eq(drop | placer.faulted) for stage in (walker, clipper, splitter)),
            self.busy.eq((unfinished != 0) | waits_for_bus),
        ]
        m.d.sync += [
            dropping.eq(drop & (self.abort | waits_for_bus)),
            unfinished.eq(unfinished + (self.work.valid & self.work.ready) - placer.finished),
        ]
        with m.If(drop):
            m.d.sync += unfinished.eq(0)
        return m

    def _connect(self, m, walker, clipper, splitter, placer):
        wiring.connect(m, wiring.flipped(self.work), walker.work)
        wiring.connect(m, walker.runs, clipper.runs)
        wiring.connect(m, clipper.reads, splitter.requests)
        wiring.connect(m, wiring.flipped(self.memory.r), placer.beats)
        for name in TARGET_PORTS.values():
            wiring.connect(m, getattr(placer, name), wiring.flipped(getattr(self, name)))
        self._connect_segments(m, clipper, placer)
        m.d.comb += [
            self.memory.ar.valid.eq(splitter.bursts.valid),
            self.memory.ar.payload.eq(splitter.bursts.payload.burst),
            splitter.bursts.ready.eq(self.memory.ar.ready),
            self.signal_compute.eq(placer.signal_compute),
            self.signal_store.eq(placer.signal_store),
            self.fault_valid.eq(placer.fault_valid),
            self.fault.eq(placer.fault),
            self.beat_taken.eq(self.memory.r.valid & self.memory.r.ready),
        ]

    def _connect_segments(self, m, clipper, placer):
        """The queue of segments: a block RAM, whose output needs a register before any logic. What finds it empty goes past it."""
        layout = segment_layout(self.config)
        fifo = SyncFIFOBuffered(width=layout.size, depth=SEGMENTS_IN_FLIGHT)
        forget = placer.drop | placer.faulted
        m.submodules.segments = ResetInserter(forget)(fifo)
        head, direct = Signal(layout, reset_less=True), Signal(layout, reset_less=True)
        head_valid, direct_valid = Signal(), Signal()
        empty = (fifo.level == 0) & ~head_valid & ~direct_valid
        m.d.comb += [
            fifo.w_data.eq(clipper.segments.payload),
            fifo.w_en.eq(clipper.segments.valid & ~empty),
            clipper.segments.ready.eq(fifo.w_rdy),
            fifo.r_en.eq(~head_valid | (placer.segments.ready & ~direct_valid)),
            placer.segments.payload.eq(Mux(direct_valid, direct, head)),
            placer.segments.valid.eq(head_valid | direct_valid),
        ]
        with m.If(fifo.r_en):
            m.d.sync += [head.eq(fifo.r_data), head_valid.eq(fifo.r_rdy)]
        with m.If(empty):
            m.d.sync += [direct.eq(clipper.segments.payload), direct_valid.eq(clipper.segments.valid)]
        with m.Elif(placer.segments.ready):
            m.d.sync += direct_valid.eq(0)
        with m.If(forget):
            m.d.sync += [head_valid.eq(0), direct_valid.eq(0)]

    def _owed_bursts(self, m):
        """Bursts whose last beat has not come."""
        owed = Signal(COUNT_BITS)
        asked = self.memory.ar.valid & self.memory.ar.ready
        answered = self.beat_taken & self.memory.r.payload.last
        m.d.sync += owed.eq(owed + asked - answered)
        return owed
