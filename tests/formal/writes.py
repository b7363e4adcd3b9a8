"""STORE's write channel: every burst gets its beats, its last beat marked, and one response."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import In

from hwacc.config import TINY
from hwacc.rtl.bursts import job_layout
from hwacc.rtl.pack import beat_layout
from hwacc.rtl.store_bursts import BURSTS_AHEAD, BURSTS_UNCONFIRMED, WriteChannel
from tests.formal.fifo import MarkedWord, Plant
from tests.formal.harness import Harness
from tests.formal.inside import Inside


class WritesKeepOrder(Harness):
    """:class:`WriteChannel`; bursts, beats, ``abort`` and the memory's ``ready`` come as they like.

    *Given*, of memory: it confirms a burst only once it has taken its address and its last beat. One burst, any, is followed.
    """

    def __init__(self, *, plant: Plant | None = None) -> None:
        self.plant = plant
        super().__init__(
            {
                "burst_valid": In(1),
                "burst": In(job_layout(TINY)),
                "beat_valid": In(1),
                "beat": In(beat_layout(TINY)),
                "aw_ready": In(1),
                "w_ready": In(1),
                "b_valid": In(1),
                "b_error": In(1),
                "abort": In(1),
            }
        )

    def describe(self, m: Module) -> None:
        channel = m.submodules.channel = self.channel = WriteChannel(TINY)
        inside = Inside(channel)
        if self.plant:
            self.plant(inside)
        memory = channel.memory
        m.d.comb += [
            channel.bursts.valid.eq(self.burst_valid),
            channel.bursts.payload.eq(self.burst),
            channel.beats.valid.eq(self.beat_valid),
            channel.beats.payload.eq(self.beat),
            memory.aw.ready.eq(self.aw_ready),
            memory.w.ready.eq(self.w_ready),
            memory.b.valid.eq(self.b_valid),
            memory.b.payload.error.eq(self.b_error),
            channel.abort.eq(self.abort),
        ]
        self.lengths, self.unconfirmed = inside.fifo("lengths"), inside.fifo("unconfirmed")
        self._count(m)
        self._follow(m, inside)
        self._offers(m)

    def _count(self, m: Module) -> None:
        """``open``: bursts taken whose last beat is not on the bus; ``sent``, ``named``: bursts with all beats, or with their
        address, on the bus, and no response."""
        memory = self.channel.memory
        self.takes = self.burst_valid & self.channel.bursts.ready
        self.beat_goes = memory.w.valid & memory.w.ready
        ends = self.beat_goes & memory.w.payload.last
        self.open, sent, named = (Signal(range(BURSTS_UNCONFIRMED + 2), name=name) for name in ("open", "sent_bursts", "named"))
        address_goes = memory.aw.valid & memory.aw.ready
        m.d.sync += [
            self.open.eq(self.open + self.takes - ends),
            sent.eq(sent + ends - self.b_valid),
            named.eq(named + address_goes - self.b_valid),
        ]
        self.given("memory confirms a burst only when it has its address and all beats", ~self.b_valid | ((sent != 0) & (named != 0)))
        pending = memory.w.valid & memory.w.payload.last
        level = self.unconfirmed.port.level
        self.always("every burst is waited for until it is confirmed", (level == sent + self.open) & (level == named + memory.aw.valid))
        self.always("every burst without its last beat is known", self.open == self.lengths.port.level + pending)
        self.always("no more bursts run ahead than may", (self.open <= BURSTS_AHEAD + 1) & (level <= BURSTS_UNCONFIRMED))
        self.always("a response is never without a burst", ~self.b_valid | self.unconfirmed.port.r_rdy)
        idle = (self.open == 0) & (sent == 0) & ~memory.aw.valid & ~memory.w.valid
        self.always("idle says that nothing is owed", self.channel.idle == idle)
        for fifo in (self.lengths, self.unconfirmed):
            self.always(f"pointers of {fifo.port.depth} words are as far apart as the words are many", fifo.consistent())

    def _follow(self, m: Module, inside: Any) -> None:
        """The followed burst: its length, and how many bursts are before it on the data channel."""
        w, sent = self.channel.memory.w, inside["sent"]
        word = MarkedWord(self, m, self.lengths)
        gone = Signal(9)  # beats on the bus of the burst that is there
        with m.If(self.beat_goes):
            m.d.sync += gone.eq(gone + 1)
            with m.If(w.payload.last):
                m.d.sync += gone.eq(0)
        pending = w.valid & w.payload.last
        current = word.waits & (word.front == 0) & ~pending
        length = self.lengths.port.r_data
        self.always("beats gone and waiting are those counted", pending | (gone + w.valid == sent))
        self.always("no beat waits behind a burst's last one", ~pending | (sent == 0))
        self.always("no more beats are sent than the burst has", (sent == 0) | (self.lengths.port.r_rdy & (sent <= length)))
        self.always("a burst has no last beat before its time", ~(current & w.valid) | (gone < word.value))
        leaving, due = Signal(), Signal(8)
        with m.If(self.beat_goes & w.payload.last):
            m.d.sync += leaving.eq(0)
        with m.If(word.leaves):
            m.d.sync += [leaving.eq(1), due.eq(word.value)]
        self.always("the last beat is the one that the burst's length says", ~leaving | (pending & (gone == due)))
        self.always("a beat waits only for a burst that was taken", ~w.valid | (self.open != 0))
        self.reached("a burst of two beats ends", leaving & self.beat_goes & (gone == 1))
        self.reached("a burst is completed in an abort", leaving & self.beat_goes & self.before(self.abort, "aborting"))

    def _offers(self, m: Module) -> None:
        memory, channel = self.channel.memory, self.channel
        self.stays("a burst's address", memory.aw.valid, memory.aw.ready, [memory.aw.payload])
        self.stays("a beat", memory.w.valid, memory.w.ready, [memory.w.payload])
        aborted = self.before(self.abort, "abort_before")
        fresh = memory.w.valid & self.before(~memory.w.valid | memory.w.ready, "free_before")
        self.always("a beat that an abort adds writes nothing", ~aborted | ~fresh | (memory.w.payload.strb == 0))
        self.always("nothing is taken in an abort", ~self.abort | ~(channel.bursts.ready | channel.beats.ready))
        taken = self.before(self.takes, "took")
        burst = self.before(self.burst.burst, "burst_before")
        self.always("a burst is issued as it was given", ~taken | (memory.aw.valid & (memory.aw.payload.as_value() == burst)))
        beat = self.before(self.beat.as_value(), "beat_before")
        accepted = self.before(self.beat_valid & channel.beats.ready, "accepted_beat")
        same = (memory.w.payload.data == beat[: len(memory.w.payload.data)]) & (
            memory.w.payload.strb == beat[len(memory.w.payload.data) :][: len(memory.w.payload.strb)]
        )
        self.always("a beat is sent as it was given", ~accepted | (memory.w.valid & same))
