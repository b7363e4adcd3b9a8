"""The window of LOAD's reads: never more in flight than the latency takes, and never too few to keep the memory busy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwacc.config import TINY
from hwacc.rtl.interfaces import read_port
from hwacc.rtl.load import LONGEST_BURST
from hwacc.rtl.read_window import MARGIN, MOST, ReadWindow
from tests.rtl.memory import ReadMemory
from tests.rtl.simulate import fresh_random, simulate

LATENCIES = (1, 32, 100, 205)
COVERED = MOST - MARGIN
CYCLE_LIMIT = 20_000


class Bus(wiring.Component):
    """A window, and a bus that nobody else uses."""

    def __init__(self) -> None:
        super().__init__({"engine": In(read_port(TINY)), "memory": Out(read_port(TINY)), "full": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.window = window = ReadWindow(TINY)
        wiring.connect(m, wiring.flipped(self.engine), window.engine)
        wiring.connect(m, window.memory, wiring.flipped(self.memory))
        m.d.comb += [window.silent.eq(~self.memory.r.valid), self.full.eq(window.full)]
        return m


class WindowBench:
    """An engine that always asks, and takes every beat, in front of a window and a memory."""

    def __init__(self, *, latency: int, stall: float = 0.0) -> None:
        self.bus = Bus()
        seed = fresh_random().randrange(2**32)
        self.memory = ReadMemory(self.bus.memory, TINY, bytes(4096), latency=latency, stall=stall, seed=seed)
        self.beats_at: list[int] = []
        self.cycle = 0

    def play(self, testbench: Any) -> WindowBench:
        """Runs ``testbench(ctx)``, while beats are noted."""
        simulate(self.bus, testbench, self.memory.run, self.watch)
        return self

    async def ask(self, ctx: Any, lengths: Sequence[int]) -> None:
        """Asks for bursts of so many beats, one after the other, and waits for all beats."""
        ar, wanted = self.bus.engine.ar, len(self.beats_at) + sum(lengths)
        ctx.set(self.bus.engine.r.ready, 1)
        for beats in lengths:
            ctx.set(ar.payload, {"addr": 0, "len": beats - 1})
            ctx.set(ar.valid, 1)
            await ctx.tick().until(ar.ready)
        ctx.set(ar.valid, 0)
        for _ in range(CYCLE_LIMIT):
            if len(self.beats_at) == wanted:
                return
            await ctx.tick()
        raise AssertionError(f"{len(self.beats_at)} of {wanted} beats came")

    async def watch(self, ctx: Any) -> None:
        """The process that notes when beats come."""
        r = self.bus.engine.r
        for cycle in count(1):
            _, _, valid, ready = await ctx.tick().sample(r.valid, r.ready)
            self.cycle = cycle
            self.beats_at += [cycle] if valid and ready else []

    @property
    def lost(self) -> int:
        """Cycles without a beat between the first and the last one."""
        return self.beats_at[-1] - self.beats_at[0] + 1 - len(self.beats_at)


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("beats", [1, 3, LONGEST_BURST])
def test_a_beat_comes_every_cycle_though_little_more_is_in_flight_than_the_latency_takes(latency: int, beats: int) -> None:
    bench = WindowBench(latency=latency)

    async def play(ctx: Any) -> None:
        await bench.ask(ctx, [beats] * (900 // beats))

    bench.play(play)
    assert bench.lost == 0
    assert bench.memory.most_beats_owed < latency + MARGIN + beats
    assert bench.memory.most_beats_owed >= min(latency, MARGIN)


@pytest.mark.parametrize("latency", [COVERED, 3 * MOST])
def test_there_are_never_more_in_flight_than_the_widest_window_and_a_burst(latency: int) -> None:
    bench = WindowBench(latency=latency, stall=0.3)

    async def play(ctx: Any) -> None:
        await bench.ask(ctx, [LONGEST_BURST] * 60)

    bench.play(play)
    assert MOST < bench.memory.most_beats_owed < MOST + LONGEST_BURST


def test_the_window_follows_a_latency_that_grows_while_beats_are_owed() -> None:
    bench = WindowBench(latency=10)

    async def play(ctx: Any) -> None:
        await bench.ask(ctx, [4] * 500)

    async def slow_down(ctx: Any) -> None:
        await ctx.tick().repeat(200)
        assert len(bench.beats_at) > 100
        assert bench.lost == 0
        bench.memory.latency = 90

    simulate(bench.bus, play, bench.memory.run, bench.watch, slow_down)
    assert 0 < bench.lost <= 80 + MARGIN, "what the first late beat waits, and little more until the window has grown"
    del bench.beats_at[:-500]
    assert bench.lost == 0


def test_the_window_is_found_anew_when_nothing_is_owed() -> None:
    bench = WindowBench(latency=100)

    async def play(ctx: Any) -> None:
        await bench.ask(ctx, [4] * 100)
        bench.memory.latency = 5
        await ctx.tick().repeat(10)
        bench.memory.most_beats_owed = 0
        bench.beats_at.clear()
        await bench.ask(ctx, [4] * 100)

    bench.play(play)
    assert bench.lost == 0
    assert bench.memory.most_beats_owed < 5 + MARGIN + 4
