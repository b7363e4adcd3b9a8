"""The descriptor fetcher: the ring, reading ahead, errors, and clear."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from hwacc import isa
from hwacc.config import TINY, ArrayConfig
from hwacc.rtl.fetch import DescriptorFetch
from tests.rtl.memory import ReadMemory
from tests.rtl.simulate import fresh_random, simulate

NARROW = ArrayConfig(rows=4, cols=4, bus_bytes=4)
HALF = ArrayConfig(rows=16, cols=16, bus_bytes=32)
WIDE = ArrayConfig(rows=16, cols=16, bus_bytes=64)
CONFIGS = pytest.mark.parametrize("config", [NARROW, TINY, HALF, WIDE], ids=lambda config: f"{config.bus_bytes}-byte-beats")
BASE = 4096 - 128  # the ring lies across a 4 KiB boundary
SHORT, LONG = False, True
LONG_BIT = isa.END.offset("long")
WAIT_LIMIT = 2000


class FetchBench:
    """The fetcher at a ring of ``2**log2`` entries in a memory; plays the driver's part and the command processor's."""

    def __init__(self, config: ArrayConfig, *, log2: int = 2, ahead: int = 3, latency: int = 1, stall: float = 0.0) -> None:
        self.config, self.log2, self.ahead = config, log2, ahead
        self.size = config.entry_bytes
        self.beats = self.size // config.bus_bytes
        self.random = fresh_random()
        self.data = bytearray(self.random.randbytes(8192))
        self.fetch = DescriptorFetch(config, ahead=ahead)
        seed = self.random.randrange(2**32)
        self.memory = ReadMemory(self.fetch.memory, config, self.data, latency=latency, stall=stall, seed=seed)  # type: ignore[arg-type]
        self.written: deque[tuple[int, int]] = deque()
        """What is to come: each descriptor's long form, and its entries."""
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

    def entry(self, number: int) -> int:
        """Address of the entry that ``number``, the count of all, names."""
        return BASE + number % (1 << self.log2) * self.size

    def entries(self, form: bool) -> int:
        """How many a descriptor of this form takes."""
        return -(-(isa.LONG_BYTES if form else isa.SHORT_BYTES) // self.size)

    def forms(self, most: int) -> list[bool]:
        """Random forms of descriptors that take at least one entry, and ``most`` at most."""
        forms = [SHORT]
        while self.random.random() < 0.9:
            forms.append(self.random.choice((SHORT, LONG)))
        while sum(map(self.entries, forms)) > most:
            forms.pop()
        return forms

    def push(self, ctx: Any, forms: list[bool]) -> None:
        """Writes descriptors of random bits, and of these forms, and rings the doorbell."""
        tail = self.tail
        for form in forms:
            count = self.entries(form)
            bits = int.from_bytes(self.random.randbytes(count * self.size), "little") & ~(1 << LONG_BIT) | form << LONG_BIT
            raw = bits.to_bytes(count * self.size, "little")
            for number in range(count):
                self.data[self.entry(tail) : self.entry(tail) + self.size] = raw[number * self.size :][: self.size]
                tail += 1
            whole = raw[: isa.LONG_BYTES] if form else raw[: isa.SHORT_BYTES] + isa.DEFAULT_SECOND_HALF
            self.written.append((int.from_bytes(whole, "little"), count))
        self.ring(ctx, tail)

    def ring(self, ctx: Any, tail: int) -> None:
        """The doorbell."""
        self.tail = tail & 0xFFFF
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
        number, (expected, count) = ctx.get(fetch.head), self.written.popleft()
        assert ctx.get(fetch.descriptor.valid), f"the descriptor of entry {number} did not come"
        assert ctx.get(fetch.error) == error, f"entry {number}"
        assert error or ctx.get(fetch.descriptor.payload) == expected, f"entry {number}"
        await self.tick(ctx)
        ctx.set(fetch.descriptor.ready, 0)
        assert ctx.get(fetch.head) == (number + count) & 0xFFFF

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
        self.written.clear()

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
        while total < 40:
            bench.ready_rate = bench.random.choice((1.0, 0.1))
            forms = bench.forms(1 << bench.log2)
            bench.push(ctx, forms)
            for _ in forms:
                await bench.take(ctx)
            total += sum(map(bench.entries, forms))
        assert [burst.address for burst in bench.memory.bursts] == [bench.entry(number) for number in range(total)]
        assert {burst.beats for burst in bench.memory.bursts} == {bench.beats}

    bench.play(play)


@pytest.mark.parametrize("config", [NARROW, TINY, HALF], ids=lambda config: f"{config.bus_bytes}-byte-beats")
def test_a_long_descriptor_may_be_announced_in_halves_and_wrap_around_the_ring(config: ArrayConfig) -> None:
    bench = FetchBench(config, log2=1, latency=3)

    async def play(ctx: Any) -> None:
        bench.push(ctx, [SHORT])
        await bench.take(ctx)
        for _ in range(3):
            bench.push(ctx, [LONG])
            bench.ring(ctx, bench.tail - 1)
            await ctx.tick().repeat(30)
            assert not ctx.get(bench.fetch.descriptor.valid)
            bench.ring(ctx, bench.tail + 1)
            await bench.take(ctx)

    bench.play(play)


@CONFIGS
def test_it_reads_so_many_entries_ahead_and_no_more(config: ArrayConfig) -> None:
    bench = FetchBench(config, log2=3, ahead=3)

    async def play(ctx: Any) -> None:
        bench.push(ctx, [SHORT] * 8)
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
        bench.push(ctx, [SHORT, SHORT])
        await ctx.tick().repeat(40)
        assert len(bench.memory.bursts) == 2
        await bench.take(ctx)
        await bench.take(ctx)
        await ctx.tick().repeat(20)
        assert not ctx.get(bench.fetch.descriptor.valid)
        assert len(bench.memory.bursts) == 2

    bench.play(play)


@CONFIGS
@pytest.mark.parametrize("forms", [[SHORT] * 32, [LONG] * 16, [LONG, SHORT] * 10], ids=["short", "long", "mixed"])
def test_descriptors_come_as_fast_as_the_bus_brings_their_beats_in_spite_of_latency(config: ArrayConfig, forms: list[bool]) -> None:
    bench = FetchBench(config, log2=5, ahead=40, latency=30)

    async def play(ctx: Any) -> None:
        bench.push(ctx, forms)
        await bench.take(ctx)
        start = bench.cycle
        for _ in forms[1:]:
            await bench.take(ctx)
        assert bench.cycle - start <= sum(map(bench.entries, forms[1:])) * bench.beats + 1

    bench.play(play)


@CONFIGS
def test_a_short_descriptor_is_there_in_the_cycle_after_its_last_beat(config: ArrayConfig) -> None:
    bench = FetchBench(config)

    async def play(ctx: Any) -> None:
        bench.push(ctx, [SHORT, LONG])
        while bench.memory.beats < bench.beats:
            assert not ctx.get(bench.fetch.descriptor.valid)
            await bench.tick(ctx)
        assert ctx.get(bench.fetch.descriptor.valid)

    bench.play(play)


def test_low_bits_of_the_ring_s_address_are_ignored() -> None:
    bench = FetchBench(TINY)

    async def play(ctx: Any) -> None:
        ctx.set(bench.fetch.base, BASE + bench.size - 1)
        bench.push(ctx, [SHORT, LONG])
        await bench.take(ctx)
        await bench.take(ctx)

    bench.play(play)


@pytest.mark.parametrize("forms", [[SHORT] * 4, [SHORT, LONG, SHORT]], ids=["between", "within"])
def test_counts_wrap_at_65536(forms: list[bool]) -> None:
    bench = FetchBench(TINY)

    async def play(ctx: Any) -> None:
        bench.ring(ctx, 65534)
        await bench.clear(ctx, 65534)
        assert ctx.get(bench.fetch.head) == 65534
        bench.push(ctx, forms)
        for _ in forms:
            await bench.take(ctx)
        assert ctx.get(bench.fetch.head) == 2
        assert bench.memory.bursts[-1].address == bench.entry(1)

    bench.play(play)


@CONFIGS
@pytest.mark.parametrize("form", [SHORT, LONG], ids=["short", "long"])
def test_an_error_in_any_beat_marks_its_descriptor_and_no_other(config: ArrayConfig, form: bool) -> None:
    bench = FetchBench(config)

    async def play(ctx: Any) -> None:
        for beat in range(bench.entries(form) * bench.beats):
            bad = bench.tail + 1 + beat // bench.beats
            bench.memory.errors = {bench.entry(bad) + beat % bench.beats * config.bus_bytes}
            bench.push(ctx, [SHORT, form, SHORT])
            await bench.take(ctx)
            await bench.take(ctx, error=True)
            await bench.take(ctx)

    bench.play(play)


@CONFIGS
@pytest.mark.parametrize("forms", [[SHORT] * 4, [LONG, SHORT]], ids=["short", "long"])
def test_clear_in_any_cycle_drops_what_is_owed_and_what_is_held(config: ArrayConfig, forms: list[bool]) -> None:
    bench = FetchBench(config, latency=7)

    async def play(ctx: Any) -> None:
        for wait in range(1, 3 * bench.beats + 20):
            bench.memory.errors = {bench.entry(bench.tail)}  # a dropped error must not mark a later descriptor
            bench.push(ctx, forms)
            await ctx.tick().repeat(wait)
            await bench.clear(ctx, bench.tail)
            bench.memory.errors = set()
            assert ctx.get(bench.fetch.head) == bench.tail
            bench.push(ctx, [SHORT, LONG])
            await bench.take(ctx)
            await bench.take(ctx)

    bench.play(play)


def test_idle_waits_for_the_last_beat() -> None:
    bench = FetchBench(TINY, latency=25)

    async def play(ctx: Any) -> None:
        bench.push(ctx, [SHORT])
        await ctx.tick().repeat(4)
        ctx.set(bench.fetch.clear, 1)
        while bench.memory.waiting:
            assert not ctx.get(bench.fetch.idle)
            await ctx.tick()
        await ctx.tick().repeat(2)
        assert ctx.get(bench.fetch.idle)

    bench.play(play)
