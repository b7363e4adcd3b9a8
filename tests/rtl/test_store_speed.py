"""How fast STORE is, in cycles, and how it uses the bus."""

from __future__ import annotations

from hwacc.config import TINY, ArrayConfig

from .store_bench import StoreBench, describe
from .test_store import INT8, INT32

WIDE = ArrayConfig(rows=4, cols=16, spm_bytes=1024, acc_bytes=16384, channels=64)
"""One accumulator word is a beat of int8 or four of int32."""


def span(bench: StoreBench) -> int:
    """Cycles from the first beat to the last, both included."""
    return bench.memory.beat_cycles[-1] - bench.memory.beat_cycles[0] + 1


def test_first_beat_is_early() -> None:
    for output, limit in ((INT32, 10), (INT8, 16)):
        for loops in ({}, {"count1": 3, "stride1": 64}, {"count1": 8, "stride1": 4 if output is INT8 else 16}):
            bench = StoreBench(TINY)
            bench.run_jobs(describe(address=0x40, n=4, acc=0, **output, **loops))
            assert bench.memory.beat_cycles[0] - bench.taken[0] <= limit, (output, loops)


def test_contiguous_int8_rows_are_one_burst_at_a_word_a_cycle() -> None:
    bench = StoreBench(WIDE)
    bench.run_jobs(describe(address=0x1000, n=16, acc=0, count1=40, stride1=16, count2=3, stride2=640, **INT8))
    assert bench.memory.bursts == [(0x1000, 119)]
    assert span(bench) == 120


def test_contiguous_rows_at_an_odd_address_still_share_their_beats() -> None:
    bench = StoreBench(WIDE)
    bench.run_jobs(describe(address=0x1005, n=13, acc=0, count1=64, stride1=13, **INT8))
    assert bench.memory.bursts == [(0x1000, 52)]
    assert span(bench) <= 64 + 1, "a word a cycle"


def test_bursts_end_at_page_boundaries() -> None:
    bench = StoreBench(WIDE)
    bench.run_jobs(describe(address=0x1FE3, n=100, acc=0, count1=30, stride1=400, **INT32))
    assert bench.memory.bursts == [(0x1FE0, 1), (0x2000, 255), (0x3000, 255), (0x4000, 236)]
    assert span(bench) == 751


def test_short_bus_limits_bursts_to_256_beats() -> None:
    config = ArrayConfig(rows=4, cols=4, bus_bytes=4, spm_bytes=1024, acc_bytes=4096, channels=64)
    bench = StoreBench(config)
    bench.run_jobs(describe(address=0x1200, n=1000, acc=0, **INT32))
    assert bench.memory.bursts == [(0x1200, 127), (0x1400, 255), (0x1800, 255), (0x1C00, 255), (0x2000, 103)]
    assert span(bench) == 1000


def test_int32_fills_every_beat_at_any_alignment() -> None:
    for address in (0x2000, 0x2001, 0x200F):
        bench = StoreBench(WIDE, latency=40)
        bench.run_jobs(describe(address=address, n=64, acc=0, count1=8, stride1=256, **INT32))
        assert span(bench) == 8 * 16 + (address != 0x2000)


def test_scattered_aligned_rows_of_a_beat_go_one_a_cycle() -> None:
    bench = StoreBench(WIDE, latency=40)
    bench.run_jobs(describe(address=0x100, n=16, acc=0, count1=100, stride1=48, **INT8))
    assert len(bench.memory.bursts) == 100
    assert span(bench) <= 102


def test_scattered_unaligned_rows_cost_a_cycle_more() -> None:
    bench = StoreBench(WIDE)
    bench.run_jobs(describe(address=0x105, n=45, acc=0, count1=30, stride1=67, **INT8))
    beats = len(bench.memory.beats)
    assert beats <= span(bench) <= beats + 30


def test_descriptors_follow_each_other_without_waiting_for_answers() -> None:
    bench = StoreBench(WIDE, latency=100)
    jobs = [describe(address=0x1000 * i, n=16, acc=4 * i, count1=60, stride1=32 * (i + 1), **INT8) for i in range(4)]
    bench.run_jobs(*jobs)
    assert span(bench) <= 4 * 60 + 3 * 2, "two cycles between descriptors"


def test_mixed_outputs_follow_each_other_closely() -> None:
    bench = StoreBench(WIDE, latency=100)
    jobs = [describe(address=0x1000 * i, n=32, acc=4 * i, count1=20, stride1=256, **(INT32, INT8)[i % 2]) for i in range(4)]
    bench.run_jobs(*jobs)
    assert span(bench) <= 2 * (20 * 8 + 20 * 2) + 3 * 12


def test_bursts_run_ahead_of_slow_data() -> None:
    bench = StoreBench(WIDE, data_rate=0.1)
    seen: list[int] = []

    async def script(ctx: object) -> None:
        job = describe(address=0x100, n=16, acc=0, count1=40, stride1=64, **INT8)
        assert await bench.step(ctx, job)
        for _ in range(40):
            await bench.step(ctx)
            seen.append(len(bench.memory.bursts) - len(bench.memory.beats))
        await bench.work(ctx, [])

    bench.run(script)
    assert max(seen) >= 16
