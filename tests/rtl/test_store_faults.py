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


async def recover(bench: StoreBench, ctx: Any) -> None:
    """Aborts, then executes GOOD as if nothing had been."""
    await bench.abort(ctx)
    assert not bench.memory.owes
    bench.faults.clear()
    for cycles in bench.tokens.values():
        cycles.clear()
    bench.memory.content[:] = bytes(len(bench.memory.content))
    await bench.work(ctx, [GOOD])
    expected = bytearray(len(bench.memory.content))
    store(bench.config, GOOD, bench.state, expected)
    assert bench.memory.content == expected
    assert len(bench.tokens["load"]) == len(bench.tokens["compute"]) == 1
    assert not bench.faults


def test_field_out_of_range_is_a_bad_field_and_writes_nothing() -> None:
    bench = StoreBench(TINY)
    wrong = [{"n": 0}, {"count1": 0}, {"count2": 0}, {"count3": 0}, {"shift": 1}, {"shift": 63}, {"shift": 0}]

    async def script(ctx: Any) -> None:
        for index, fields in enumerate(wrong, 6):
            beats = len(bench.memory.beats)
            await until_fault(bench, ctx, [describe(**{"address": 0x100, "n": 4, "acc": 0, **INT8, **fields})], index)
            assert bench.faults == [(Status.BAD_FIELD, index)], fields
            assert len(bench.memory.beats) == beats
            await recover(bench, ctx)

    bench.run(script)


@pytest.mark.parametrize(
    "fields", [{**INT32, "shift": 0}, {**INT32, "per_channel": 1, "parameters": 0xFFFF}, {**PER_CHANNEL, "shift": 63}], ids=str
)
def test_fields_that_are_not_used_may_hold_anything(fields: dict[str, int]) -> None:
    StoreBench(TINY).run_jobs(describe(address=0x100, n=4, acc=0, **fields))


def test_word_outside_its_buffer_is_a_bad_local_address() -> None:
    bench = StoreBench(TINY, latency=10)
    wrong = [
        {"acc": TINY.acc_words, **INT32},
        {"acc": TINY.acc_words - 2, "count1": 3, "stride1": 100, **INT32},
        {"acc": 0xFFFF, "n": 12, **INT8},
        {"acc": 0, "parameters": TINY.parameter_words, **PER_CHANNEL},
        {"acc": 0, "n": 12, "parameters": TINY.parameter_words - 2, **PER_CHANNEL},
    ]

    async def script(ctx: Any) -> None:
        for index, fields in enumerate(wrong, 40):
            await until_fault(bench, ctx, [describe(**{"address": 0x100, "n": 4, **fields})], index)
            assert bench.faults == [(Status.BAD_LOCAL_ADDRESS, index)], fields
            await recover(bench, ctx)

    bench.run(script)


def test_last_words_of_both_buffers_may_be_used() -> None:
    job = describe(address=0x100, n=6, acc=TINY.acc_words - 2, parameters=TINY.parameter_words - 2, **PER_CHANNEL)
    StoreBench(TINY).run_jobs(job)


def test_error_answer_names_the_descriptor_that_wrote() -> None:
    bench = StoreBench(TINY, latency=30)
    jobs = [describe(address=0x100 + 0x400 * i, n=4, acc=i, count1=(1, 3, 2)[i], stride1=40, **INT32) for i in range(3)]

    async def script(ctx: Any) -> None:
        for burst, index in ((0, 40), (1, 41), (3, 41), (4, 42)):
            bench.memory.failing = (len(bench.memory.bursts) + burst,)
            await until_fault(bench, ctx, jobs, 40)
            assert bench.faults == [(Status.WRITE_ERROR, index)], burst
            bench.memory.failing = ()
            await recover(bench, ctx)

    bench.run(script)


def test_descriptor_whose_answer_is_an_error_pushes_no_token() -> None:
    bench = StoreBench(TINY, failing=(0,))

    async def script(ctx: Any) -> None:
        await until_fault(bench, ctx, [describe(address=0, n=4, acc=0, signal_load=1, **INT32)], 3)

    bench.run(script)
    assert bench.tokens["load"] == []


@pytest.mark.parametrize("seed", range(4))
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
