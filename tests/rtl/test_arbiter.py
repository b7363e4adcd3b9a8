"""One AXI port for everybody: beats find their way back, the fetcher goes first, addresses stand still."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import pytest

from hwacc.config import TINY
from hwacc.rtl.arbiter import FETCH_ID, LOAD_ID, MemoryArbiter
from hwacc.rtl.load import LONGEST_BURST
from hwacc.rtl.read_window import MARGIN
from tests.rtl.axi_model import AxiMemory, data_at, response_at
from tests.rtl.simulate import fresh_random, simulate

Burst = tuple[int, int]
CYCLE_LIMIT = 4000


def random_burst(rng: random.Random) -> Burst:
    """Address and beats less one."""
    return rng.randrange(1 << (TINY.address_bits - 4)) << 4, rng.choice((0, 3, rng.randrange(256) % 20))


class Reader:
    """A user of a read port: offers bursts one after the other, takes beats when it likes."""

    def __init__(self, port: Any, rng: random.Random, bursts: list[Burst]) -> None:
        self.port, self.random, self.bursts = port, rng, bursts
        self.sent = 0
        self.beats: list[tuple[int, int, int]] = []

    def drive(self, ctx: Any) -> None:
        """This cycle's inputs; an offer once made stays."""
        ar = self.port.ar
        if self.sent < len(self.bursts) and (ctx.get(ar.valid) or self.random.random() < 0.5):
            address, length = self.bursts[self.sent]
            ctx.set(ar.payload, {"addr": address, "len": length})
            ctx.set(ar.valid, 1)
        ctx.set(self.port.r.ready, self.random.randint(0, 1))

    def sample(self, ctx: Any) -> None:
        """Notes what is transferred."""
        ar, r = self.port.ar, self.port.r
        self.taken = bool(ctx.get(ar.valid) and ctx.get(ar.ready))
        self.sent += self.taken
        if ctx.get(r.valid) and ctx.get(r.ready):
            self.beats.append((ctx.get(r.payload.data), ctx.get(r.payload.error), ctx.get(r.payload.last)))

    def settle(self, ctx: Any) -> None:
        """A burst that was taken is no longer offered."""
        if self.taken:
            ctx.set(self.port.ar.valid, 0)

    def expected(self) -> list[tuple[int, int, int]]:
        """The beats of all bursts, in order."""
        beats = [(address + TINY.bus_bytes * i, int(i == length)) for address, length in self.bursts for i in range(length + 1)]
        return [(data_at(address, TINY), response_at(address) >> 1, last) for address, last in beats]


class Writer:
    """A user of a write port: addresses and beats each at its own pace."""

    def __init__(self, port: Any, rng: random.Random, bursts: list[Burst]) -> None:
        self.port, self.random, self.bursts = port, rng, bursts
        self.beats = [
            (rng.randrange(1 << 128), rng.randrange(1, 1 << 16), int(i == length)) for _, length in bursts for i in range(length + 1)
        ]
        self.sent = self.sent_beats = 0
        self.answers: list[int] = []

    @property
    def done(self) -> bool:
        """Whether every burst was answered."""
        return len(self.answers) == len(self.bursts)

    def drive(self, ctx: Any) -> None:
        """This cycle's inputs."""
        aw, w = self.port.aw, self.port.w
        if self.sent < len(self.bursts) and (ctx.get(aw.valid) or self.random.random() < 0.4):
            ctx.set(aw.payload, dict(zip(("addr", "len"), self.bursts[self.sent])))
            ctx.set(aw.valid, 1)
        if self.sent_beats < len(self.beats) and (ctx.get(w.valid) or self.random.random() < 0.6):
            ctx.set(w.payload, dict(zip(("data", "strb", "last"), self.beats[self.sent_beats])))
            ctx.set(w.valid, 1)
        ctx.set(self.port.b.ready, self.random.randint(0, 1))

    def sample(self, ctx: Any) -> None:
        """Notes what is transferred."""
        aw, w, b = self.port.aw, self.port.w, self.port.b
        self.taken = [bool(ctx.get(channel.valid) and ctx.get(channel.ready)) for channel in (aw, w)]
        self.sent += self.taken[0]
        self.sent_beats += self.taken[1]
        if ctx.get(b.valid) and ctx.get(b.ready):
            self.answers.append(ctx.get(b.payload.error))

    def settle(self, ctx: Any) -> None:
        """What was taken is no longer offered."""
        for taken, channel in zip(self.taken, (self.port.aw, self.port.w)):
            if taken:
                ctx.set(channel.valid, 0)


