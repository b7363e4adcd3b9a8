"""STORE's bus on its own: the write channels pay what they owe."""

from __future__ import annotations

import random
from typing import Any

import pytest

from hwacc.config import TINY, ArrayConfig
from hwacc.rtl.store_bursts import BURSTS_AHEAD, BURSTS_UNCONFIRMED, WriteChannel

from .simulate import fresh_random, simulate
from .write_memory import WriteMemory

Job = tuple[int, int, int]
"""Address of a burst, its beats less one, and whether it is its descriptor's last."""
MEMORY_BYTES = 1 << 14


def config_of(bus_bytes: int) -> ArrayConfig:
    return ArrayConfig(rows=4, cols=16, bus_bytes=bus_bytes, spm_bytes=1024, acc_bytes=2**16, channels=64)


class Channel:
    """A write channel between bursts and beats in lists and a memory, with the checks that hold in every cycle."""

    def __init__(self, config: ArrayConfig, rng: random.Random, rate: float = 1.0, **memory: Any):
        self.config, self.dut, self.rng, self.rate = config, WriteChannel(config), rng, rate
        self.memory = WriteMemory(self.dut.memory, config, MEMORY_BYTES, seed=rng.randrange(999), **memory)
        self.bursts: list[Job] = []
        self.beats: list[tuple[int, int]] = []
        self.taken_bursts: list[Job] = []
        self.taken_beats: list[tuple[int, int] | None] = []
        """None: a beat that an abort owed."""
        self.confirmed = self.failed = 0
        self._count = 0
        self._shown = {"bursts": False, "beats": False}

    def give(self, *jobs: Job) -> None:
        """Queues bursts and random beats for them."""
        size = self.config.bus_bytes
        self.bursts += jobs
        owed = sum(length + 1 for _, length, _ in jobs)
        self.beats += [(self.rng.getrandbits(8 * size), self.rng.getrandbits(size)) for _ in range(owed)]

    def drop(self) -> None:
        """Forgets what was not taken."""
        self.bursts, self.beats, self._shown = [], [], {"bursts": False, "beats": False}

    async def step(self, ctx: Any, abort: bool = False) -> None:
        """One cycle."""
        dut, memory = self.dut, self.memory
        ctx.set(dut.abort, abort)
        self._offer(ctx)
        memory.drive(ctx)
        if not ctx.get(memory.port.b.valid):
            ctx.set(memory.port.b.payload.error, 1)  # means nothing without an answer
        assert ctx.get(dut.idle) == (len(self.taken_bursts) == memory.answered)
        assert ctx.get(dut.bytes_written) == self._count
        taken = {name: bool(self._shown[name] and ctx.get(getattr(dut, name).ready)) for name in self._shown}
        assert not (abort and any(taken.values())), "nothing is taken during an abort"
        before, answered = len(memory.beats), memory.answered
        self._confirm(ctx, answered)
        memory.sample(ctx)
        self._count = sum(strobes.bit_count() for _, strobes, _ in memory.beats[before:])
        if taken["bursts"]:
            self.taken_bursts.append(self.bursts.pop(0))
        if taken["beats"]:
            self.taken_beats.append(self.beats.pop(0))
        for name in taken:
            self._shown[name] &= not taken[name]
        await ctx.tick()

    def _offer(self, ctx: Any) -> None:
        for name, waiting in (("bursts", self.bursts), ("beats", self.beats)):
            self._shown[name] = bool(waiting) and (self._shown[name] or self.rng.random() < self.rate)
            ctx.set(getattr(self.dut, name).valid, self._shown[name])
        address, length, final = self.bursts[0] if self._shown["bursts"] else (0, self.rng.getrandbits(8), 1)
        ctx.set(self.dut.bursts.payload, {"burst": {"addr": address, "len": length}, "final": final})
        data, strobes = self.beats[0] if self._shown["beats"] else (0, (1 << self.config.bus_bytes) - 1)
        ctx.set(self.dut.beats.payload, {"data": data, "strb": strobes})

    def _confirm(self, ctx: Any, answered: int) -> None:
        """An answer is for the oldest burst that has none; without one, no pulse."""
        valid = bool(ctx.get(self.memory.port.b.valid))
        final = valid and bool(self.taken_bursts[answered][2])
        failed = valid and answered in self.memory.failing
        assert (bool(ctx.get(self.dut.confirmed)), bool(ctx.get(self.dut.failed))) == (final, failed)
        self.confirmed += final
        self.failed += failed

    async def settle(self, ctx: Any, *, abort: bool = False, limit: int = 3000) -> None:
        """Steps until nothing is owed, and nothing waits (unless ``abort``)."""
        for _ in range(limit):
            await self.step(ctx, abort)
            if ctx.get(self.dut.idle) and (abort or not (self.bursts or self.beats)):
                return
        raise AssertionError(f"not idle after {limit} cycles")


