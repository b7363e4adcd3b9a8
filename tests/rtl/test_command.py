"""The command processor: what a submission is, how it ends, and what the record says."""

from __future__ import annotations

from typing import Any

import pytest

from hwacc import isa
from hwacc.config import TINY, ArrayConfig
from hwacc.isa import Engine, Status
from hwacc.rtl.dispatch import ENGINES
from tests.rtl.command_bench import CommandBench, job

NARROW = ArrayConfig(rows=4, cols=4, bus_bytes=4)
WIDE = ArrayConfig(rows=16, cols=16, bus_bytes=64)
LOAD, COMPUTE, STORE = ENGINES


def random_job(bench: CommandBench, engine: Engine, cycles: int) -> isa.Descriptor:
    """A descriptor, short or long, without tokens and with random bits in the fields that the pretended engine does not look at."""
    plain = job(engine, cycles=cycles)
    kept = {name for name in plain.values if plain[name] or name.startswith(("wait", "signal", "reserved"))}
    kept |= {"local", "west", "acc"} & set(plain.values)
    loose = [field for field in bench.random.choice((plain.op.first_fields, plain.op.own_fields)) if field.name not in kept]
    return plain.replace(**{field.name: bench.random.randint(field.low, field.high) for field in loose})


def test_every_descriptor_reaches_its_engine_whole_in_order_and_with_its_index() -> None:
    bench = CommandBench(queue_depth=2)

    async def play(ctx: Any) -> None:
        jobs = [random_job(bench, bench.random.choice(ENGINES), bench.random.randint(1, 5)) for _ in range(24)]
        record = await bench.run(ctx, jobs)
        assert record["status"] == Status.OK
        for engine, fake in bench.engines.items():
            mine = [(index, entry) for index, entry in enumerate(jobs) if entry.op.engine == engine]
            signed = [(index, isa.decode(entry.encode()).values) for index, entry in mine]
            assert [(index, values) for _, index, values in fake.taken] == signed, engine.name

    bench.play(play)


@pytest.mark.parametrize("slowest", ENGINES, ids=lambda engine: engine.name)
def test_end_waits_until_every_engine_is_idle(slowest: Engine) -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        bench.submit(ctx, [job(engine, cycles=70 if engine == slowest else 2) for engine in ENGINES])
        await bench.until_completed(ctx, 1)
        done = bench.engines[slowest].taken[0][0] + 70
        assert done < bench.record_started[0] < done + 8

    bench.play(play)


@pytest.mark.parametrize("config", [NARROW, TINY, WIDE], ids=lambda config: f"{config.bus_bytes}-byte-beats")
def test_the_record_holds_every_field(config: ArrayConfig) -> None:
    bench = CommandBench(config)

    async def play(ctx: Any) -> None:
        for _ in range(3):
            before = dict(bench.totals)
            jobs = [job(LOAD, cycles=9), job(COMPUTE, cycles=30), job(STORE, cycles=17), job(LOAD, cycles=4)]
            submission = bench.submit(ctx, jobs)
            await bench.until_completed(ctx, len(bench.completed) + 1)
            expected = {name: bench.totals[name] - before[name] for name in bench.totals}
            expected |= {"tag": submission.tag, "status": Status.OK, "engine": Engine.CONTROL, "descriptor": 0, **bench.account}
            expected["cycles"] = bench.record_started[-1] - submission.doorbell - 1
            assert bench.record(submission) == expected
            assert ctx.get(bench.command.cycles) == bench.last_beat - submission.doorbell, "the register counts the record too"
            await bench.step(ctx, 20)

    bench.play(play)


@pytest.mark.parametrize(
    ("first", "second"), [(LOAD, COMPUTE), (COMPUTE, STORE), (STORE, LOAD), (STORE, COMPUTE), (COMPUTE, LOAD)], ids=lambda e: e.name
)
def test_a_descriptor_waits_for_its_token(first: Engine, second: Engine) -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        one, two = first.name.lower(), second.name.lower()
        record = await bench.run(ctx, [job(first, f"signal_{two}", cycles=60), job(second, f"wait_{one}", cycles=2)])
        began, followed = bench.engines[first].taken[0][0], bench.engines[second].taken[0][0]
        assert record["status"] == Status.OK
        assert followed > began + 60

    bench.play(play)


def test_low_bits_of_the_address_of_a_record_are_ignored() -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        bench.put(ctx, [isa.describe(isa.END, address=4096 - 64 + 63, tag=99)])
        await bench.until_completed(ctx, 1)
        assert bench.records.bursts == [(4096 - 64, isa.COMPLETION_BYTES // bench.config.bus_bytes - 1)]

    bench.play(play)


def test_submissions_in_one_ring_end_one_after_the_other_each_with_its_own_record() -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        lists: list[list[isa.Descriptor | bytes]] = [
            [job(LOAD, cycles=5), job(STORE, cycles=3)],
            [],
            [job(LOAD), bytes([0x77]) + bytes(isa.SHORT_BYTES - 1), job(LOAD, cycles=50)],
            [job(COMPUTE, fault=Status.BAD_FIELD), job(LOAD)],
            [job(COMPUTE, cycles=8)],
        ]
        submissions = [bench.submit(ctx, jobs, doorbell=False) for jobs in lists]
        bench.put(ctx, [])
        start = bench.cycle
        await bench.until_completed(ctx, len(lists))
        records = [bench.record(submission) for submission in submissions]
        assert [record["status"] for record in records] == [Status.OK, Status.OK, Status.BAD_OPCODE, Status.BAD_FIELD, Status.OK]
        starts = [start, *[cycle + 1 for cycle in bench.completed]]
        assert [record["cycles"] for record in records] == [end - begin - 1 for begin, end in zip(starts, bench.record_started)]
        assert ctx.get(bench.command.submissions) == len(lists)
        assert ctx.get(bench.command.ring_head) == bench.tail

    bench.play(play)


def test_it_is_running_from_the_doorbell_to_the_end_and_says_ended_once() -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        assert not ctx.get(bench.command.running)
        bench.submit(ctx, [job(LOAD, cycles=12)])
        while not bench.completed:
            assert ctx.get(bench.command.running)
            await bench.step(ctx)
        assert not ctx.get(bench.command.running)
        await bench.step(ctx, 30)
        assert len(bench.completed) == 1

    bench.play(play)


@pytest.mark.parametrize("engines", [(LOAD, COMPUTE), (LOAD,), (COMPUTE,)], ids=["both", "LOAD", "COMPUTE"])
def test_descriptors_are_read_before_what_load_asks_for_unless_work_waits_for_load_and_for_compute(engines: tuple[Engine, ...]) -> None:
    bench = CommandBench(queue_depth=2)

    async def play(ctx: Any) -> None:
        bench.submit(ctx, [job(engine, cycles=100) for _ in range(12) for engine in engines])
        for cycle in range(400):
            await bench.step(ctx)
            if cycle > 80:  # the queues are full, as many more are at hand as may be, and memory owes none
                assert ctx.get(bench.command.fetch_first) == (engines != (LOAD, COMPUTE))

    bench.play(play)
