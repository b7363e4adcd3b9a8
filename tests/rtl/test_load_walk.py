"""The address generator of LOAD."""

import random
from dataclasses import replace

import pytest

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.load_walk import RunWalker
from tests.rtl import load_model
from tests.rtl.streams import StreamBench

CONFIG = ArrayConfig(rows=4, cols=4, address_bits=24)


def payload(job: isa.Descriptor, index: int = 0) -> dict[str, int]:
    return {**job.values, "index": index}


@pytest.mark.parametrize("stall", [0.0, 0.4])
@pytest.mark.parametrize("seed", [17])
def test_runs_equal_the_multiplied_out_loops(stall: float, seed: int) -> None:
    rng = random.Random(seed)
    jobs = [load_model.random_job(rng, CONFIG, 1 << CONFIG.address_bits).replace(signal_each=i % 2) for i in range(40)]
    expected = [run for job in jobs for run in load_model.runs(job)]
    bench = StreamBench(RunWalker(CONFIG), stall=stall, seed=seed)
    bench.source("work", [payload(job) for job in jobs]).sink("runs").run(runs=len(expected))
    found = [load_model.Run(run.address, run.local, run.x, run.y, run.align_start, run.align_end) for run in bench.taken["runs"]]
    assert found == [replace(run, address=run.address % (1 << CONFIG.address_bits)) for run in expected]
    assert not any(run.bad_field for run in bench.taken["runs"])


def test_a_run_comes_every_cycle_also_between_descriptors() -> None:
    jobs = [
        isa.describe(isa.LOAD, run=7, count1=3, count3=2, stride1=9),
        isa.describe(isa.LOAD, run=1),
        isa.describe(isa.LOAD, run=2, count4=5),
    ]
    bench = StreamBench(RunWalker(CONFIG)).source("work", [payload(job) for job in jobs]).sink("runs").run(runs=12)
    first = bench.taken_at["runs"][0]
    assert bench.taken_at["runs"] == list(range(first, first + 12))
    assert [run.last for run in bench.taken["runs"]] == [0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1]


def test_each_iteration_of_the_outermost_loop_is_marked_where_it_signals_and_the_end_but_once() -> None:
    jobs = [
        isa.describe(isa.LOAD, run=7, count1=2, count4=3, signal_each=1),
        isa.describe(isa.LOAD, run=7, count1=2, count4=3),
        isa.describe(isa.LOAD, run=7, count3=2, signal_each=1),
    ]
    bench = StreamBench(RunWalker(CONFIG)).source("work", [payload(job) for job in jobs]).sink("runs").run(runs=14)
    assert [run.last for run in bench.taken["runs"]] == [0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1]
    assert [run.tag.ends for run in bench.taken["runs"]] == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1]


def test_the_tag_and_the_bounds_accompany_every_run() -> None:
    job = isa.describe(
        isa.LOAD, run=300, count2=2, pad=-3, target=2, signal_store=1, bounded=1, x_limit=900, y_limit=65535, x0=-(2**19), y0=-(2**15)
    )
    bench = StreamBench(RunWalker(CONFIG)).source("work", [payload(job, index=777)]).sink("runs").run(runs=2)
    for run in bench.taken["runs"]:
        assert (run.length, run.bounded, run.x_limit, run.y_limit, run.x, run.y) == (300, 1, 900, 65535, -(2**19), -(2**15))
        assert (run.tag.target, run.tag.pad, run.tag.signal_compute, run.tag.signal_store, run.tag.index) == (2, 0xFD, 0, 1, 777)


@pytest.mark.parametrize("name", ["run", "count1", "count2", "count3", "count4"])
def test_a_zero_in_the_run_or_a_count_is_a_bad_field(name: str) -> None:
    jobs = [isa.describe(isa.LOAD, **{"run": 4, "count1": 2, "count3": 3, name: 0}), isa.describe(isa.LOAD, run=5)]
    bench = StreamBench(RunWalker(CONFIG)).source("work", [payload(job) for job in jobs]).sink("runs").run(runs=2)
    assert [(run.bad_field, run.last) for run in bench.taken["runs"]] == [(1, 1), (0, 1)]


@pytest.mark.parametrize("each", [0, 1])
@pytest.mark.parametrize("cuts", range(8))
def test_cuts_inside_a_descriptor_that_signals_in_between_are_aligned_apart_from_its_first_and_last(cuts: int, each: int) -> None:
    start, end, between = (cuts >> bit & 1 for bit in range(3))
    job = isa.describe(
        isa.LOAD, run=16, count1=2, count4=3, signal_each=each, align_start=start, align_end=end, align_between=between, stride4=99
    )
    single = job.replace(count4=1)
    bench = StreamBench(RunWalker(CONFIG)).source("work", [payload(job), payload(single), payload(job)]).sink("runs").run(runs=14)
    starts = [start, start, *[between if each else start] * 4]
    ends = [*[between if each else end] * 4, end, end]
    assert [run.align_start for run in bench.taken["runs"]] == [*starts, start, start, *starts]
    assert [run.align_end for run in bench.taken["runs"]] == [*ends, end, end, *ends]
    assert bench.taken_at["runs"] == list(range(bench.taken_at["runs"][0], bench.taken_at["runs"][0] + 14))


@pytest.mark.parametrize(
    ("values", "faults"),
    [
        ({"run": 15, "align_start": 1}, [1, 0, 0]),
        ({"run": 16, "align_start": 1}, [0, 0, 0]),
        ({"run": 1, "align_end": 1}, [0, 0, 0]),
        ({"run": 15, "align_between": 1}, [0, 1, 1]),
        ({"run": 15, "align_between": 1, "signal_each": 0}, [0, 0, 0]),
        ({"run": 40, "align_start": 1, "bounded": 1}, [1, 0, 0]),
        ({"run": 40, "align_end": 1, "bounded": 1}, [0, 0, 1]),
        ({"run": 40, "align_end": 1, "bounded": 1, "signal_each": 0}, [1, 1, 1]),
        ({"run": 40, "align_between": 1, "bounded": 1}, [1, 1, 1]),
        ({"run": 40, "align_between": 1, "bounded": 1, "count4": 1}, [0]),
    ],
)
def test_aligned_runs_that_could_be_empty_or_have_bounds_are_bad_fields(values: dict[str, int], faults: list[int]) -> None:
    job = isa.describe(isa.LOAD, **{"count4": 3, "signal_each": 1, **values})
    bench = StreamBench(RunWalker(CONFIG)).source("work", [payload(job)]).sink("runs").run(runs=len(faults))
    assert [run.bad_field for run in bench.taken["runs"]] == faults


def test_the_largest_counts_and_steps_of_y_do_not_wrap() -> None:
    job = isa.describe(isa.LOAD, run=1, count2=65535, y0=32767, y_step2=255)
    bench = StreamBench(RunWalker(CONFIG)).source("work", [payload(job)]).sink("runs").run(runs=300, cycles=1)
    assert [run.y for run in bench.taken["runs"][:300]] == [32767 + 255 * i for i in range(300)]
