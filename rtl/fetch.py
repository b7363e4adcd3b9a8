"""The descriptor fetcher."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.decode import LONG_BIT
from hwacc.rtl.interfaces import read_port

BEATS_AHEAD = 36
"""Beats of the descriptors that are read ahead, by default: about as many as pass before the first descriptor's own reads are answered."""
BEATS_HURRIED = 16
"""Beats of descriptors that go ahead of LOAD's reads where LOAD runs short of work."""


class DescriptorFetch(wiring.Component):
    """Reads descriptors from the ring, ahead of their use, and hands them out whole.

    Asks for an entry of the ring as soon as the doorbell announces it and there is room for ``ahead`` of them. An entry lies at a
    multiple of its size (low bits of ``base`` are ignored), so no burst crosses 4 KiB.

    base, log2
        Address and size of the ring: constant while it runs.
    tail
        Entries written so far, modulo 65536. ``head``: entries handed out.
    descriptor
        One descriptor in its long form; valid for at least one cycle for each, from the cycle after its last beat on. ``error`` says
        that the memory refused it. One comes as often as the bus can bring the beats of its entries.
    enough
        So much is owed that no read need be put off for more.
    clear
        While high, asks for nothing, drops what arrives and what is held. ``idle`` says that nothing is owed; then ``head``
        becomes ``head_to``.

    Not handled: a doorbell that never announces the second entry of a descriptor, which is waited for.
    """

    def __init__(self, config: ArrayConfig, *, ahead: int | None = None):
        self.config = config
        self.ahead = ahead or max(2, BEATS_AHEAD * config.bus_bytes // config.entry_bytes)
        super().__init__(
            {
                "base": In(config.address_bits),
                "log2": In(5),
                "tail": In(16),
                "head": Out(16),
                "head_to": In(16),
                "clear": In(1),
                "idle": Out(1),
                "memory": Out(read_port(config)),
                "descriptor": Out(stream.Signature(2 * isa.HALF_BITS)),
                "error": Out(1),
                "enough": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        entry = self.config.entry_bytes
        beats = entry // self.config.bus_bytes  # of an entry
        asked = Signal(16)  # entries asked for, as head and tail count
        owed = Signal(range(self.ahead * beats + 1))  # beats that memory owes
        mask = (1 << self.log2)[:16] - 1
        room = (asked - self.head)[:16] < self.ahead
        m.d.comb += [
            self.memory.ar.valid.eq(~self.clear & (asked != self.tail) & room),
            self.memory.ar.payload.addr.eq((self.base & -entry) + ((asked & mask) << exact_log2(entry))),
            self.memory.ar.payload.len.eq(beats - 1),
        ]
        asks = self.memory.ar.valid & self.memory.ar.ready
        arrives = self.memory.r.valid & self.memory.r.ready
        m.d.sync += owed.eq(owed + Mux(asks, beats, 0) - arrives)
        with m.If(asks):
            m.d.sync += asked.eq(asked + 1)

        m.d.comb += self.enough.eq(owed >= BEATS_HURRIED)

        width = self.config.bus_bytes * 8
        gathers, moves, beat = Signal(), Signal(), Signal(width + 1)
        m.submodules.beats = held = fifo.SyncFIFO(width=width + 1, depth=self.ahead * beats)
        m.d.comb += [
            held.w_data.eq(self.memory.r.payload.data | (self.memory.r.payload.error << width)),
            held.w_en.eq(self.memory.r.valid & ~self.clear & (held.r_rdy | ~gathers)),
            self.memory.r.ready.eq(1),
            beat.eq(Mux(held.r_rdy, held.r_data, held.w_data)),
            moves.eq(gathers & (held.r_rdy | self.memory.r.valid)),
        ]

        failed, long, whole = Signal(), Signal(), Signal()
        entries = isa.LONG_BYTES // entry  # of a long descriptor
        count = Signal(range(entries * beats + 1))  # beats gathered
        taken = self.descriptor.valid & self.descriptor.ready
        starts = taken | (count == 0)
        gathered = self._gather(m, moves, starts, count >= beats, beat[:width])
        m.d.comb += [
            long.eq(gathered[LONG_BIT] if entries > 1 else 0),  # of two entries, that is
            whole.eq(((count == beats) & ~long) | (count == entries * beats)),
            self.descriptor.valid.eq(whole & ~self.clear),
            self.descriptor.payload.eq(gathered),
            self.error.eq(failed),
            gathers.eq(~whole | taken),
            held.r_en.eq(self.clear | gathers),
        ]
        with m.If(taken):
            m.d.sync += [count.eq(0), self.head.eq(self.head + 1 + long), failed.eq(0)]
        with m.If(moves):
            m.d.sync += [failed.eq(beat[width] | (failed & ~taken)), count.eq(Mux(taken, 1, count + 1))]
        m.d.comb += self.idle.eq((owed == 0) & ~held.r_rdy)
        with m.If(self.clear):
            m.d.sync += [count.eq(0), failed.eq(0)]
            with m.If(self.idle):
                m.d.sync += [asked.eq(self.head_to), self.head.eq(self.head_to)]
        return m

    def _gather(self, m, moves, starts, in_second, beat):
        """The descriptor, in halves that shift their beats in from above. The second one has its default until there is more."""
        first, second = Signal(isa.HALF_BITS, reset_less=True), Signal(isa.HALF_BITS, reset_less=True)
        default = int.from_bytes(isa.DEFAULT_SECOND_HALF, "little")
        if len(beat) > isa.HALF_BITS:
            with m.If(moves):
                m.d.sync += [first.eq(beat), second.eq(Mux(beat[LONG_BIT], beat[isa.HALF_BITS :], default))]
            return Cat(first, second)
        with m.If(moves & (starts | ~in_second)):
            m.d.sync += first.eq(Cat(first, beat)[len(beat) :])
        with m.If(moves & starts):
            m.d.sync += second.eq(default)
        with m.Elif(moves & in_second):
            m.d.sync += second.eq(Cat(second, beat)[len(beat) :])
        return Cat(first, second)
