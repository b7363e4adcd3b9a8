"""STORE's bus: the write channels."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from hwacc.config import ArrayConfig
from hwacc.rtl.bursts import job_layout
from hwacc.rtl.interfaces import write_port
from hwacc.rtl.pack import beat_layout

BURSTS_AHEAD = 32
"""Bursts that may be issued before their beats."""
BURSTS_UNCONFIRMED = 128
"""Bursts that may lack their response: rows of one beat go one a cycle at a memory latency of 120 cycles."""


class WriteChannel(wiring.Component):
    """Sends bursts and beats to memory and counts what is owed, so that the bus stays in order whatever happens.

    A burst is issued as soon as memory takes addresses, ahead of its beats; a beat goes out when its burst has been
    issued. Both wait in one register: latency one cycle each. ``confirmed`` pulses with the response to a ``final`` burst,
    ``failed`` with a response that is an error; both are logic on ``memory.b``.

    While ``abort``, takes neither bursts nor beats, and gives the bursts that were issued the beats they lack, with no strobes.
    ``idle``: nothing is owed by or to memory. ``bytes_written`` counts the strobes of the beat that went in the cycle before.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__(
            {
                "bursts": In(stream.Signature(job_layout(config))),
                "beats": In(stream.Signature(beat_layout(config))),
                "memory": Out(write_port(config)),
                "abort": In(1),
                "confirmed": Out(1),
                "failed": Out(1),
                "idle": Out(1),
                "bytes_written": Out(range(config.bus_bytes + 1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.lengths = self._lengths = SyncFIFO(width=len(self.memory.aw.payload.len), depth=BURSTS_AHEAD)
        m.submodules.unconfirmed = self._unconfirmed = SyncFIFO(width=1, depth=BURSTS_UNCONFIRMED)
        self._issue(m)
        self._send(m)
        self._confirm(m)
        m.d.comb += self.idle.eq(~(self.memory.aw.valid | self.memory.w.valid | self._lengths.r_rdy | self._unconfirmed.r_rdy))
        return m

    def _issue(self, m):
        """Addresses: notes each burst for the beats and for the responses."""
        aw = self.memory.aw
        takes = Signal()
        m.d.comb += [
            self.bursts.ready.eq((~aw.valid | aw.ready) & self._lengths.w_rdy & self._unconfirmed.w_rdy & ~self.abort),
            takes.eq(self.bursts.valid & self.bursts.ready),
            self._lengths.w_en.eq(takes),
            self._lengths.w_data.eq(self.bursts.payload.burst.len),
            self._unconfirmed.w_en.eq(takes),
            self._unconfirmed.w_data.eq(self.bursts.payload.final),
        ]
        valid, burst = Signal(), Signal.like(aw.payload, reset_less=True)
        with m.If(takes):
            m.d.sync += [valid.eq(1), burst.eq(self.bursts.payload.burst)]
        with m.Elif(aw.ready):
            m.d.sync += valid.eq(0)
        m.d.comb += [aw.valid.eq(valid), aw.payload.eq(burst)]

    def _send(self, m):
        """Beats: the oldest burst that lacks some says which is its last."""
        w = self.memory.w
        valid, last = Signal(), Signal(reset_less=True)
        beat = Signal(beat_layout(self.config), reset_less=True)
        sent = Signal(len(self._lengths.r_data))
        free, moves, ends = Signal(), Signal(), Signal()
        m.d.comb += [
            free.eq((~valid | w.ready) & self._lengths.r_rdy),
            self.beats.ready.eq(free & ~self.abort),
            moves.eq(free & (self.beats.valid | self.abort)),
            ends.eq(sent == self._lengths.r_data),
            self._lengths.r_en.eq(moves & ends),
        ]
        with m.If(moves):
            m.d.sync += [valid.eq(1), last.eq(ends), sent.eq(Mux(ends, 0, sent + 1)), beat.eq(self.beats.payload)]
            with m.If(self.abort):
                m.d.sync += beat.strb.eq(0)
        with m.Elif(w.ready):
            m.d.sync += valid.eq(0)
        m.d.comb += [w.valid.eq(valid), w.payload.last.eq(last), w.payload.data.eq(beat.data), w.payload.strb.eq(beat.strb)]
        m.d.sync += self.bytes_written.eq(Mux(w.valid & w.ready, _count_ones(beat.strb), 0))

    def _confirm(self, m):
        """Responses come in the order of the bursts."""
        b = self.memory.b
        m.d.comb += [
            b.ready.eq(1),
            self._unconfirmed.r_en.eq(b.valid),
            self.confirmed.eq(b.valid & self._unconfirmed.r_data[0]),
            self.failed.eq(b.valid & b.payload.error),
        ]


def _count_ones(value):
    """How many bits are 1: a tree of adders."""
    sums = list(value) or [Const(0)]
    while len(sums) > 1:
        sums = [left + right for left, right in zip(sums[::2], [*sums[1::2], Const(0)])]
    return sums[0]
