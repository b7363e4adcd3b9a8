"""The descriptor fetcher: the ring, reading ahead, errors, and clear."""

from __future__ import annotations

from typing import Any

import pytest

from hwacc import isa
from hwacc.config import TINY, ArrayConfig
from hwacc.rtl.fetch import DescriptorFetch
from tests.rtl.memory import ReadMemory
from tests.rtl.simulate import fresh_random, simulate

NARROW = ArrayConfig(rows=4, cols=4, bus_bytes=4)
WIDE = ArrayConfig(rows=16, cols=16, bus_bytes=64)
CONFIGS = pytest.mark.parametrize("config", [NARROW, TINY, WIDE], ids=lambda config: f"{config.bus_bytes}-byte-beats")
SIZE = isa.DESCRIPTOR_BYTES
BASE = 4096 - 2 * SIZE  # the ring lies across a 4 KiB boundary
WAIT_LIMIT = 2000


class FetchBench:
    """The fetcher at a ring of ``2**log2`` descriptors in a memory; plays the driver's part and the command processor's."""

    def __init__(self, config: ArrayConfig, *, log2: int = 2, ahead: int = 3, latency: int = 1, stall: float = 0.0) -> None:
        self.config, self.log2, self.ahead = config, log2, ahead
        self.random = fresh_random()
        self.data = bytearray(self.random.randbytes(8192))
        self.fetch = DescriptorFetch(config, ahead=ahead)
        seed = self.random.randrange(2**32)
        self.memory = ReadMemory(self.fetch.memory, config, self.data, latency=latency, stall=stall, seed=seed)  # type: ignore[arg-type]
        self.written: dict[int, int] = {}
        self.tail = 0
        self.cycle = 0
        self.ready_rate = 1.0

    def play(self, testbench: Any) -> None:
        """Runs ``testbench(ctx)`` with the ring set up."""

        async def run(ctx: Any) -> None:
            ctx.set(self.fetch.base, BASE)
            ctx.set(self.fetch.log2, self.log2)
            await ctx.tick()  # from now on the memory is ready: clear may take back an address, which the arbiter's register bears
            await testbench(ctx)

        simulate(self.fetch, run, self.memory.run)

    def slot(self, number: int) -> int:
        """Address of the descriptor that ``number``, the count of all, names."""
        return BASE + number % (1 << self.log2) * SIZE

    def push(self, ctx: Any, count: int) -> None:
        """Writes ``count`` descriptors of random bits and rings the doorbell."""
        for number in range(self.tail, self.tail + count):
            raw = self.random.randbytes(SIZE)
            self.data[self.slot(number) : self.slot(number) + SIZE] = raw
            self.written[number & 0xFFFF] = int.from_bytes(raw, "little")
        self.tail = (self.tail + count) & 0xFFFF
        ctx.set(self.fetch.tail, self.tail)

    async def take(self, ctx: Any, *, error: bool = False) -> None:
        """Takes one descriptor and checks it; an erroneous one's bits do not matter."""
        fetch = self.fetch
        for _ in range(WAIT_LIMIT):
            ready = self.random.random() < self.ready_rate
            ctx.set(fetch.descriptor.ready, int(ready))
            if ctx.get(fetch.descriptor.valid) and ready:
                break
            await self.tick(ctx)
        number = ctx.get(fetch.head)
        assert ctx.get(fetch.descriptor.valid), f"descriptor {number} did not come"
        assert ctx.get(fetch.error) == error, f"descriptor {number}"
        assert error or ctx.get(fetch.descriptor.payload) == self.written[number], f"descriptor {number}"
        await self.tick(ctx)
        ctx.set(fetch.descriptor.ready, 0)
        assert ctx.get(fetch.head) == (number + 1) & 0xFFFF

    async def clear(self, ctx: Any, head_to: int) -> None:
        """Clears until idle; nothing may come out, and no burst may begin."""
        fetch = self.fetch
        ctx.set(fetch.head_to, head_to)
        ctx.set(fetch.clear, 1)
        await self.tick(ctx)
        bursts = len(self.memory.bursts)
        for _ in range(WAIT_LIMIT):
            assert not ctx.get(fetch.descriptor.valid)
            if ctx.get(fetch.idle):
                break
            await self.tick(ctx)
        await self.tick(ctx)
        assert len(self.memory.bursts) == bursts
        assert not self.memory.waiting, "idle, and yet the memory owes beats"
        ctx.set(fetch.clear, 0)

    async def tick(self, ctx: Any) -> None:
        """One cycle."""
        self.cycle += 1
        await ctx.tick()


