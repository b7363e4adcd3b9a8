"""What STORE does with bad descriptors, failing memory, and an abort."""

from __future__ import annotations

import random
from typing import Any

import pytest

from hwacc import isa
from hwacc.config import TINY
from hwacc.isa import Status

from .store_bench import StoreBench, describe, store
from .test_store import INT8, INT32, random_job

GOOD = describe(address=0x8003, n=9, acc=11, count1=5, stride1=50, signal_load=1, signal_compute=1, **INT32)
PER_CHANNEL = {**INT8, "per_channel": 1}


async def until_fault(bench: StoreBench, ctx: Any, jobs: list[isa.Descriptor], first_index: int) -> None:
    """Offers ``jobs`` until the engine reports a fault, then some cycles more."""
    queue = list(enumerate(jobs, first_index))
    for _ in range(2000):
        index, job = queue[0] if queue else (0, None)
        if await bench.step(ctx, job, index):
            queue.pop(0)
        if bench.faults:
            break
    for _ in range(30):
        assert not await bench.step(ctx, GOOD), "a halted engine takes no work"
        assert ctx.get(bench.dut.busy)


def expect_recovery(bench: StoreBench, jobs: list[isa.Descriptor], first_index: int = 40) -> None:
    """Faults, aborts, then executes GOOD as if nothing had been."""

    async def script(ctx: Any) -> None:
        await until_fault(bench, ctx, jobs, first_index)
        await bench.abort(ctx)
        assert not bench.memory.owes
        bench.memory.failing = ()
        for cycles in bench.tokens.values():
            cycles.clear()
        await bench.work(ctx, [GOOD])

    bench.run(script)
    expected = bytearray(bench.memory.content)
    store(bench.config, GOOD, bench.state, expected)
    assert bench.memory.content == expected
    assert len(bench.tokens["load"]) == len(bench.tokens["compute"]) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 0},
        {"count1": 0},
        {"count2": 0},
        {"count3": 0},
        {"shift": 1},
        {"shift": 63},
        {"shift": 0},
    ],
    ids=str,
)
def test_field_out_of_range_is_a_bad_field_and_writes_nothing(fields: dict[str, int]) -> None:
    bench = StoreBench(TINY)
    bad = describe(**{"address": 0x100, "n": 4, "acc": 0, **INT8, **fields})
    expect_recovery(bench, [bad], first_index=6)
    assert bench.faults == [(Status.BAD_FIELD, 6)]
    assert not any(bench.memory.content[:0x8000])


@pytest.mark.parametrize("fields", [{**INT32, "shift": 0}, {**PER_CHANNEL, "shift": 63, "multiplier": 0}], ids=str)
def test_shift_does_not_matter_where_it_is_not_used(fields: dict[str, int]) -> None:
    StoreBench(TINY).run_jobs(describe(address=0x100, n=4, acc=0, **fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"acc": TINY.acc_words, **INT32},
        {"acc": TINY.acc_words - 2, "count1": 3, "stride1": 100, **INT32},
        {"acc": 0xFFFF, "n": 12, **INT8},
        {"acc": 0, "parameters": TINY.parameter_words, **PER_CHANNEL},
        {"acc": 0, "n": 12, "parameters": TINY.parameter_words - 2, **PER_CHANNEL},
    ],
    ids=str,
)
def test_word_outside_its_buffer_is_a_bad_local_address(fields: dict[str, int]) -> None:
    bench = StoreBench(TINY, latency=10)
    expect_recovery(bench, [describe(**{"address": 0x100, "n": 4, **fields})])
    assert bench.faults == [(Status.BAD_LOCAL_ADDRESS, 40)]


def test_last_words_of_both_buffers_may_be_used() -> None:
    job = describe(address=0x100, n=6, acc=TINY.acc_words - 2, parameters=TINY.parameter_words - 2, **PER_CHANNEL)
    StoreBench(TINY).run_jobs(job)


@pytest.mark.parametrize("burst, index", [(0, 40), (1, 41), (3, 41), (4, 42)])
def test_error_answer_names_the_descriptor_that_wrote(burst: int, index: int) -> None:
    bench = StoreBench(TINY, latency=30, failing=(burst,))
    jobs = [describe(address=0x100 + 0x400 * i, n=4, acc=i, count1=(1, 3, 2)[i], stride1=40, **INT32) for i in range(3)]
    expect_recovery(bench, jobs)
    assert bench.faults == [(Status.WRITE_ERROR, index)]


def test_descriptor_whose_answer_is_an_error_pushes_no_token() -> None:
    bench = StoreBench(TINY, failing=(0,))

    async def script(ctx: Any) -> None:
        await until_fault(bench, ctx, [describe(address=0, n=4, acc=0, signal_load=1, **INT32)], 3)

    bench.run(script)
    assert bench.tokens["load"] == []


@pytest.mark.parametrize("seed", range(8))
def test_abort_at_any_time_pays_what_the_bus_is_owed_and_no_more(seed: int) -> None:
    rng = random.Random(seed)
    bench = StoreBench(TINY, seed=seed, latency=rng.choice((1, 20)), delay=5, address_rate=0.6, data_rate=0.6, acc_rate=0.6)

    async def script(ctx: Any) -> None:
        for _ in range(6):
            await _disturb(bench, ctx, rng)
        await bench.work(ctx, [GOOD])

    bench.run(script)
    expected = bytearray(bench.memory.content)
    store(bench.config, GOOD, bench.state, expected)
    assert bench.memory.content == expected
    assert bench.faults == []


async def _disturb(bench: StoreBench, ctx: Any, rng: random.Random) -> None:
    """Starts descriptors, then aborts after some cycles: no burst is issued but the one on offer, and no byte written but the
    beat on offer."""
    for _ in range(rng.randint(1, 120)):
        await bench.step(ctx, random_job(bench.config, rng))
    bursts, beats = len(bench.memory.bursts), len(bench.memory.beats)
    pending = int(ctx.get(bench.dut.memory.aw.valid)), int(ctx.get(bench.dut.memory.w.valid))
    await bench.abort(ctx)
    assert len(bench.memory.bursts) == bursts + pending[0]
    assert not any(strobes for _, strobes, _ in bench.memory.beats[beats + pending[1] :])
    assert not bench.memory.owes
