"""How fast STORE is, in cycles, and how it uses the bus."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from hwacc import isa
from hwacc.config import TINY, ArrayConfig

from .store_bench import StoreBench, describe
from .test_store import INT8, INT32

WIDE = ArrayConfig(rows=4, cols=8, bus_bytes=8, spm_bytes=1024, acc_bytes=16384, channels=64)
"""One accumulator word is a beat of int8 or four of int32."""
NARROW = ArrayConfig(rows=4, cols=16, bus_bytes=8, spm_bytes=1024, acc_bytes=16384, channels=64)
"""One accumulator word is two beats of int8 or eight of int32."""


class Run(NamedTuple):
    """``first``: cycles from the first descriptor to the first beat. ``span``: from there to the last beat, both included."""

    first: int
    span: int
    beats: int
    bursts: list[tuple[int, int]]


def measure(config: ArrayConfig, *batches: list[isa.Descriptor], **memory: Any) -> list[Run]:
    """Executes each batch on an idle engine."""
    bench, runs = StoreBench(config, **memory), []

    async def script(ctx: Any) -> None:
        for batch in batches:
            taken, beats, bursts = len(bench.taken), len(bench.memory.beats), len(bench.memory.bursts)
            await bench.work(ctx, batch)
            cycles = bench.memory.beat_cycles[beats:]
            run = Run(cycles[0] - bench.taken[taken], cycles[-1] - cycles[0] + 1, len(cycles), bench.memory.bursts[bursts:])
            runs.append(run)

    bench.run(script)
    bench.check(*(job for batch in batches for job in batch))
    return runs


def test_first_beat_is_early() -> None:
    batches = []
    for output in (INT32, INT8):
        size = 4 if output is INT8 else 16
        for loops in ({}, {"count1": 3, "stride1": 64}, {"count1": 8, "stride1": size}, {"count2": 8, "stride2": size}):
            batches.append([describe(address=0x40, n=4, acc=0, **output, **loops)])
    # Four int8 words fill a beat, so contiguous ones come later; folding loops delays int32 only.
    assert [run.first for run in measure(TINY, *batches)] == [7, 7, 7, 8, 13, 13, 16, 16]


def test_contiguous_rows_are_one_burst_at_a_beat_a_cycle() -> None:
    int8 = describe(address=0x1000, n=8, acc=0, count1=40, stride1=8, count2=3, stride2=320, **INT8)
    int32 = describe(address=0x3000, n=8, acc=7, count1=40, stride1=32, **INT32)
    runs = measure(WIDE, [int8], [int32])
    assert [run.bursts for run in runs] == [[(0x1000, 119)], [(0x3000, 159)]]
    assert [run.span for run in runs] == [120, 160]


def test_contiguous_rows_at_an_odd_address_still_share_their_beats() -> None:
    (run,) = measure(WIDE, [describe(address=0x1005, n=13, acc=0, count1=32, stride1=13, **INT8)])
    assert run.bursts == [(0x1000, 52)]
    assert run.span <= 2 * 32 + 1, "a word a cycle"


def test_narrow_words_fill_wide_beats_at_a_word_a_cycle() -> None:
    (run,) = measure(TINY, [describe(address=0x1003, n=4, acc=0, count1=64, stride1=4, **INT8)])
    assert run.bursts == [(0x1000, 16)]
    assert run.span <= 64 + 1


def test_bursts_end_at_boundaries_of_4096_bytes() -> None:
    config = ArrayConfig(rows=4, cols=4, spm_bytes=1024, acc_bytes=16384, channels=64)
    (run,) = measure(config, [describe(address=0x1FE3, n=100, acc=0, count1=30, stride1=400, **INT32)])
    assert run.bursts == [(0x1FE0, 1), (0x2000, 255), (0x3000, 255), (0x4000, 236)]
    assert run.span == 751


def test_bursts_have_256_beats_at_most() -> None:
    config = ArrayConfig(rows=4, cols=4, bus_bytes=4, spm_bytes=1024, acc_bytes=4096, channels=64)
    (run,) = measure(config, [describe(address=0x1200, n=1000, acc=0, **INT32)])
    assert run.bursts == [(0x1200, 127), (0x1400, 255), (0x1800, 255), (0x1C00, 255), (0x2000, 103)]
    assert run.span == 1000


def test_int32_fills_every_beat_at_any_alignment() -> None:
    jobs = [describe(address=address, n=64, acc=0, count1=6, stride1=256, **INT32) for address in (0x2000, 0x3001, 0x4007)]
    runs = measure(WIDE, *([job] for job in jobs), latency=40)
    assert [run.span for run in runs] == [192, 193, 193]


@pytest.mark.parametrize("output", [INT32, INT8], ids=["int32", "int8"])
@pytest.mark.parametrize("address", [0x1000, 0x1004, 0x1007])
def test_contiguous_rows_of_any_length_cost_their_bytes_and_no_more(address: int, output: dict[str, int]) -> None:
    """Rows end anywhere in a beat, a last word of a single element among them; it is enough that words are several beats."""
    size, rows = (1, 24) if output is INT8 else (4, 12)
    lengths = [n for n in (3, 5, 9, 11, 16, 17, 18, 19, 33, 35) if n * size >= NARROW.bus_bytes]
    jobs = [describe(address=address, n=n, acc=0, count1=rows, stride1=n * size, **output) for n in lengths]
    runs = measure(NARROW, *([job] for job in jobs))
    assert [run.span for run in runs] == [-(-(address % 8 + rows * n * size) // 8) for n in lengths]


def test_rows_that_end_in_a_beat_of_their_own_lose_no_cycle_between_them() -> None:
    jobs = [describe(address=0x104, n=n, acc=0, count1=12, stride1=4 * n + 20, **INT32) for n in (5, 17, 19)]
    assert [run.span - run.beats for run in measure(NARROW, *([job] for job in jobs))] == [0, 0, 0]


def test_scattered_aligned_rows_of_a_beat_go_one_a_cycle() -> None:
    (run,) = measure(WIDE, [describe(address=0x100, n=8, acc=0, count1=200, stride1=48, **INT8)], latency=100)
    assert len(run.bursts) == 200
    assert run.span == 200


def test_scattered_unaligned_rows_lose_no_cycle_between_them() -> None:
    (run,) = measure(WIDE, [describe(address=0x105, n=45, acc=0, count1=30, stride1=67, **INT8)])
    assert run.span == run.beats


def test_descriptors_follow_each_other_without_waiting_for_answers() -> None:
    jobs = [describe(address=0x1000 * i, n=8, acc=4 * i, count1=60, stride1=16 * (i + 1), **INT8) for i in range(4)]
    (run,) = measure(WIDE, jobs, latency=100)
    assert run.span <= 4 * 60 + 3 * 2, "two cycles between descriptors"


def test_int32_after_int8_follows_without_a_gap() -> None:
    jobs = [describe(address=0x1000 * i, n=16, acc=4 * i, count1=20, stride1=256, **(INT8, INT32)[i % 2]) for i in range(4)]
    (run,) = measure(WIDE, jobs, latency=100)
    assert run.span <= 2 * (20 * 2 + 20 * 8) + 12, "only int8 after int32 waits, for the requantiser"


def test_bursts_run_ahead_of_slow_data() -> None:
    bench = StoreBench(WIDE, data_rate=0.1)
    ahead: list[int] = []

    async def script(ctx: Any) -> None:
        assert await bench.step(ctx, describe(address=0x100, n=8, acc=0, count1=40, stride1=64, **INT8))
        for _ in range(40):
            await bench.step(ctx)
            ahead.append(len(bench.memory.bursts) - len(bench.memory.beats))
        await bench.work(ctx, [])

    bench.run(script)
    assert max(ahead) >= 16
