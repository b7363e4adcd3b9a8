"""The COMPUTE engine: every small panel, long ones, timing, faults and what follows them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from amaranth.hdl import ResetInserter, Signal

from hwacc import isa
from hwacc.config import TINY, ArrayConfig
from hwacc.isa import Status
from hwacc.rtl.interfaces import ACC_UPDATE_CYCLES
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


@pytest.mark.parametrize("dataflow", [0, 1])
def test_rows_any_words_apart_leave_those_between_alone(dataflow: int) -> None:
    rng, bench = fresh_bench()
    jobs = []
    for m, n, spare in itertools.product(range(1, 6), (1, 4, 5, 9), range(3)):
        stride = -(-n // SMALL.cols) + spare
        acc = rng.randint(0, SMALL.acc_words - m * stride)
        jobs.append(
            random_job(rng, SMALL, m=m, n=n, k=rng.randint(1, 5), acc=acc, acc_stride=stride, addend=rng.randint(0, 1), dataflow=dataflow)
        )
    bench.run(jobs)


@pytest.mark.parametrize("config", [SMALL, WIDE, TALL, NARROW_WORDS], ids=["4x4", "2x8", "8x4", "8x8"])
def test_columns_of_a_panel_piece_by_piece_are_exact_back_to_back(config: ArrayConfig) -> None:
    for gap in (0, 0, 0, 3):
        rng, bench = fresh_bench(config)
        m, stride = rng.randint(1, 2 * config.rows + 1), rng.randint(2, 3)
        jobs = []
        for _ in range(16):
            first = rng.randrange(stride)
            columns = rng.randint(1, (stride - first) * config.cols)
            place = {"m": rng.choice((m, m, rng.randint(1, m))), "n": columns, "acc": 3 + first, "acc_stride": stride}
            jobs.append(random_job(rng, config, **place, addend=rng.choice((0, 1, 1)), k=rng.choice((1, 2, 5, 9))))
        bench.run(jobs, gap=gap)


def gaps(cycles: list[int]) -> list[int]:
    """Lengths of the pauses."""
    return [b - a - 1 for a, b in itertools.pairwise(cycles) if b - a > 1]


@pytest.mark.parametrize("dataflow", [0, 1])
def test_tiles_and_descriptors_follow_without_a_gap(dataflow: int) -> None:
    rng, bench = fresh_bench()
    none, accumulate = isa.Addend.NONE, isa.Addend.ACCUMULATE
    layout = {"west_k_contiguous": dataflow, "north_k_contiguous": 0, "dataflow": dataflow}
    sizes = [(7, none), (1, none), (4, accumulate)]
    bench.run([random_job(rng, SMALL, m=9, n=6, k=k, acc=5, addend=addend, **layout) for k, addend in sizes])
    slices = 2 + 1 + 1
    fed = 9 * slices * 2 if dataflow else (7 + 2 * weight_cycles(SMALL)) * 3 * 2  # a tile takes at least that many cycles
    assert bench.events.array_busy == fed
    assert gaps(bench.events.fed) == []


@pytest.mark.parametrize("dataflow", [0, 1])
@pytest.mark.parametrize(
    ("addend", "acc", "stride"),
    [(isa.Addend.ACCUMULATE, 6, 1), (isa.Addend.ACCUMULATE, 5, 2), (isa.Addend.ACCUMULATE, 8, 0), (isa.Addend.BIAS, 5, 1)],
)
def test_what_may_read_a_word_just_written_comes_later(dataflow: int, addend: isa.Addend, acc: int, stride: int) -> None:
    for config in (SMALL, WIDE):
        rng, bench = fresh_bench(config)
        layout = {"west_k_contiguous": dataflow, "north_k_contiguous": 0, "dataflow": dataflow, "m": 4, "n": 4, "k": 4}
        first = random_job(rng, config, acc=5, addend=isa.Addend.NONE, **layout)
        bench.run([first, random_job(rng, config, acc=acc, acc_stride=stride, bias=9, addend=addend, **layout)])
        assert gaps(bench.events.fed) == [2 + weight_cycles(config) * dataflow]


@pytest.mark.parametrize("dataflow", [0, 1])
def test_columns_are_added_to_those_of_the_same_panel_without_a_gap(dataflow: int) -> None:
    for config in (SMALL, WIDE):
        rng, bench = fresh_bench(config)
        layout = {"west_k_contiguous": dataflow, "north_k_contiguous": 0, "dataflow": dataflow, "k": 2}
        panel = {"m": 20, "acc": 5, "acc_stride": 2, "addend": isa.Addend.ACCUMULATE}
        numbers = (1, 2 * config.cols, 1, 1, config.cols, 2 * config.cols)
        bench.run([random_job(rng, config, n=n, **panel, **layout) for n in numbers])
        assert gaps(bench.events.fed) == []


def tile_cycles(jobs: Sequence[isa.Descriptor], config: ArrayConfig) -> int:
    """Cycles of output-stationary tiles whose operands lie across: k, or the rows of the tile before, or 4."""
    tiles = [(job, first) for job in jobs for _ in range(0, job["n"], config.cols) for first in range(0, job["m"], config.rows)]
    before = [0, *(min(config.rows, job["m"] - first) for job, first in tiles)]
    return sum(max(job["k"], rows, ACC_UPDATE_CYCLES) for (job, _), rows in zip(tiles, before))


@pytest.mark.parametrize("config", [SMALL, WIDE, TALL, NARROW_WORDS], ids=["4x4", "2x8", "8x4", "8x8"])
@pytest.mark.parametrize("addend", [isa.Addend.NONE, isa.Addend.ACCUMULATE])
def test_tiles_of_few_rows_and_steps_across_take_what_the_docstring_says(config: ArrayConfig, addend: isa.Addend) -> None:
    rng, bench = fresh_bench(config)
    layout = {"west_k_contiguous": 0, "north_k_contiguous": 0, "dataflow": 0}
    accumulates = addend == isa.Addend.ACCUMULATE  # then on the same panel, so that nothing pauses
    sizes = [(m, 3 * config.cols if accumulates else rng.randint(1, 3 * config.cols), rng.randint(1, 6)) for m in range(1, config.rows + 3)]
    rng.shuffle(sizes)
    jobs = [random_job(rng, config, m=m, n=n, k=k, acc=4, addend=addend, **layout) for m, n, k in sizes]
    bench.run(jobs)
    assert gaps(bench.events.fed) == []
    assert bench.events.array_busy == tile_cycles(jobs, config)


@pytest.mark.parametrize(("config", "most"), [(SMALL, 5), (TALL, 10)], ids=["4x4", "8x4"])
def test_every_two_numbers_of_rows_across_are_exact_back_to_back(config: ArrayConfig, most: int) -> None:
    for first in range(1, most + 1):
        rng, bench = fresh_bench(config)
        layout = {"west_k_contiguous": 0, "north_k_contiguous": 0, "dataflow": 0}
        numbers = [m for second in range(1, most + 1) for m in (first, second)]
        bench.run([random_job(rng, config, m=m, n=rng.randint(1, 9), k=rng.choice((1, 1, 2, 3, 5, 9)), **layout) for m in numbers])


@pytest.mark.parametrize("config", [SMALL, WIDE, TALL, NARROW_WORDS], ids=["4x4", "2x8", "8x4", "8x8"])
def test_short_tiles_before_and_after_any_others_are_exact(config: ArrayConfig) -> None:
    for gap in (0, 0, 0, 3, 30):
        rng, bench = fresh_bench(config)
        short = {"west_k_contiguous": 0, "north_k_contiguous": 0, "dataflow": config.available_dataflows[0]}
        some = [random_job(rng, config, most=6, acc=3, addend=rng.randint(0, 1)) for _ in range(8)]
        some += [random_job(rng, config) for _ in range(4)]
        low = [random_job(rng, config, m=rng.randint(1, 3), n=rng.randint(1, 9), k=rng.randint(1, 4), **short) for _ in range(24)]
        jobs = some + low
        rng.shuffle(jobs)
        bench.run(jobs, gap=gap)


def test_one_tile_across_adds_to_the_same_words_every_four_cycles() -> None:
    rng, bench = fresh_bench(NARROW_WORDS)
    layout = {"west_k_contiguous": 0, "north_k_contiguous": 0, "dataflow": 0, "m": 4, "n": 8, "acc": 9}
    bench.run([random_job(rng, NARROW_WORDS, k=1 + number % 4, addend=isa.Addend.ACCUMULATE, **layout) for number in range(20)])
    assert bench.events.array_busy == 20 * ACC_UPDATE_CYCLES
    assert gaps(bench.events.fed) == []


@pytest.mark.parametrize("config", [SMALL, WIDE, TALL], ids=["4x4", "2x8", "8x4"])
@pytest.mark.parametrize(("west", "north"), LAYOUTS)
def test_output_stationary_tiles_take_a_cycle_for_each_step_of_k_in_every_layout(config: ArrayConfig, west: int, north: int) -> None:
    rng, bench = fresh_bench(config)
    layout = {"west_k_contiguous": west, "north_k_contiguous": north, "dataflow": 0}
    steps = range(1, 4 * max(config.rows, config.cols))
    jobs = [random_job(rng, config, m=2 * config.rows, n=config.cols + 1, k=k, **layout) for k in steps]
    bench.run(jobs)
    lanes = 4 * sum(max(k, weight_cycles(config)) for k in steps)  # each is served once
    assert bench.events.array_busy == (lanes if west or north else tile_cycles(jobs, config))


@pytest.mark.parametrize("config", [SMALL, WIDE, TALL], ids=["4x4", "2x8", "8x4"])
def test_tokens_come_when_the_docstring_says(config: ArrayConfig) -> None:
    rng, bench = fresh_bench(config)
    bench.run([random_job(rng, config, m=3, n=5, k=20, west_k_contiguous=0, north_k_contiguous=0, dataflow=0, signal_load=1)])
    last_step = bench.events.fed[-1]
    assert bench.events.signal_load == [last_step]
    first_write = last_step + config.rows + config.cols + 5
    assert bench.events.signal_store == [first_write - 1], "two cycles before the first row can be read"


@pytest.mark.parametrize("config", [SMALL, WIDE, TALL], ids=["4x4", "2x8", "8x4"])
@pytest.mark.parametrize("west", [0, 1])
def test_weight_stationary_tiles_take_the_cycles_of_the_docstring(config: ArrayConfig, west: int) -> None:
    rng, bench = fresh_bench(config)
    sizes = [(1, 2, 3), (9, 13, 6), (2, 9, 9), (17, 3, 5), (1, 1, 1)]
    bench.run([random_job(rng, config, m=m, k=k, n=n, west_k_contiguous=west, dataflow=1, signal_load=1, addend=0) for m, k, n in sizes])
    tiles = [-(-k // config.rows) * -(-n // config.cols) for _, k, n in sizes]
    fed = [count * max(stream, weight_cycles(config)) for count, (stream, _, _) in zip(tiles, sizes)]
    assert bench.events.array_busy == sum(fed)
    short = [stream <= weight_cycles(config) for stream, _, _ in sizes[:-1]]  # no room for the next weights behind the last tile
    assert gaps(bench.events.fed) == [1 + weight_cycles(config)] * sum(short)


@pytest.mark.parametrize("dataflow", [0, 1])
def test_an_idle_engine_feeds_the_array_two_cycles_after_it_took_a_descriptor(dataflow: int) -> None:
    rng, bench = fresh_bench()
    bench.run([random_job(rng, SMALL, m=4, n=4, k=4, dataflow=dataflow) for _ in range(2)], gap=70)
    _, second = bench.events.taken
    assert min(cycle for cycle in bench.events.fed if cycle > second) == second + 2 + weight_cycles(SMALL) * dataflow


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
    assert bench.events.signal_load[0] < bench.events.signal_store[0]


BAD_FIELDS = [{"m": 0}, {"n": 0}, {"k": 0}, {"addend": 3}, {"n": 9, "acc_stride": 2}, {"m": 1, "n": 2**16 - 1, "acc_stride": 1}]
OUTSIDE = [
    {"west": SMALL.operand_bytes - 4, "west_stride": 1, "west_k_contiguous": 1, "m": 2},
    {"north": SMALL.operand_bytes - 4, "north_stride": 1, "north_k_contiguous": 1, "n": 2},
    {"west": SMALL.operand_bytes - 4, "west_stride": 1, "west_k_contiguous": 0, "k": 2},
    {"north": SMALL.operand_bytes - 4, "north_stride": 1, "north_k_contiguous": 0, "k": 2},
    {"west": SMALL.operand_bytes - 32, "west_stride": 0, "west_k_contiguous": 1, "k": 33},
    {"north": SMALL.operand_bytes - 32, "north_stride": 0, "north_k_contiguous": 0, "n": 33},
    {"west": 2**20 - 1, "west_stride": 2**20 - 1, "m": 9, "west_k_contiguous": 1},
    {"acc": SMALL.acc_words - 1, "m": 2},
    {"acc": 65535, "m": 5, "n": 5},
    {"acc": 0, "m": 4, "acc_stride": (SMALL.acc_words + 2) // 3},
    {"acc": 0, "m": 9, "acc_stride": 2**16 - 1},
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


def test_weights_that_enter_behind_another_descriptors_tile_are_blamed_on_their_own() -> None:
    rng, bench = fresh_bench()
    at_work = isa.describe(isa.COMPUTE, **{**DECENT, "m": 24, "acc": 0, "dataflow": isa.Dataflow.WEIGHT_STATIONARY})
    north = next(case for case in OUTSIDE if "north" in case)

    async def play(ctx: Any) -> None:
        await bench.hand_over(ctx, at_work, 5, [])
        await until_fault(ctx, bench, at_work.replace(**north), 6)
        assert 0 < len(bench.events.fed) < 24, "the first one is still at work"
        await abort(ctx, bench)
        await one_exact_result(ctx, bench, random_job(rng, SMALL, most=6))
        assert set(bench.events.faults) == {(Status.BAD_LOCAL_ADDRESS, 6)}

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
    last = SMALL.operand_bytes - 8
    jobs = [
        isa.describe(isa.COMPUTE, **{**DECENT, "west": last, "west_stride": 0, "north": last, "north_stride": 0, "k": 8, **layout})
        for layout in ({}, {"west_k_contiguous": 1}, {"west_k_contiguous": 1, "north_k_contiguous": 1}, {"n": 8, "m": 8, "acc": 32})
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
