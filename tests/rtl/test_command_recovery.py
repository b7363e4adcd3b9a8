"""The limit of cycles, reset and a memory that fails: the command processor ends the submission and takes the next one."""

from __future__ import annotations

from typing import Any

import pytest

from hwacc import isa
from hwacc.isa import Engine, Status
from hwacc.rtl.dispatch import ENGINES
from tests.rtl.command_bench import CommandBench, job

LOAD, COMPUTE, STORE = ENGINES


def test_the_limit_of_cycles_is_exact_and_the_next_submission_runs() -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        jobs = [job(LOAD, cycles=20), job(COMPUTE, cycles=35)]
        needed = (await bench.run(ctx, jobs))["cycles"]
        for limit in [1, 2, 5, *range(needed - 12, needed + 4)]:
            ctx.set(bench.command.time_limit, limit)
            record = await bench.run(ctx, jobs)
            expected = Status.OK if limit >= needed else Status.TIME_LIMIT
            assert (record["status"], record["engine"]) == (expected, Engine.CONTROL), f"{needed} cycles needed, limit {limit}"
            assert ctx.get(bench.command.last_status) == expected
            ctx.set(bench.command.time_limit, 0)
            await bench.works(ctx)

    bench.play(play)


def test_a_limit_concerns_no_submission_that_has_ended() -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        needed = (await bench.run(ctx, [job(LOAD, cycles=200)]))["cycles"]
        ctx.set(bench.command.time_limit, needed - 50)
        await bench.step(ctx, 30)
        assert not ctx.get(bench.command.running)
        await bench.works(ctx)
        assert (await bench.run(ctx, [job(LOAD, cycles=200)]))["status"] == Status.TIME_LIMIT
        await bench.works(ctx)

    bench.play(play)


def test_a_submission_whose_end_never_comes_meets_the_limit_and_the_record_waits_for_end() -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        ctx.set(bench.command.time_limit, 60)
        bench.put(ctx, [job(LOAD)])
        await bench.step(ctx, 100)
        submission = bench.submit(ctx, [job(LOAD)])
        await bench.until_completed(ctx, 1)
        assert bench.record(submission)["status"] == Status.TIME_LIMIT
        assert len(bench.engines[LOAD].taken) == 1
        await bench.works(ctx)

    bench.play(play)


def test_a_reset_in_any_cycle_drops_the_ring_and_the_next_submission_runs() -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        for moment in range(0, 100, 3):
            jobs = [job(STORE, "wait_compute"), job(LOAD, "signal_compute", "signal_store", cycles=9), job(COMPUTE, "wait_load", cycles=20)]
            bench.submit(ctx, jobs)
            bench.submit(ctx, [job(LOAD, cycles=1000)])
            await bench.step(ctx, moment)
            await reset(ctx, bench)
            await bench.works(ctx)

    bench.play(play)


async def reset(ctx: Any, bench: CommandBench) -> None:
    """A pulse of reset; the device must come to rest with an empty ring."""
    ctx.set(bench.command.reset, 1)
    await bench.step(ctx)
    ctx.set(bench.command.reset, 0)
    for _ in range(100):
        if not ctx.get(bench.command.running):
            break
        await bench.step(ctx)
    assert not ctx.get(bench.command.running), "it runs on"
    assert ctx.get(bench.command.ring_head) == bench.tail
    assert not ctx.get(bench.command.abort)


def test_a_reset_while_a_record_is_written_is_not_lost() -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        for delay in range(7):
            before = len(bench.engines[LOAD].taken)
            first = bench.submit(ctx, [])
            bench.submit(ctx, [job(LOAD, cycles=1000)])
            while not ctx.get(bench.command.writes_record):
                await bench.step(ctx)
            await bench.step(ctx, delay)
            await reset(ctx, bench)
            assert bench.has_record(first)
            assert len(bench.engines[LOAD].taken) == before or delay > 3
            await bench.works(ctx)

    bench.play(play)


@pytest.mark.parametrize("place", [0, 1, 4])
def test_a_descriptor_that_cannot_be_read_drops_the_ring_without_a_record(place: int) -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        for beat in range(bench.config.entry_bytes // bench.config.bus_bytes):
            bench.memory.errors = {bench.entry(place) + beat * bench.config.bus_bytes}
            ended = len(bench.completed)
            first = bench.submit(ctx, [job(LOAD, cycles=30) for _ in range(4)], doorbell=False)
            second = bench.submit(ctx, [job(LOAD)])
            await bench.until_completed(ctx, ended + 1)
            await bench.step(ctx, 60)
            bench.memory.errors = set()
            assert len(bench.completed) == ended + 1
            assert ctx.get(bench.command.last_status) == Status.READ_ERROR
            assert not bench.has_record(first) and not bench.has_record(second)
            assert ctx.get(bench.command.ring_head) == bench.tail
            await bench.works(ctx)
            assert ctx.get(bench.command.submissions) == len(bench.completed)

    bench.play(play)


def test_a_descriptor_that_cannot_be_read_behind_a_fault_drops_the_ring_too() -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        bench.memory.errors = {bench.entry(2)}
        submission = bench.submit(ctx, [bytes(isa.SHORT_BYTES), job(LOAD), job(LOAD)])
        await bench.until_completed(ctx, 1)
        bench.memory.errors = set()
        assert ctx.get(bench.command.last_status) == Status.BAD_OPCODE, "the first fault is the one that is told"
        assert not bench.has_record(submission)
        await bench.works(ctx)

    bench.play(play)


def test_a_record_that_cannot_be_written_drops_the_ring() -> None:
    bench = CommandBench(failing=(1,))

    async def play(ctx: Any) -> None:
        await bench.works(ctx)
        bench.submit(ctx, [job(LOAD)])
        bench.submit(ctx, [job(LOAD)])
        await bench.until_completed(ctx, 2)
        await bench.step(ctx, 40)
        assert len(bench.completed) == 2
        assert ctx.get(bench.command.last_status) == Status.WRITE_ERROR
        assert ctx.get(bench.command.ring_head) == bench.tail
        await bench.works(ctx)

    bench.play(play)
