"""Bursts: what the splitter offers is what was asked for, and what AXI allows."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import In
from amaranth.utils import exact_log2

from hwacc.config import ArrayConfig
from hwacc.rtl.axi import BURST_BEATS, PAGE_BYTES
from hwacc.rtl.bursts import BurstSplitter, request_layout
from tests.formal.fifo import Plant
from tests.formal.harness import Harness
from tests.formal.inside import Inside


def inside_a_page(config: ArrayConfig, burst: Any) -> Any:
    """Whether a burst starts at a beat, has at most 256 beats and crosses no multiple of 4 KiB."""
    whole = burst.addr[: exact_log2(config.bus_bytes)] == 0
    end = burst.addr[: exact_log2(PAGE_BYTES)] + (burst.len + 1) * config.bus_bytes
    return whole & (burst.len < BURST_BEATS) & (end <= PAGE_BYTES)


class BurstsCoverRequests(Harness):
    """:class:`BurstSplitter`: the bursts of a request follow one another and end where it ends."""

    def __init__(self, config: ArrayConfig, *, longest: int = BURST_BEATS, plant: Plant | None = None) -> None:
        self.config = config
        self.longest = longest
        self.plant = plant
        layout = request_layout(config)
        super().__init__({"valid": In(1), "request": In(layout), "ready": In(1), "drop": In(1)})

    def describe(self, m: Module) -> None:
        splitter = m.submodules.splitter = BurstSplitter(self.config, longest=self.longest)
        inside = Inside(splitter)
        if self.plant:
            self.plant(inside)
        m.d.comb += [
            splitter.requests.valid.eq(self.valid),
            splitter.requests.payload.eq(self.request),
            splitter.bursts.ready.eq(self.ready),
            splitter.drop.eq(self.drop),
        ]
        bursts = splitter.bursts
        takes, gives = self.valid & splitter.requests.ready, bursts.valid & bursts.ready
        beat, left = Signal.like(self.request.beat), Signal(len(self.request.more) + 1)  # what is due of the current request
        last = Signal()
        burst = bursts.payload.burst
        offered = burst.len + 1
        with m.If(gives):
            m.d.sync += [beat.eq(beat + offered), left.eq(left - offered)]
            with m.If(self.drop):
                m.d.sync += left.eq(0)
        with m.If(takes):
            m.d.sync += [beat.eq(self.request.beat), left.eq(self.request.more + 1), last.eq(self.request.last)]
        self.stays("a burst", bursts.valid, bursts.ready, [bursts.payload])
        self.always("a burst stays in its page and has at most 256 beats", ~bursts.valid | inside_a_page(self.config, burst))
        self.always("a burst is no longer than it may be", ~bursts.valid | (offered <= self.longest))
        self.always("a burst begins where the one before ended", ~bursts.valid | (burst.addr == beat << exact_log2(self.config.bus_bytes)))
        self.always("no beat is moved that was not asked for", ~bursts.valid | (offered <= left))
        self.always("bursts come until all of a request has moved, or dropped", bursts.valid == (left != 0))
        self.always("a request is taken only when the one before has moved", ~takes | (left == 0) | (gives & (offered == left)))
        self.always("nothing is taken while requests are dropped", ~(takes & self.drop))
        self.always(
            "the last burst of the last request is final, and no other",
            ~bursts.valid | (bursts.payload.final == (last & (offered == left))),
        )
        now = inside["left"]
        self.always("what is left is noted", ~bursts.valid | ((now.beat == beat) & (now.more + 1 == left) & (now.last == last)))
        self.reached("a request of several bursts ends", gives & (offered == left) & self.before(gives & (offered < left), "more_before"))
        self.reached("a burst is offered through a drop", bursts.valid & self.before(self.drop & bursts.valid & ~bursts.ready, "dropped"))
