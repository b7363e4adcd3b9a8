"""The descriptor fetcher."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.interfaces import read_port

BEATS_AHEAD = 36
"""Beats of the descriptors that are read ahead, by default: about as many as pass before the first descriptor's own reads are answered."""
BEATS_HURRIED = 16
"""Beats of descriptors that go ahead of LOAD's reads where LOAD runs short of work."""


class DescriptorFetch(wiring.Component):
    """Reads descriptors from the ring, ahead of their use, and hands them out whole.

    Asks for a descriptor as soon as the doorbell announces it and there is room for ``ahead`` of them.
    A descriptor is 64 bytes at a multiple of 64 (low bits of ``base`` are ignored), so no burst crosses 4 KiB.

    base, log2
        Address and size of the ring: constant while it runs.
    tail
        Descriptors written so far, modulo 65536. ``head``: descriptors handed out.
    descriptor
        One descriptor; valid for at least one cycle for each, from the cycle after its last beat on. ``error`` says that the memory
        refused it.
    enough
        So much is owed that no read need be put off for more.
    clear
        While high, asks for nothing, drops what arrives and what is held. ``idle`` says that nothing is owed; then ``head``
        becomes ``head_to``.
    """

    def __init__(self, config: ArrayConfig, *, ahead: int | None = None):
        self.config = config
        self.ahead = ahead or max(2, BEATS_AHEAD * config.bus_bytes // isa.DESCRIPTOR_BYTES)
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
                "descriptor": Out(stream.Signature(isa.DESCRIPTOR_BITS)),
                "error": Out(1),
                "enough": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        beats = isa.DESCRIPTOR_BYTES // self.config.bus_bytes
        asked = Signal(16)  # descriptors asked for, as head and tail count
        owed = Signal(range(self.ahead * beats + 1))  # beats that memory owes
        mask = (1 << self.log2)[:16] - 1
        room = (asked - self.head)[:16] < self.ahead
        m.d.comb += [
            self.memory.ar.valid.eq(~self.clear & (asked != self.tail) & room),
            self.memory.ar.payload.addr.eq((self.base & -isa.DESCRIPTOR_BYTES) + ((asked & mask) << ceil_log2(isa.DESCRIPTOR_BYTES))),
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

        gathered = Signal(isa.DESCRIPTOR_BITS, reset_less=True)
        failed = Signal()
        count = Signal(range(beats + 1))
        taken = self.descriptor.valid & self.descriptor.ready
        m.d.comb += [
            self.descriptor.valid.eq((count == beats) & ~self.clear),
            self.descriptor.payload.eq(gathered),
            self.error.eq(failed),
            gathers.eq((count != beats) | taken),
            held.r_en.eq(self.clear | gathers),
        ]
        with m.If(taken):
            m.d.sync += [count.eq(0), self.head.eq(self.head + 1), failed.eq(0)]
        with m.If(moves):
            m.d.sync += [
                gathered.eq((gathered >> width) | (beat[:width] << (isa.DESCRIPTOR_BITS - width))),
                failed.eq(beat[width] | (failed & ~taken)),
                count.eq(Mux(taken, 1, count + 1)),
            ]
        m.d.comb += self.idle.eq((owed == 0) & ~held.r_rdy)
        with m.If(self.clear):
            m.d.sync += [count.eq(0), failed.eq(0)]
            with m.If(self.idle):
                m.d.sync += [asked.eq(self.head_to), self.head.eq(self.head_to)]
        return m
