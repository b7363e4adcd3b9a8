"""The COMPUTE engine: every small panel, long ones, timing, faults and what follows them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from amaranth.hdl import ResetInserter, Signal

from hwacc import isa
from hwacc.config import TINY, ArrayConfig
from hwacc.isa import Status
from hwacc.rtl.weights import weight_cycles
from tests.rtl.compute_bench import ComputeBench
from tests.rtl.compute_model import random_job
from tests.rtl.simulate import fresh_random

SMALL = ArrayConfig(rows=4, cols=4, bus_bytes=8, spm_bytes=4096, acc_bytes=1024, channels=64)
WIDE = ArrayConfig(rows=2, cols=8, bus_bytes=8, spm_bytes=2048, acc_bytes=2048)
TALL = ArrayConfig(rows=8, cols=4, bus_bytes=4, spm_bytes=2048, acc_bytes=1024)
NARROW_WORDS = ArrayConfig(rows=8, cols=8, bus_bytes=4, spm_bytes=2048, acc_bytes=2048)
ONE_DATAFLOW = {flow: replace(SMALL, dataflows=flow.words) for flow in isa.Dataflow}
LAYOUTS = list(itertools.product((0, 1), repeat=2))


def fresh_bench(config: ArrayConfig = SMALL) -> tuple[Any, ComputeBench]:
    """A generator, and a bench with buffers drawn from it."""
    rng = fresh_random()
    return rng, ComputeBench(config, rng.randrange(2**32))


def test_every_size_from_1_to_5_in_every_layout_is_exact() -> None:
    rng, bench = fresh_bench()
    jobs = [
        random_job(rng, SMALL, m=m, k=k, n=n, west_k_contiguous=west, north_k_contiguous=north)
        for m, k, n in itertools.product(range(1, 6), repeat=3)
        for west, north in LAYOUTS
    ]
    bench.run(jobs)
    assert len(bench.events.signal_store) == len(jobs) == 500
    assert {job["dataflow"] for job in jobs} == {0, 1}
    assert len(bench.events.signal_load) == sum(job["signal_load"] for job in jobs)


@pytest.mark.parametrize(
    "config", [TINY, WIDE, TALL, NARROW_WORDS, *ONE_DATAFLOW.values()], ids=["4x4", "2x8", "8x4", "8x8", "output only", "weight only"]
)
def test_random_panels_back_to_back_are_exact(config: ArrayConfig) -> None:
    rng, bench = fresh_bench(config)
    bench.run([random_job(rng, config) for _ in range(60)])
    assert bench.events.faults == []


def test_descriptors_at_any_distance_are_exact() -> None:
    for gap in (1, 2, 5, 23):
        rng, bench = fresh_bench()
        bench.run([random_job(rng, SMALL, most=6) for _ in range(12)], gap=gap)


@pytest.mark.parametrize("config", [SMALL, WIDE], ids=["4x4", "2x8"])
def test_splits_of_k_accumulate_on_the_same_words_back_to_back(config: ArrayConfig) -> None:
    rng, bench = fresh_bench(config)
    first = random_job(rng, config, m=1, n=1, k=1, acc=9, addend=isa.Addend.NONE)
    rest = [random_job(rng, config, m=1, n=1, k=1, acc=9, addend=isa.Addend.ACCUMULATE) for _ in range(12)]
    bench.run([first, *rest])


def test_tiles_follow_without_a_gap_and_descriptors_after_two_cycles() -> None:
    rng, bench = fresh_bench()
    jobs = [random_job(rng, SMALL, m=9, n=6, k=k, west_k_contiguous=0, north_k_contiguous=0, dataflow=0) for k in (7, 1, 4)]
    bench.run(jobs)
    tiles = 3 * 2
    first, second, third = bench.events.taken
    assert second - first == 7 * tiles + 2
    assert third - second == SMALL.rows * tiles + 2, "a tile takes at least as many cycles as the array has rows"
    assert bench.events.array_busy == (7 + SMALL.rows + SMALL.rows) * tiles


@pytest.mark.parametrize(("west", "north"), [layout for layout in LAYOUTS if any(layout)])
def test_k_contiguous_tiles_take_whole_words_of_k(west: int, north: int) -> None:
    rng, bench = fresh_bench()
    word = SMALL.word_bytes
    layout = {"west_k_contiguous": west, "north_k_contiguous": north, "dataflow": 0}
    bench.run([random_job(rng, SMALL, m=4, n=4, k=k, **layout) for k in (word, word + 1, 1)])
    assert bench.events.array_busy == word + 2 * word + word


@pytest.mark.parametrize("config", [SMALL, WIDE, TALL], ids=["4x4", "2x8", "8x4"])
def test_tokens_come_when_the_docstring_says(config: ArrayConfig) -> None:
    rng, bench = fresh_bench(config)
    bench.run([random_job(rng, config, m=3, n=5, k=20, west_k_contiguous=0, north_k_contiguous=0, dataflow=0, signal_load=1)])
    last_step = bench.events.taken[0] + 1 + bench.events.array_busy
    assert bench.events.signal_load == [last_step]
    last_write = last_step + config.rows + config.cols + config.rows + 3
    assert bench.events.signal_store == [last_write + 1], "the token comes with the first cycle in which the word can be read"


@pytest.mark.parametrize("config", [SMALL, WIDE, TALL], ids=["4x4", "2x8", "8x4"])
@pytest.mark.parametrize("west", [0, 1])
def test_weight_stationary_tiles_take_the_cycles_of_the_docstring(config: ArrayConfig, west: int) -> None:
    rng, bench = fresh_bench(config)
    sizes = [(1, 2, 3), (9, 13, 6), (2, 9, 9), (17, 3, 5), (1, 1, 1)]
    bench.run([random_job(rng, config, m=m, k=k, n=n, west_k_contiguous=west, dataflow=1, signal_load=1) for m, k, n in sizes])
    streams = [m if west else -(-m // config.word_bytes) * config.word_bytes for m, _, _ in sizes]
    tiles = [-(-k // config.rows) * -(-n // config.cols) for _, k, n in sizes]
    fed = [count * max(stream, weight_cycles(config)) for count, stream in zip(tiles, streams)]
    assert bench.events.array_busy == sum(fed)
    distances = [b - a for a, b in itertools.pairwise(bench.events.taken)]
    changing = [1, 0, 0, 0]  # the first one, after reset
    assert distances == [cycles + weight_cycles(config) + 2 + change for cycles, change in zip(fed, changing)]


@pytest.mark.parametrize("config", [SMALL, WIDE, TALL, NARROW_WORDS], ids=["4x4", "2x8", "8x4", "8x8"])
def test_the_dataflow_may_change_from_descriptor_to_descriptor_on_the_same_words(config: ArrayConfig) -> None:
    rng, bench = fresh_bench(config)
    sizes = {"m": 5, "n": 3, "acc": 3}
    first = random_job(rng, config, **sizes, k=3, addend=isa.Addend.NONE)
    flows = [0, 1, 0, 1, 1, 0, 0, 1]
    bench.run([first, *(random_job(rng, config, **sizes, addend=isa.Addend.ACCUMULATE, dataflow=flow) for flow in flows)])


@pytest.mark.parametrize("dataflow", [0, 1])
def test_long_panels_with_a_bias_are_exact(dataflow: int) -> None:
    for config in (SMALL, NARROW_WORDS):
        rng, bench = fresh_bench(config)
        sizes = [(21, 5, 37), (3, 17, 50), (13, 9, 16)]
        bench.run([random_job(rng, config, m=m, n=n, k=k, addend=isa.Addend.BIAS, dataflow=dataflow) for m, n, k in sizes if m * n < 120])


def test_only_the_tokens_that_were_asked_for_are_pushed() -> None:
    rng, bench = fresh_bench()
    wanted = [(1, 0), (0, 1), (0, 0), (1, 1)]
    jobs = [random_job(rng, SMALL, m=5, n=5, acc=12 * i, addend=0, signal_load=a, signal_store=b) for i, (a, b) in enumerate(wanted)]

    async def play(ctx: Any) -> None:
        waiting: list[isa.Descriptor] = []
        for index, job in enumerate(jobs):
            await bench.hand_over(ctx, job, index, waiting)
            if not job["signal_store"]:
                bench.model.execute(job)
        await bench.until_idle(ctx, waiting)
        bench.check(ctx)

    bench.play(play)
    assert len(bench.events.signal_load) == len(bench.events.signal_store) == 2
    assert bench.events.signal_load[0] < bench.events.taken[1] + 3


BAD_FIELDS = [{"m": 0}, {"n": 0}, {"k": 0}, {"addend": 3}]
OUTSIDE = [
    {"west": SMALL.operand_words - 1, "west_stride": 1, "west_k_contiguous": 1, "m": 2},
    {"north": SMALL.operand_words - 1, "north_stride": 1, "north_k_contiguous": 1, "n": 2},
    {"west": SMALL.operand_words - 1, "west_stride": 1, "west_k_contiguous": 0, "k": 2},
    {"north": SMALL.operand_words - 1, "north_stride": 1, "north_k_contiguous": 0, "k": 2},
    {"west": SMALL.operand_words - 1, "west_k_contiguous": 1, "k": SMALL.word_bytes + 1},
    {"north": SMALL.operand_words - 1, "north_k_contiguous": 0, "n": SMALL.word_bytes + 1},
    {"west": 65535, "west_stride": 65535, "m": 9, "west_k_contiguous": 1},
    {"acc": SMALL.acc_words - 1, "m": 2},
    {"acc": 65535, "m": 5, "n": 5},
    {"bias": SMALL.acc_words - 1, "addend": isa.Addend.BIAS, "n": 5},
]
DECENT = {"m": 4, "n": 4, "k": 4, "acc": 7, "west": 3, "north": 5, "west_stride": 2, "north_stride": 3, "signal_store": 1, "signal_load": 1}


async def until_fault(ctx: Any, bench: ComputeBench, job: isa.Descriptor, index: int) -> None:
    """Hands over a descriptor that cannot be executed, and waits for the fault that says so."""
    await bench.hand_over(ctx, job, index, [])
    before = len(bench.events.faults)
    for _ in range(300):
        await ctx.tick()
        if len(bench.events.faults) > before:
            return
    raise AssertionError(f"no fault from {job.values}")


async def one_exact_result(ctx: Any, bench: ComputeBench, job: isa.Descriptor) -> None:
    """Whatever came before: from known buffers, ``job`` alone must give one token and the right result."""
    bench.fill(ctx)
    before = len(bench.events.signal_store)
    waiting: list[isa.Descriptor] = []
    await bench.hand_over(ctx, job, 0, waiting)
    await bench.until_idle(ctx, waiting)
    assert not waiting, "no token"
    bench.check(ctx)
    assert len(bench.events.signal_store) == before + 1, "a token of the descriptor that was dropped"


async def abort(ctx: Any, bench: ComputeBench, cycles: int = 3) -> None:
    """As the command processor does: hold abort until the engine is quiet, and ``cycles`` more. Nothing is written any more."""
    ctx.set(bench.engine.abort, 1)
    await ctx.tick()
    written = len(bench.events.drained)
    while ctx.get(bench.engine.busy):
        assert not ctx.get(bench.engine.work.ready), "work taken in spite of abort"
        await ctx.tick()
    await ctx.tick().repeat(cycles)
    assert len(bench.events.drained) == written, "the engine goes on in spite of abort"
    ctx.set(bench.engine.abort, 0)


@pytest.mark.parametrize(
    ("cases", "status"), [(BAD_FIELDS, Status.BAD_FIELD), (OUTSIDE, Status.BAD_LOCAL_ADDRESS)], ids=["field", "address"]
)
def test_what_cannot_be_executed_is_a_fault_and_after_abort_the_next_result_is_exact(cases: list[dict[str, int]], status: Status) -> None:
    rng, bench = fresh_bench()

    async def play(ctx: Any) -> None:
        for index, (fields, dataflow) in enumerate(itertools.product(cases, (0, 1)), 1234):
            bench.events.faults.clear()
            await until_fault(ctx, bench, isa.describe(isa.COMPUTE, **{**DECENT, **fields}, dataflow=dataflow), index)
            await abort(ctx, bench)
            await one_exact_result(ctx, bench, random_job(rng, SMALL, most=6))
            assert set(bench.events.faults) == {(status, index)}, fields

    bench.play(play)


@pytest.mark.parametrize("dataflow", isa.Dataflow)
def test_a_dataflow_that_was_left_out_is_a_bad_field(dataflow: isa.Dataflow) -> None:
    config = ONE_DATAFLOW[dataflow]
    rng, bench = fresh_bench(config)

    async def play(ctx: Any) -> None:
        await until_fault(ctx, bench, isa.describe(isa.COMPUTE, **DECENT, dataflow=1 - dataflow), 77)
        await abort(ctx, bench)
        await one_exact_result(ctx, bench, random_job(rng, config, most=6))
        assert set(bench.events.faults) == {(Status.BAD_FIELD, 77)}

    bench.play(play)


def test_panels_that_just_fit_are_no_fault() -> None:
    rng, bench = fresh_bench()
    last = SMALL.operand_words - 1
    jobs = [
        isa.describe(
            isa.COMPUTE, **{**DECENT, "west": last, "west_stride": 0, "north": last, "north_stride": 0, "k": SMALL.word_bytes, **layout}
        )
        for layout in ({}, {"west_k_contiguous": 1}, {"west_k_contiguous": 1, "north_k_contiguous": 1}, {"n": 8, "m": 8, "acc": 48})
    ]
    bench.run([*jobs, random_job(rng, SMALL)])
    assert bench.events.faults == []


@pytest.mark.parametrize("dataflow", [0, 1])
def test_abort_at_any_moment_leaves_nothing_behind(dataflow: int) -> None:
    rng, bench = fresh_bench()

    async def play(ctx: Any) -> None:
        for moment in range(1, 80):
            layout = {"west_k_contiguous": moment & 1, "north_k_contiguous": moment >> 1 & 1, "dataflow": dataflow}
            await bench.hand_over(ctx, random_job(rng, SMALL, m=6, n=5, k=9, **layout), 7, [])
            await ctx.tick().repeat(moment)
            await abort(ctx, bench)
            await one_exact_result(ctx, bench, random_job(rng, SMALL, m=5, n=4, k=3))

    bench.play(play)


def test_a_reset_in_the_middle_of_a_tile_leaves_nothing_behind() -> None:
    rng, bench = fresh_bench()
    reset = Signal()

    async def play(ctx: Any) -> None:
        await bench.hand_over(ctx, random_job(rng, SMALL, m=9, n=9, k=9), 0, [])
        await ctx.tick().repeat(31)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        await one_exact_result(ctx, bench, random_job(rng, SMALL, most=6))

    bench.play(play, ResetInserter(reset)(bench.system.module))
