"""The queue in front of an engine: order, tokens, parts, and clear."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import pytest

from hwacc import isa
from hwacc.isa import Engine
from hwacc.parts import parts
from hwacc.rtl.dispatch import ENGINES, EngineQueue
from tests.rtl.simulate import fresh_random, simulate

DEPTH = 4
UNSEEN = ("k_step", "west_step", "north_step")
"""Fields that say nothing of a part."""
Work = dict[str, int]


def random_work(rng: random.Random, op: isa.Op, index: int, waits: int | None = None) -> Work:
    """A descriptor with random bits in every field; ``waits`` says which tokens it wants. A COMPUTE has up to five parts."""
    values = {field.name: rng.randint(field.low, field.high) for field in op.fields}
    if op is isa.COMPUTE:
        values["k_step"] = rng.choice((0, values["k"] // 4, values["k"] // 2, rng.randint(values["k"] // 4, 65535)))
    waits = rng.choice((0, rng.randrange(8))) if waits is None else waits
    values |= {f"wait_{engine.name.lower()}": waits >> engine & 1 for engine in ENGINES}
    return {**values, "index": index}


def plain(work: Work) -> Work:
    """A COMPUTE in one part."""
    return {**work, "k_step": 0}


def in_parts(op: isa.Op, work: Work) -> deque[Work]:
    """What the engine should get for ``work``; LOAD does its own parts itself."""
    if op is not isa.COMPUTE:
        return deque([work])
    descriptor = isa.Descriptor(op, {name: value for name, value in work.items() if name != "index"})
    return deque({**part.values, "index": work["index"]} for part in parts(descriptor))


def wants(work: Work) -> list[int]:
    """How many tokens of each engine a descriptor takes."""
    return [work[f"wait_{engine.name.lower()}"] for engine in ENGINES]


class QueueModel:
    """What the queue should show in each cycle: entries, each with the parts that are left of it, and tokens count from the cycle
    after they came."""

    def __init__(self, op: isa.Op) -> None:
        self.op = op
        self.entries: deque[deque[Work]] = deque()
        self.tokens = [0] * len(ENGINES)
        self.later_parts = 0

    @property
    def head(self) -> Work | None:
        """What the engine is to get next."""
        return self.entries[0][0] if self.entries else None

    @property
    def satisfied(self) -> bool:
        """Whether that has its tokens."""
        return self.head is not None and all(have >= want for have, want in zip(self.tokens, wants(self.head)))

    def step(self, *, offered: Work | None, ready: int, push: int, clear: int) -> None:
        """One cycle."""
        room = len(self.entries) < DEPTH
        if self.satisfied and ready and not clear:
            taken = self.entries[0].popleft()
            self.tokens = [have - want for have, want in zip(self.tokens, wants(taken))]
            if self.entries[0]:
                self.later_parts += 1
            else:
                self.entries.popleft()
        self.tokens = [have + (push >> i & 1) for i, have in enumerate(self.tokens)]
        if offered and room:
            self.entries.append(in_parts(self.op, offered))
        if clear:
            self.entries.clear()
            self.tokens = [0] * len(ENGINES)


async def cycle(
    ctx: Any, queue: EngineQueue, model: QueueModel, *, offered: Work | None = None, ready: int = 0, push: int = 0, clear: int = 0
) -> bool:
    """One cycle of queue and model, compared; returns whether ``offered`` was taken."""
    ctx.set(queue.queue.valid, int(offered is not None))
    if offered:
        ctx.set(queue.queue.payload, offered)
    for port, value in ((queue.work.ready, ready), (queue.push, push), (queue.clear, clear)):
        ctx.set(port, value)
    head = model.head
    assert ctx.get(queue.empty) == (head is None)
    assert ctx.get(queue.blocked) == (head is not None and not model.satisfied)
    assert ctx.get(queue.work.valid) == (model.satisfied and not clear)
    assert ctx.get(queue.queue.ready) == (len(model.entries) < DEPTH)
    if ctx.get(queue.work.valid):
        assert head is not None
        seen = [name for name in head if name not in UNSEEN]
        assert {name: ctx.get(queue.work.payload[name]) for name in seen} == {name: head[name] for name in seen}
    accepted = bool(offered and ctx.get(queue.queue.ready))
    model.step(offered=offered, ready=ready, push=push, clear=clear)
    await ctx.tick()
    return accepted


def play(bench: Any, op: isa.Op = isa.COMPUTE) -> None:
    """Runs ``bench(ctx, queue, model)``."""
    queue = EngineQueue(op, depth=DEPTH)

    async def run(ctx: Any) -> None:
        await bench(ctx, queue, QueueModel(op))

    simulate(queue, run)


@pytest.mark.parametrize("op", [isa.LOAD, isa.COMPUTE, isa.STORE], ids=lambda op: op.name)
def test_random_traffic_loses_no_descriptor_and_no_token_and_invents_none(op: isa.Op) -> None:
    async def bench(ctx: Any, queue: EngineQueue, model: QueueModel) -> None:
        rng = fresh_random()
        index, pending = 0, None
        for _ in range(500):
            if pending is None and rng.random() < 0.6:
                pending, index = random_work(rng, op, index), index + 1
            push = sum(1 << engine for engine in ENGINES if rng.random() < 0.25)
            clear = int(rng.random() < 0.01)
            if await cycle(ctx, queue, model, offered=pending, ready=rng.randint(0, 1), push=push, clear=clear):
                pending = None
        assert index > 70, "hardly anything went through"
        assert (model.later_parts > 30) == (op is isa.COMPUTE), f"{model.later_parts} parts beside first ones"

    play(bench, op)


@pytest.mark.parametrize("sender", ENGINES, ids=lambda engine: engine.name)
def test_a_descriptor_waits_for_the_token_of_the_engine_that_it_names(sender: Engine) -> None:
    async def bench(ctx: Any, queue: EngineQueue, model: QueueModel) -> None:
        work = plain(random_work(fresh_random(), isa.COMPUTE, 5, waits=1 << sender))
        await cycle(ctx, queue, model, offered=work, ready=1)
        others = sum(1 << engine for engine in ENGINES if engine != sender)
        for _ in range(4):
            await cycle(ctx, queue, model, ready=1, push=others)
            assert ctx.get(queue.blocked)
        await cycle(ctx, queue, model, ready=1, push=1 << sender)
        assert ctx.get(queue.work.valid), "one cycle after the token"
        await cycle(ctx, queue, model, ready=1)
        assert ctx.get(queue.empty)

    play(bench)


def test_a_token_pushed_in_the_cycle_in_which_one_is_taken_serves_the_next() -> None:
    async def bench(ctx: Any, queue: EngineQueue, model: QueueModel) -> None:
        rng = fresh_random()
        for index in range(3):
            await cycle(ctx, queue, model, offered=plain(random_work(rng, isa.COMPUTE, index, waits=0b001)), ready=1)
        await cycle(ctx, queue, model, ready=1, push=0b001)
        await cycle(ctx, queue, model, ready=1, push=0b001)
        assert (len(model.entries), model.tokens[0]) == (2, 1), "the model itself"
        await cycle(ctx, queue, model, ready=1)
        for _ in range(3):
            await cycle(ctx, queue, model, ready=1)
            assert ctx.get(queue.blocked), "the third has no token"

    play(bench)


def test_tokens_are_taken_with_the_descriptor_and_not_while_it_stands_there() -> None:
    async def bench(ctx: Any, queue: EngineQueue, model: QueueModel) -> None:
        rng = fresh_random()
        await cycle(ctx, queue, model, push=0b111)
        for index in range(2):
            await cycle(ctx, queue, model, offered=plain(random_work(rng, isa.COMPUTE, index, waits=0b111)))
        for _ in range(5):
            await cycle(ctx, queue, model, ready=0)
            assert ctx.get(queue.work.valid)
        await cycle(ctx, queue, model, ready=1)
        assert ctx.get(queue.blocked)

    play(bench)


def test_hundreds_of_tokens_are_kept() -> None:
    async def bench(ctx: Any, queue: EngineQueue, model: QueueModel) -> None:
        rng = fresh_random()
        for _ in range(300):
            await cycle(ctx, queue, model, push=0b010)
        for index in range(301):
            await cycle(ctx, queue, model, offered=plain(random_work(rng, isa.COMPUTE, index, waits=0b010)), ready=1)
        for _ in range(3):
            await cycle(ctx, queue, model, ready=1)
        assert ctx.get(queue.blocked), "300 tokens served 300 descriptors, and the last one waits"

    play(bench)


def test_clear_drops_descriptors_and_tokens_even_those_of_the_same_cycle() -> None:
    async def bench(ctx: Any, queue: EngineQueue, model: QueueModel) -> None:
        rng = fresh_random()
        for index in range(DEPTH):
            await cycle(ctx, queue, model, offered=plain(random_work(rng, isa.COMPUTE, index, waits=0b100)), push=0b011)
        await cycle(ctx, queue, model, offered=plain(random_work(rng, isa.COMPUTE, 9)), ready=1, push=0b111, clear=1)
        assert ctx.get(queue.empty)
        for engine in ENGINES:
            await cycle(ctx, queue, model, offered=plain(random_work(rng, isa.COMPUTE, engine, waits=1 << engine)))
        for engine in ENGINES:
            assert ctx.get(queue.blocked), f"a token of {engine.name} outlived the clear"
            await cycle(ctx, queue, model, ready=1, push=1 << engine)
            await cycle(ctx, queue, model, ready=1)

    play(bench)


def streamed(rng: random.Random, **values: int) -> Work:
    """A COMPUTE of three parts, of 4, 4 and 2 steps of k, that waits for all engines and signals all."""
    bits = {field.name: 1 for field in isa.HEADER if field.name.startswith(("wait_", "signal_"))}
    return {**random_work(rng, isa.COMPUTE, 7), **bits, "k": 10, "k_step": 4, **values}


def test_each_part_takes_a_token_of_load_and_the_first_one_the_others() -> None:
    async def bench(ctx: Any, queue: EngineQueue, model: QueueModel) -> None:
        await cycle(ctx, queue, model, offered=streamed(fresh_random()), ready=1, push=0b111)
        for left in (2, 1):
            await cycle(ctx, queue, model, ready=1)
            assert len(model.entries[0]) == left, "the model itself"
            for _ in range(3):
                await cycle(ctx, queue, model, ready=1)
                assert (ctx.get(queue.blocked), ctx.get(queue.missing)) == (1, 0b001)
            await cycle(ctx, queue, model, ready=1, push=0b001)
        await cycle(ctx, queue, model, ready=1)
        assert ctx.get(queue.empty)
        assert model.tokens == [0, 0, 0]

    play(bench)


def test_parts_whose_tokens_are_there_follow_in_every_cycle() -> None:
    async def bench(ctx: Any, queue: EngineQueue, model: QueueModel) -> None:
        rng = fresh_random()
        for _ in range(6):
            await cycle(ctx, queue, model, push=0b001)
        for _ in range(2):
            await cycle(ctx, queue, model, offered=streamed(rng, wait_compute=0, wait_store=0))
        for left in range(6, 0, -1):
            assert sum(map(len, model.entries)) == left
            await cycle(ctx, queue, model, ready=1)
        assert ctx.get(queue.empty)

    play(bench)


def test_after_a_clear_between_two_parts_the_next_descriptor_begins_with_its_first() -> None:
    async def bench(ctx: Any, queue: EngineQueue, model: QueueModel) -> None:
        rng = fresh_random()
        await cycle(ctx, queue, model, offered=streamed(rng), push=0b111)
        await cycle(ctx, queue, model, ready=1, push=0b001)
        await cycle(ctx, queue, model, ready=1, clear=1)
        await cycle(ctx, queue, model, offered=streamed(rng), push=0b111)
        for _ in range(3):
            await cycle(ctx, queue, model, ready=1, push=0b001)
        assert ctx.get(queue.empty)

    play(bench)
