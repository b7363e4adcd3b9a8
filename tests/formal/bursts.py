"""Bursts: what the splitters of LOAD and STORE offer is what was asked for, and what AXI allows."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Signal, Value
from amaranth.lib.wiring import In
from amaranth.utils import exact_log2

from hwacc.config import ArrayConfig
from hwacc.rtl import load_burst, store_bursts
from hwacc.rtl.axi import BURST_BEATS, PAGE_BYTES
from hwacc.rtl.store_segments import segment_layout
from tests.formal.fifo import Plant
from tests.formal.harness import Harness
from tests.formal.inside import Inside


def inside_a_page(config: ArrayConfig, burst: Any) -> Any:
    """Whether a burst starts at a beat, has at most 256 beats and crosses no multiple of 4 KiB."""
    whole = burst.addr[: exact_log2(config.bus_bytes)] == 0
    end = burst.addr[: exact_log2(PAGE_BYTES)] + (burst.len + 1) * config.bus_bytes
    return whole & (burst.len < BURST_BEATS) & (end <= PAGE_BYTES)


class LoadBurstsCoverRequests(Harness):
    """:func:`hwacc.rtl.load_burst.BurstSplitter`: the bursts of a request follow one another and end where it ends."""

    def __init__(self, config: ArrayConfig, *, plant: Plant | None = None) -> None:
        self.config = config
        self.plant = plant
        layout = load_burst.request_layout(config)
        super().__init__({"valid": In(1), "request": In(layout), "ready": In(1), "drop": In(1)})

    def describe(self, m: Module) -> None:
        splitter = m.submodules.splitter = load_burst.BurstSplitter(self.config)
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
        beat, left = Signal.like(self.request.beat), Signal(17)  # what is due of the current request
        offered = bursts.payload.len + 1
        with m.If(gives):
            m.d.sync += [beat.eq(beat + offered), left.eq(left - offered)]
            with m.If(self.drop):
                m.d.sync += left.eq(0)
        with m.If(takes):
            m.d.sync += [beat.eq(self.request.beat), left.eq(self.request.more + 1)]
        self.stays("a burst", bursts.valid, bursts.ready, [bursts.payload])
        self.always("a burst stays in its page and has at most 256 beats", ~bursts.valid | inside_a_page(self.config, bursts.payload))
        self.always(
            "a burst begins where the one before ended", ~bursts.valid | (bursts.payload.addr == beat << exact_log2(self.config.bus_bytes))
        )
        self.always("no beat is read that was not asked for", ~bursts.valid | (offered <= left))
        self.always("bursts come until all of a request is read, or dropped", bursts.valid == (left != 0))
        self.always("a request is taken only when the one before is read", ~takes | (left == 0) | (gives & (offered == left)))
        self.always("nothing is taken while requests are dropped", ~(takes & self.drop))
        now = inside["left"]
        self.always(
            "what is left is noted", ~bursts.valid | ((Value.cast(now)[: len(beat)] == beat) & (Value.cast(now)[len(beat) :] + 1 == left))
        )
        self.reached("a request of several bursts ends", gives & (offered == left) & self.before(gives & (offered < left), "more_before"))
        self.reached("a burst is offered through a drop", bursts.valid & self.before(self.drop & bursts.valid & ~bursts.ready, "dropped"))


class StoreBurstsCoverSegments(Harness):
    """:func:`hwacc.rtl.store_bursts.BurstSplitter`: the bursts of a segment hold its bytes, and end where it ends.

    *Given*: a segment has at least one byte, and fewer than its field could hold by a beat (:mod:`hwacc.rtl.store_segments` makes
    none longer than a row, or than the accumulator).
    """

    def __init__(self, config: ArrayConfig, *, plant: Plant | None = None) -> None:
        self.config = config
        self.plant = plant
        super().__init__({"valid": In(1), "segment": In(segment_layout(config)), "ready": In(1)})

    def describe(self, m: Module) -> None:
        splitter = m.submodules.splitter = store_bursts.BurstSplitter(self.config)
        inside = Inside(splitter)
        if self.plant:
            self.plant(inside)
        m.d.comb += [
            splitter.segments.valid.eq(self.valid),
            splitter.segments.payload.eq(self.segment),
            splitter.bursts.ready.eq(self.ready),
        ]
        bursts = splitter.bursts
        takes, gives = self.valid & splitter.segments.ready, bursts.valid & bursts.ready
        lanes = exact_log2(self.config.bus_bytes)
        beat, left, last = Signal(self.config.address_bits - lanes), Signal(len(self.segment.bytes) + 1), Signal()
        offered = bursts.payload.burst.len + 1
        end = self.segment.address[:lanes] + self.segment.bytes + (self.config.bus_bytes - 1)
        with m.If(gives):
            m.d.sync += [beat.eq(beat + offered), left.eq(left - offered)]
        with m.If(takes):
            m.d.sync += [beat.eq(self.segment.address >> lanes), left.eq(end >> lanes), last.eq(self.segment.last)]
        self.given("a segment has a byte", ~self.valid | (self.segment.bytes != 0))
        self.stays("a burst", bursts.valid, bursts.ready, [bursts.payload])
        self.always("a burst stays in its page and has at most 256 beats", ~bursts.valid | inside_a_page(self.config, bursts.payload.burst))
        self.always("a burst begins where the one before ended", ~bursts.valid | (bursts.payload.burst.addr == beat << lanes))
        self.always("no beat is written beyond the segment's last", ~bursts.valid | (offered <= left))
        self.always("bursts come until all of a segment is written", bursts.valid == (left != 0))
        self.always("a segment is taken only when the one before is written", ~takes | (left == 0) | (gives & (offered == left)))
        self.always(
            "the last burst of the last segment is final, and no other",
            ~bursts.valid | (bursts.payload.final == (last & (offered == left))),
        )
        self.always(
            "what is left is noted", ~bursts.valid | ((inside["beat"] == beat) & (inside["left"] == left) & (inside["final"] == last))
        )
        self.reached("a segment of several bursts ends", gives & (offered == left) & self.before(gives & (offered < left), "more_before"))
