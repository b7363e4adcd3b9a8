"""Where the cycles of a submission go. That they sum to it, the bench checks at the end of each submission of every test."""

from __future__ import annotations

import random
from typing import Any

import pytest

from hwacc import isa
from hwacc.isa import Status
from hwacc.rtl.dispatch import ENGINES
from tests.rtl.command_bench import CommandBench, job

LOAD, COMPUTE, STORE = ENGINES
LONG = 120
SLACK = 30
"""Cycles of fetching and dispatching, of a token's way, or of quiet, which may be charged to something else."""


def charged(bench: CommandBench, *causes: str) -> int:
    """Cycles of the last submission that were charged to these."""
    return sum(bench.account[cause] for cause in causes)


CASES = {
    "operands that LOAD brings": (
        [job(LOAD, "signal_compute", cycles=LONG), job(COMPUTE, "wait_load")],
        ("load_bandwidth", "load_latency"),
    ),
    "room in the accumulator": ([job(STORE, "signal_compute", cycles=LONG), job(COMPUTE, "wait_store")], ("store_wait",)),
    "a COMPUTE at work": ([job(COMPUTE, cycles=LONG)], ("array_busy", "fill_drain")),
    "results on their way": ([job(COMPUTE, "signal_store"), job(STORE, "wait_compute", cycles=LONG)], ("writeback",)),
    "a LOAD that nobody uses": ([job(LOAD, cycles=LONG)], ("load_bandwidth", "load_latency")),
    "room in the queue of LOAD": ([job(LOAD, cycles=LONG), *[job(LOAD)] * 6, job(COMPUTE)], ("load_bandwidth", "load_latency")),
    "room in the queue of STORE": ([job(STORE, cycles=LONG), *[job(STORE)] * 6, job(COMPUTE)], ("store_wait",)),
}


@pytest.mark.parametrize("case", CASES)
def test_cycles_are_charged_to_what_holds_up_the_array(case: str) -> None:
    bench = CommandBench()
    jobs, causes = CASES[case]

    async def play(ctx: Any) -> None:
        record = await bench.run(ctx, jobs)
        assert record["status"] == Status.OK
        assert LONG - SLACK <= charged(bench, *causes) <= LONG + SLACK, bench.account

    bench.play(play)


def test_waiting_for_the_first_descriptor_is_charged_to_the_fetch() -> None:
    waits = []
    for latency in (3, 40):
        bench = CommandBench(latency=latency)

        async def play(ctx: Any, bench: CommandBench = bench) -> None:
            await bench.run(ctx, [job(COMPUTE)])

        bench.play(play)
        waits.append(charged(bench, "descriptor_wait"))
    assert abs(waits[1] - waits[0] - 37) <= 1, waits  # a cycle in which COMPUTE only drains may count, too


def test_the_recovery_from_a_fault_is_charged_to_completion() -> None:
    bench = CommandBench()

    async def play(ctx: Any) -> None:
        await bench.run(ctx, [job(COMPUTE)])
        well = charged(bench, "completion")
        record = await bench.run(ctx, [job(COMPUTE, fault=Status.BAD_FIELD), *[job(LOAD)] * 12])
        assert record["status"] == Status.BAD_FIELD
        assert charged(bench, "completion") > well + 12, "the descriptors that are skipped"

    bench.play(play)


def random_stream(rng: random.Random) -> list[isa.Descriptor | bytes]:
    """Jobs with tokens that may or may not come, and now and then a fault."""
    jobs: list[isa.Descriptor | bytes] = []
    for _ in range(rng.randrange(20)):
        engine = rng.choice(ENGINES)
        tokens = [f"signal_{other.name.lower()}" for other in ENGINES if other != engine and rng.random() < 0.6]
        tokens += [f"wait_{other.name.lower()}" for other in ENGINES if other != engine and rng.random() < 0.3]
        fault = int(rng.choice((Status.BAD_FIELD, Status.READ_ERROR))) if rng.random() < 0.02 else 0
        jobs.append(job(engine, *tokens, cycles=rng.choice((1, 2, 7, 40)), fault=fault))
        if rng.random() < 0.01:
            jobs.append(bytes([0x77]) + bytes(isa.SHORT_BYTES - 1))
    return jobs


def test_the_causes_of_random_streams_sum_to_their_cycles_however_they_end() -> None:
    bench = CommandBench(latency=20)
    ends: set[int] = set()
    charged_once: set[str] = set()

    async def play(ctx: Any) -> None:
        for _ in range(60):
            ctx.set(bench.command.time_limit, bench.random.choice((0, 0, 0, 0, 70)))
            record = await bench.run(ctx, random_stream(bench.random))
            assert sum(record[cause.name] for cause in isa.CAUSES) == record["cycles"]
            ends.add(record["status"])
            charged_once.update(name for name, cycles in bench.account.items() if cycles)
        assert {Status.OK, Status.DEADLOCK, Status.TIME_LIMIT} <= ends
        assert charged_once == {cause.name for cause in isa.CAUSES}

    bench.play(play)