def random_jobs(config: ArrayConfig, rng: random.Random, count: int, longest: int = 9) -> list[Job]:
    size = config.bus_bytes
    return [(rng.randrange(4096 // size - longest) * size, rng.randrange(longest), rng.randint(0, 1)) for _ in range(count)]


@pytest.mark.parametrize("seed", range(4))
def test_every_burst_gets_its_beats_and_every_answer_is_passed_on(seed: int) -> None:
    rng = fresh_random(seed)
    rates = {name: rng.choice((0.3, 0.7, 1.0)) for name in ("address_rate", "data_rate")}
    channel = Channel(
        config_of((4, 16)[seed % 2]), rng, rng.choice((0.4, 1.0)), latency=(1, 20)[seed // 2], delay=9, failing=(3, 17), **rates
    )
    jobs = [*random_jobs(channel.config, rng, 30), (4096, 255, 1), (0, 0, 1)]
    channel.give(*jobs)
    beats = list(channel.beats)

    async def script(ctx: Any) -> None:
        await channel.settle(ctx)

    simulate(channel.dut, script)
    memory = channel.memory
    assert memory.bursts == [(address, length) for address, length, _ in jobs]
    assert [(data, strobes) for data, strobes, _ in memory.beats] == beats
    assert (channel.confirmed, channel.failed) == (sum(final for _, _, final in jobs), 2)


@pytest.mark.parametrize("with_beats", [False, True])
def test_bursts_run_ahead_only_as_far_as_they_can_be_remembered(with_beats: bool) -> None:
    channel = Channel(TINY, fresh_random(11), latency=300)
    channel.give(*[(16 * index, 0, index % 2) for index in range(BURSTS_UNCONFIRMED + 20)])
    kept, channel.beats = (channel.beats, []) if not with_beats else ([], channel.beats)

    async def script(ctx: Any) -> None:
        for _ in range(BURSTS_UNCONFIRMED + 60):
            await channel.step(ctx)
        assert len(channel.taken_bursts) == (BURSTS_UNCONFIRMED if with_beats else BURSTS_AHEAD)
        channel.beats += kept
        await channel.settle(ctx)

    simulate(channel.dut, script)
    assert len(channel.memory.bursts) == len(channel.memory.beats) == BURSTS_UNCONFIRMED + 20


def test_a_beat_waits_for_its_burst_and_then_goes_every_cycle() -> None:
    channel = Channel(TINY, fresh_random(12))
    channel.give((256, 7, 0), (4096, 255, 1), (512, 0, 1))
    held, channel.bursts = channel.bursts, []

    async def script(ctx: Any) -> None:
        for _ in range(10):
            await channel.step(ctx)
        assert channel.taken_beats == []
        channel.bursts = held
        await channel.settle(ctx)

    simulate(channel.dut, script)
    first = channel.memory.beat_cycles[0]
    assert channel.memory.beat_cycles == list(range(first, first + 265))


@pytest.mark.parametrize("seed", range(4))
def test_an_abort_pays_the_beats_owed_without_strobes_and_takes_nothing(seed: int) -> None:
    rng = fresh_random(seed)
    channel = Channel(TINY, rng, rng.choice((0.5, 1.0)), latency=rng.choice((1, 15)), delay=4, address_rate=0.6, data_rate=0.6)

    async def script(ctx: Any) -> None:
        for _ in range(8):
            channel.give(*random_jobs(TINY, rng, 12))
            for _ in range(rng.randint(1, 60)):
                await channel.step(ctx)
            if rng.random() < 0.5:
                channel.drop()
            await _abort(channel, ctx)
        channel.give((2048, 2, 1))
        await channel.settle(ctx)

    simulate(channel.dut, script)
    assert channel.memory.bursts == [(address, length) for address, length, _ in channel.taken_bursts]
    assert len(channel.memory.beats) == len(channel.taken_beats) and channel.taken_beats.count(None) > 10
    for (data, strobes, _), taken in zip(channel.memory.beats, channel.taken_beats):
        assert strobes == 0 if taken is None else (data, strobes) == taken


async def _abort(channel: Channel, ctx: Any) -> None:
    """Aborts until nothing is owed, notes the beats that only filled bursts up, and drops what waits."""
    await channel.settle(ctx, abort=True)
    assert not channel.memory.owes
    owed = sum(length + 1 for _, length in channel.memory.bursts)
    channel.taken_beats += [None] * (owed - len(channel.taken_beats))
    channel.drop()