async def cycle(ctx: Any, *parts: Any) -> None:
    """One cycle of all parts."""
    for part in parts:
        part.drive(ctx)
    for part in parts:
        part.sample(ctx)
    await ctx.tick()
    for part in parts:
        part.settle(ctx)


def test_beats_of_two_readers_find_their_way_in_whatever_order_they_come() -> None:
    rng = fresh_random()
    arbiter = MemoryArbiter(TINY)
    memory = AxiMemory(arbiter.axi, TINY, rng)
    load = Reader(arbiter.load, rng, [random_burst(rng) for _ in range(25)])
    fetch = Reader(arbiter.fetch, rng, [random_burst(rng) for _ in range(25)])

    async def bench(ctx: Any) -> None:
        for _ in range(CYCLE_LIMIT):
            await cycle(ctx, load, fetch, memory)
            if len(load.beats) == len(load.expected()) and len(fetch.beats) == len(fetch.expected()):
                break

    simulate(arbiter, bench)
    for reader, number in ((load, LOAD_ID), (fetch, FETCH_ID)):
        assert [burst[:2] for burst in memory.reads if burst[2] == number] == reader.bursts
        assert reader.beats == reader.expected()
    assert memory.quiet


def test_load_goes_first_where_both_ask_unless_the_fetcher_is_told_to() -> None:
    rng = fresh_random()
    arbiter = MemoryArbiter(TINY)
    memory = AxiMemory(arbiter.axi, TINY, rng)
    load = Reader(arbiter.load, rng, [random_burst(rng) for _ in range(100)])
    fetch = Reader(arbiter.fetch, rng, [random_burst(rng) for _ in range(100)])

    async def bench(ctx: Any) -> None:
        taken = {"load": 0, "fetch": 0}
        for _ in range(1500):
            ctx.set(arbiter.fetch_first, rng.randint(0, 1))
            await cycle(ctx, load, fetch, memory)
            for name, one, other in (("load", load, fetch), ("fetch", fetch, load)):
                if one.taken and ctx.get(other.port.ar.valid):  # it is still offered, so both were
                    assert ctx.get(arbiter.fetch_first) == (name == "fetch")
                    taken[name] += 1
        assert min(taken.values()) > 5, "they hardly met"

    simulate(arbiter, bench)
    assert fetch.sent > 5


class PromptMemory:
    """Answers reads in order: the first beat after ``latency`` cycles, then one every cycle. Driven as :class:`AxiMemory` is."""

    def __init__(self, axi: Any, latency: int) -> None:
        self.axi, self.latency = axi, latency
        self.cycle = 0
        self.owed: deque[tuple[int, int, int]] = deque()

    def drive(self, ctx: Any) -> None:
        """Sets the inputs of the bus for this cycle."""
        ctx.set(self.axi.arready, 1)
        due = bool(self.owed) and self.owed[0][0] <= self.cycle
        ctx.set(self.axi.rvalid, int(due))
        if due:
            ctx.set(self.axi.rid, self.owed[0][1])
            ctx.set(self.axi.rlast, self.owed[0][2])

    def sample(self, ctx: Any) -> None:
        """Takes what is transferred in this cycle."""
        axi = self.axi
        if ctx.get(axi.rvalid) and ctx.get(axi.rready):
            self.owed.popleft()
        if ctx.get(axi.arvalid):
            length = ctx.get(axi.arlen)
            self.owed.extend((self.cycle + self.latency, ctx.get(axi.arid), int(i == length)) for i in range(length + 1))

    def settle(self, ctx: Any) -> None:
        """The cycle ends."""
        self.cycle += 1


@pytest.mark.parametrize("latency", [1, 32, 100])
def test_a_fetch_that_goes_first_waits_for_no_more_than_the_latency_a_burst_and_the_margin(latency: int) -> None:
    arbiter = MemoryArbiter(TINY)
    memory = PromptMemory(arbiter.axi, latency)
    beats = {LOAD_ID: 0, FETCH_ID: 0}

    async def bench(ctx: Any) -> None:
        ctx.set(arbiter.fetch_first, 1)
        for port, length in ((arbiter.load, LONGEST_BURST - 1), (arbiter.fetch, 3)):
            ctx.set(port.r.ready, 1)
            ctx.set(port.ar.payload, {"addr": 0, "len": length})
        ctx.set(arbiter.load.ar.valid, 1)
        waits, since = [], 0
        for now in range(1200):
            ctx.set(arbiter.fetch.ar.valid, int(now % 150 == 149))
            since = now if now % 150 == 149 else since
            await cycle(ctx, memory)
            if ctx.get(arbiter.axi.rvalid) and now > latency + 5:
                number = ctx.get(arbiter.axi.rid)
                waits += [now - since] if number == FETCH_ID and beats[number] % 4 == 0 else []
                beats[number] += 1
        assert len(waits) >= 6
        assert max(waits) <= latency + MARGIN + LONGEST_BURST + 2

    simulate(arbiter, bench)
    assert sum(beats.values()) >= 1200 - latency - 10, "and LOAD loses nothing"


