"""How the command processor ends what cannot be finished, and that the next submission runs."""

from __future__ import annotations

from typing import Any

import pytest

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.isa import Engine, Status
from hwacc.rtl.dispatch import ENGINES
from tests.rtl.command_bench import CommandBench, job

WIDE = ArrayConfig(rows=16, cols=16, bus_bytes=64)
LOAD, COMPUTE, STORE = ENGINES


@pytest.mark.parametrize("opcode", sorted({0, 4, 0xF0, 0xFF} - set(isa.OP_BY_CODE)))
def test_an_unknown_opcode_ends_the_submission_and_nothing_behind_it_is_done(opcode: int) -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        for place in (0, 3):
            taken = len(bench.engines[LOAD].taken)
            jobs: list[isa.Descriptor | bytes] = [job(LOAD, cycles=3) for _ in range(6)]
            jobs.insert(place, bytes([opcode]) + bytes(isa.SHORT_BYTES - 1))
            record = await bench.run(ctx, jobs)
            assert (record["status"], record["engine"], record["descriptor"]) == (Status.BAD_OPCODE, Engine.CONTROL, place)
            assert len(bench.engines[LOAD].taken) - taken <= place
            assert ctx.get(bench.command.last_status) == Status.BAD_OPCODE
            await bench.works(ctx)

    bench.play(play)


@pytest.mark.parametrize("culprit", ENGINES, ids=lambda engine: engine.name)
def test_a_fault_of_an_engine_aborts_the_others_and_names_the_descriptor(culprit: Engine) -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        for cycles in (1, 2, 7, 40):
            others = [job(engine, cycles=500) for engine in ENGINES if engine != culprit]
            bad = job(culprit, cycles=cycles, fault=Status.BAD_LOCAL_ADDRESS)
            start = bench.cycle
            record = await bench.run(ctx, [job(culprit), *others, bad, job(culprit, cycles=9), *others])
            assert (record["status"], record["engine"], record["descriptor"]) == (Status.BAD_LOCAL_ADDRESS, culprit, 3)
            assert bench.cycle - start < 200, "the others were not aborted"
            await bench.works(ctx)

    bench.play(play)


def test_a_fault_drops_the_tokens_that_were_left() -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        jobs = [job(LOAD, "signal_compute"), job(LOAD, "signal_compute"), job(STORE, cycles=30, fault=Status.WRITE_ERROR)]
        assert (await bench.run(ctx, jobs))["status"] == Status.WRITE_ERROR
        record = await bench.run(ctx, [job(LOAD), job(COMPUTE, "wait_load")])
        assert (record["status"], record["engine"], record["descriptor"]) == (Status.DEADLOCK, COMPUTE, 1)
        await bench.works(ctx)

    bench.play(play)


def test_a_token_that_never_comes_is_a_deadlock_and_names_who_waits() -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        for engine in ENGINES:
            for sender in ENGINES:
                if sender != engine:
                    record = await bench.run(ctx, [job(LOAD, cycles=20), job(engine, f"wait_{sender.name.lower()}")])
                    assert (record["status"], record["engine"], record["descriptor"]) == (Status.DEADLOCK, engine, 1)
        await bench.works(ctx)

    bench.play(play)


def test_a_full_queue_in_front_of_the_one_that_would_push_is_a_deadlock() -> None:
    bench = CommandBench(queue_depth=2)

    async def play(ctx: Any) -> None:
        record = await bench.run(ctx, [*[job(COMPUTE, "wait_load")] * 3, job(LOAD, "signal_compute")])
        assert (record["status"], record["engine"], record["descriptor"]) == (Status.DEADLOCK, COMPUTE, 0)
        await bench.works(ctx)

    bench.play(play)


def test_what_is_still_to_be_written_into_the_ring_is_waited_for() -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        bench.put(ctx, [job(COMPUTE, "wait_load")])
        await bench.step(ctx, 150)
        assert bench.completed == []
        assert ctx.get(bench.command.running), "a descriptor waits, though the ring is empty"
        submission = bench.submit(ctx, [job(LOAD, "signal_compute")])
        await bench.until_completed(ctx, 1)
        assert bench.record(submission)["status"] == Status.OK
        assert bench.engines[LOAD].taken[0][1] == 1, "the index counts from the submission's first descriptor"

    bench.play(play)


@pytest.mark.parametrize("waiting", [1, 2, 3])
def test_a_token_on_its_way_is_no_deadlock_even_at_one_descriptor_a_cycle(waiting: int) -> None:
    bench = CommandBench(WIDE, queue_depth=2)

    async def play(ctx: Any) -> None:
        for idle in range(6):
            await bench.step(ctx, 20 + idle)
            jobs = [*[job(COMPUTE, "wait_load")] * min(waiting, 2), *[job(LOAD, "signal_compute")] * waiting]
            jobs += [job(COMPUTE, "wait_load")] * (waiting - 2)
            assert (await bench.run(ctx, jobs))["status"] == Status.OK, "a deadlock that is none"

    bench.play(play)
