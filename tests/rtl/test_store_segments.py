"""STORE's loops as segments: what is folded, and what is walked."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from amaranth.sim import Simulator

from hwacc import isa
from hwacc.config import TINY
from hwacc.rtl.store_segments import SegmentWalker

from .store_bench import describe

INT32 = {"output": isa.Output.INT32}


def walk(*jobs: isa.Descriptor, ready_rate: float = 1.0) -> tuple[list[list[tuple[int, int]]], list[int]]:
    """(address, bytes) of the segments of each descriptor, and the cycles from its start to the first."""
    dut = SegmentWalker(TINY)
    rng = random.Random(5)
    found: list[list[tuple[int, int]]] = []
    delays: list[int] = []

    async def testbench(ctx: Any) -> None:
        for job in jobs:
            assert ctx.get(dut.idle)
            ctx.set(dut.start, 1)
            ctx.set(dut.work, {**job.values, "index": 0})
            await ctx.tick()
            ctx.set(dut.start, 0)
            ctx.set(dut.work, {**describe().values, "index": 0})
            found.append([])
            for cycle in itertools.count(1):
                ready = rng.random() < ready_rate
                ctx.set(dut.segments.ready, ready)
                segment = dut.segments.payload
                valid, last = ctx.get(dut.segments.valid), ctx.get(segment.last)
                if valid and not found[-1] and len(delays) < len(found):
                    delays.append(cycle)
                if valid and ready:
                    found[-1].append((int(ctx.get(segment.address)), int(ctx.get(segment.bytes))))
                await ctx.tick()
                if valid and ready and last:
                    break
                assert cycle < 2000

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return found, delays


def rows(job: isa.Descriptor) -> list[tuple[int, int]]:
    size = job["n"] * (4 if job["output"] == isa.Output.INT32 else 1)
    loops = itertools.product(*(range(job[f"count{dim}"]) for dim in (3, 2, 1)))
    return [(job["address"] + i * job["stride1"] + j * job["stride2"] + k * job["stride3"], size) for k, j, i in loops]


def test_scattered_rows_are_segments_in_the_order_of_the_loops() -> None:
    job = describe(address=0x5000, n=7, count1=3, stride1=40, count2=4, stride2=-200, count3=2, stride3=1111)
    found, delays = walk(job, ready_rate=0.5)
    assert found == [rows(job)]
    assert delays == [2]


def test_rows_without_gaps_are_one_segment() -> None:
    inner = describe(address=0x123, n=7, count1=5, stride1=28, count2=3, stride2=200, **INT32)
    both = inner.replace(stride2=140)
    all_three = both.replace(count3=2, stride3=420)
    found, delays = walk(inner, both, all_three)
    assert found == [[(0x123 + 200 * j, 140) for j in range(3)], [(0x123, 420)], [(0x123, 840)]]
    assert delays == [4, 6, 8]


def test_loops_of_one_row_are_left_out_whatever_their_stride() -> None:
    outer_only = describe(address=0x40, n=10, count1=1, stride1=-77, count2=1, stride2=99, count3=6, stride3=10)
    found, _ = walk(outer_only, describe(address=0x90, n=3, stride1=1 << 20))
    assert found == [[(0x40, 60)], [(0x90, 3)]]


def test_what_the_accumulator_cannot_hold_is_not_folded() -> None:
    size = TINY.acc_bytes
    whole = describe(address=0, n=size // 4, count1=2, stride1=size, **INT32)
    many = describe(address=0, n=1, count1=TINY.acc_words + 1, stride1=1)
    long = describe(address=0, n=3000, count1=2, stride1=3000)
    found, _ = walk(whole, many, long)
    assert found == [rows(whole), rows(many), rows(long)]


@pytest.mark.parametrize("seed", range(3))
def test_segments_cover_the_rows_of_random_loops_in_order(seed: int) -> None:
    rng = random.Random(seed)
    jobs = []
    for _ in range(25):
        n = rng.randint(1, 9)
        counts = {f"count{dim}": rng.randint(1, 4) for dim in (1, 2, 3)}
        strides = {f"stride{dim}": rng.choice((n, n * counts["count1"], rng.randint(-500, 500))) for dim in (1, 2, 3)}
        jobs.append(describe(address=20000, n=n, **counts, **strides))
    found, _ = walk(*jobs, ready_rate=0.8)
    for job, segments in zip(jobs, found):
        covered = [address + i for address, size in segments for i in range(size)]
        assert covered == [address + i for address, size in rows(job) for i in range(size)]