def test_an_address_on_the_bus_stays_though_its_engine_takes_it_back() -> None:
    rng = fresh_random()
    arbiter = MemoryArbiter(TINY)
    axi = arbiter.axi

    async def bench(ctx: Any) -> None:
        for port, number in ((arbiter.fetch, FETCH_ID), (arbiter.load, LOAD_ID)):
            address, length = random_burst(rng)
            ctx.set(port.ar.payload, {"addr": address, "len": length})
            ctx.set(port.ar.valid, 1)
            assert ctx.get(port.ar.ready)
            await ctx.tick()
            ctx.set(port.ar.valid, 0)
            ctx.set(port.ar.payload, {"addr": 0, "len": 0})
            for _ in range(4):
                assert (ctx.get(axi.arvalid), ctx.get(axi.araddr), ctx.get(axi.arlen), ctx.get(axi.arid)) == (1, address, length, number)
                assert not ctx.get(port.ar.ready), "the register is full"
                await ctx.tick()
            ctx.set(axi.arready, 1)
            await ctx.tick()
            ctx.set(axi.arready, 0)
            assert not ctx.get(axi.arvalid), "one burst, not two"

    simulate(arbiter, bench)


def test_bursts_of_one_reader_follow_one_another_every_cycle() -> None:
    arbiter = MemoryArbiter(TINY)
    bursts = [(64 * i, i % 2) for i in range(1, 9)]  # fewer beats than LOAD may always have in flight

    async def bench(ctx: Any) -> None:
        ctx.set(arbiter.axi.arready, 1)
        seen = []
        for address, length in bursts:
            ctx.set(arbiter.load.ar.payload, {"addr": address, "len": length})
            ctx.set(arbiter.load.ar.valid, 1)
            await ctx.tick()
            assert ctx.get(arbiter.axi.arvalid)
            seen.append((ctx.get(arbiter.axi.araddr), ctx.get(arbiter.axi.arlen)))
        assert seen == bursts

    simulate(arbiter, bench)


def test_writes_of_store_and_of_the_record_take_turns_and_answers_go_to_their_writer() -> None:
    rng = fresh_random()
    arbiter = MemoryArbiter(TINY)
    memory = AxiMemory(arbiter.axi, TINY, rng)
    turns = [
        (turn % 2, Writer(arbiter.record if turn % 2 else arbiter.store, rng, [random_burst(rng) for _ in range(5)])) for turn in range(6)
    ]

    async def bench(ctx: Any) -> None:
        for number, writer in turns:
            ctx.set(arbiter.writes_record, number)
            other = Writer(arbiter.store if number else arbiter.record, rng, [])
            for _ in range(CYCLE_LIMIT):
                await cycle(ctx, writer, other, memory)
                if writer.done:
                    break
            assert other.answers == []

    simulate(arbiter, bench)
    assert [burst[:2] for burst in memory.writes] == [burst for _, writer in turns for burst in writer.bursts]
    assert memory.beats == [beat for _, writer in turns for beat in writer.beats]
    for _, writer in turns:
        assert writer.answers == [response_at(address) >> 1 for address, _ in writer.bursts]
    assert memory.quiet


def test_who_has_no_turn_writes_nothing() -> None:
    arbiter = MemoryArbiter(TINY)

    async def bench(ctx: Any) -> None:
        for turn, waiting in ((0, arbiter.record), (1, arbiter.store)):
            ctx.set(arbiter.writes_record, turn)
            for channel in (waiting.aw, waiting.w):
                ctx.set(channel.valid, 1)
            for ready in (arbiter.axi.awready, arbiter.axi.wready, arbiter.axi.bvalid):
                ctx.set(ready, 1)
            for _ in range(3):
                assert not ctx.get(waiting.aw.ready) and not ctx.get(waiting.w.ready) and not ctx.get(waiting.b.valid)
                assert not ctx.get(arbiter.axi.awvalid) and not ctx.get(arbiter.axi.wvalid)
                await ctx.tick()
            for channel in (waiting.aw, waiting.w):
                ctx.set(channel.valid, 0)

    simulate(arbiter, bench)