@CONFIGS
@pytest.mark.parametrize(("latency", "stall"), [(1, 0.0), (9, 0.3)], ids=["fast", "slow"])
def test_descriptors_come_whole_and_in_order_around_the_ring(config: ArrayConfig, latency: int, stall: float) -> None:
    bench = FetchBench(config, latency=latency, stall=stall)

    async def play(ctx: Any) -> None:
        total = 0
        while total < 25:
            bench.ready_rate = bench.random.choice((1.0, 0.1))
            count = bench.random.randint(1, 1 << bench.log2)
            bench.push(ctx, count)
            for _ in range(count):
                await bench.take(ctx)
            total += count
        assert [burst.address for burst in bench.memory.bursts] == [bench.slot(number) for number in range(total)]
        assert {burst.beats * config.bus_bytes for burst in bench.memory.bursts} == {SIZE}

    bench.play(play)


@CONFIGS
def test_it_reads_so_many_ahead_and_no_more(config: ArrayConfig) -> None:
    bench = FetchBench(config, log2=3, ahead=3)

    async def play(ctx: Any) -> None:
        bench.push(ctx, 8)
        await ctx.tick().repeat(150)
        assert len(bench.memory.bursts) == 3
        await bench.take(ctx)
        await ctx.tick().repeat(60)
        assert len(bench.memory.bursts) == 4
        for _ in range(7):
            await bench.take(ctx)

    bench.play(play)


def test_it_asks_for_nothing_that_was_not_announced() -> None:
    bench = FetchBench(TINY, ahead=8)

    async def play(ctx: Any) -> None:
        await ctx.tick().repeat(20)
        assert bench.memory.bursts == []
        bench.push(ctx, 2)
        await ctx.tick().repeat(40)
        assert len(bench.memory.bursts) == 2
        await bench.take(ctx)
        await bench.take(ctx)
        await ctx.tick().repeat(20)
        assert not ctx.get(bench.fetch.descriptor.valid)
        assert len(bench.memory.bursts) == 2

    bench.play(play)


@CONFIGS
def test_one_descriptor_comes_for_every_64_bytes_of_the_bus_in_spite_of_latency(config: ArrayConfig) -> None:
    beats = SIZE // config.bus_bytes
    bench = FetchBench(config, log2=5, ahead=40, latency=30)

    async def play(ctx: Any) -> None:
        bench.push(ctx, 32)
        await bench.take(ctx)
        start = bench.cycle
        for _ in range(31):
            await bench.take(ctx)
        assert bench.cycle - start <= 31 * beats + 1

    bench.play(play)


def test_low_bits_of_the_ring_s_address_are_ignored() -> None:
    bench = FetchBench(TINY)

    async def play(ctx: Any) -> None:
        ctx.set(bench.fetch.base, BASE + 63)
        bench.push(ctx, 2)
        await bench.take(ctx)
        await bench.take(ctx)

    bench.play(play)


def test_counts_wrap_at_65536() -> None:
    bench = FetchBench(TINY)

    async def play(ctx: Any) -> None:
        bench.tail = 65534
        ctx.set(bench.fetch.tail, bench.tail)
        await bench.clear(ctx, 65534)
        assert ctx.get(bench.fetch.head) == 65534
        bench.push(ctx, 4)
        for _ in range(4):
            await bench.take(ctx)
        assert ctx.get(bench.fetch.head) == 2
        assert bench.memory.bursts[-1].address == bench.slot(1)

    bench.play(play)


@CONFIGS
def test_an_error_in_any_beat_marks_its_descriptor_and_no_other(config: ArrayConfig) -> None:
    bench = FetchBench(config)

    async def play(ctx: Any) -> None:
        for beat in range(SIZE // config.bus_bytes):
            bad = bench.tail + 1
            bench.memory.errors = {bench.slot(bad) + beat * config.bus_bytes}
            bench.push(ctx, 3)
            await bench.take(ctx)
            await bench.take(ctx, error=True)
            await bench.take(ctx)

    bench.play(play)


@CONFIGS
def test_clear_in_any_cycle_drops_what_is_owed_and_what_is_held(config: ArrayConfig) -> None:
    bench = FetchBench(config, latency=7)

    async def play(ctx: Any) -> None:
        for wait in range(1, 3 * SIZE // config.bus_bytes + 14):
            bench.memory.errors = {bench.slot(bench.tail)}  # a dropped error must not mark a later descriptor
            bench.push(ctx, 4)
            await ctx.tick().repeat(wait)
            await bench.clear(ctx, bench.tail)
            bench.memory.errors = set()
            assert ctx.get(bench.fetch.head) == bench.tail
            bench.push(ctx, 2)
            await bench.take(ctx)
            await bench.take(ctx)

    bench.play(play)


def test_idle_waits_for_the_last_beat() -> None:
    bench = FetchBench(TINY, latency=25)

    async def play(ctx: Any) -> None:
        bench.push(ctx, 1)
        await ctx.tick().repeat(4)
        ctx.set(bench.fetch.clear, 1)
        while bench.memory.waiting:
            assert not ctx.get(bench.fetch.idle)
            await ctx.tick()
        await ctx.tick().repeat(2)
        assert ctx.get(bench.fetch.idle)

    bench.play(play)
