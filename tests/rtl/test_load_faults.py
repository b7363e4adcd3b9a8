"""The LOAD engine with descriptors that cannot be executed, with a memory that errs, and with abort."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.load import LONGEST_BURST
from tests.rtl import load_model
from tests.rtl.load_bench import LoadBench
from tests.rtl.test_load import CONFIG, MEMORY, assert_same_targets, load

GOOD = load(address=77, run=50, count1=3, stride1=1000, local=9, local_stride1=60, signal_compute=1)
AFTER = load(address=3001, run=90, count2=2, stride2=-500, local=4, local_stride2=100, target=1, signal_store=1)


def fault_then_good(jobs: Sequence[isa.Descriptor], errors: Iterable[int] = (), **memory: Any) -> LoadBench:
    """Runs ``jobs`` until the fault, aborts, and runs AFTER on the same engine."""
    bench = LoadBench(CONFIG, MEMORY, **memory)
    bench.memory.errors = set(errors)

    async def story(ctx: Any) -> None:
        bench.feed(jobs)
        await bench.until_fault(ctx)
        bench.memory.errors.clear()
        await bench.abort(ctx)
        assert not bench.memory.waiting, "every beat was taken"
        bench.feed([AFTER])
        await bench.until_idle(ctx)

    return bench.play(story)


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (load(run=0), isa.Status.BAD_FIELD),
        (load(run=4, count3=0), isa.Status.BAD_FIELD),
        (load(run=15, align_start=1), isa.Status.BAD_FIELD),
        (load(run=40, align_end=1, bounded=1, x_limit=99, y_limit=1), isa.Status.BAD_FIELD),
        (load(run=17, local=4096 - 16), isa.Status.BAD_LOCAL_ADDRESS),
        (load(run=17, local=4096 - 31, align_end=1), isa.Status.BAD_LOCAL_ADDRESS),
        (load(address=8, run=17, count1=2, local=8, local_stride1=-17, align_start=1), isa.Status.BAD_LOCAL_ADDRESS),
        (load(run=1, local=2**20 - 1), isa.Status.BAD_LOCAL_ADDRESS),
        (load(run=65535, target=1), isa.Status.BAD_LOCAL_ADDRESS),
        (load(run=8, local=1017, target=2), isa.Status.BAD_LOCAL_ADDRESS),
        (load(run=8, local=505, target=3), isa.Status.BAD_LOCAL_ADDRESS),
        (load(run=8, local=20, count1=4, local_stride1=-9), isa.Status.BAD_LOCAL_ADDRESS),
        (load(run=8, count1=65535, local_stride1=-(2**19), stride1=8), isa.Status.BAD_LOCAL_ADDRESS),
        (load(run=8, count1=65535, local_stride1=2**19 - 1), isa.Status.BAD_LOCAL_ADDRESS),
        (load(run=8, count4=600, local_stride4=8, bounded=1, x_limit=0), isa.Status.BAD_LOCAL_ADDRESS),
    ],
)
def test_a_bad_descriptor_is_reported_and_the_engine_serves_the_next(bad: isa.Descriptor, status: isa.Status) -> None:
    bench = fault_then_good([GOOD, bad, GOOD, GOOD], latency=20)
    assert bench.faults() == [(status, 1)]
    assert len(bench.cycles_of("compute")) == 1, "only the descriptor before the fault signals"
    assert len(bench.cycles_of("store")) == 1
    with pytest.raises(load_model.LoadFault) as reason:
        assert_same_targets(bench, CONFIG, [GOOD, bad])
    assert reason.value.status == status


@pytest.mark.parametrize("beat", [0, 3, 62])
def test_an_error_beat_is_a_read_error_of_its_descriptor(beat: int) -> None:
    job = load(address=16 * 1000, run=1008, count1=2, stride1=2000, local_stride1=1008)
    bench = fault_then_good([GOOD, job, GOOD], errors=[16 * (1000 + beat)], latency=40, stall=0.1)
    assert bench.faults() == [(isa.Status.READ_ERROR, 1)]
    assert len(bench.cycles_of("compute")) == 1


def test_the_first_fault_in_descriptor_order_is_reported_though_a_later_one_is_seen_earlier() -> None:
    bench = fault_then_good([load(address=160, run=32), load(run=0)], errors=[176], latency=60)
    assert bench.faults() == [(isa.Status.READ_ERROR, 0)]


def test_abort_waits_for_a_burst_that_is_offered_and_asks_for_no_other() -> None:
    config = ArrayConfig(rows=4, cols=4, bus_bytes=4, spm_bytes=8192, acc_bytes=1024, channels=64, address_bits=20)
    bench = LoadBench(config, MEMORY, latency=5)
    bench.memory.refuses = True

    async def story(ctx: Any) -> None:
        bench.feed([load(run=4096)])
        await ctx.tick().repeat(10)
        ctx.set(bench.engine.abort, 1)
        await ctx.tick().repeat(10)
        assert ctx.get(bench.engine.busy)
        bench.memory.refuses = False
        await bench.until_idle(ctx)

    bench.play(story)
    assert [burst.beats for burst in bench.memory.bursts] == [LONGEST_BURST]
    assert bench.memory.beats == LONGEST_BURST


def test_abort_waits_for_a_write_that_is_offered_and_does_not_signal_it() -> None:
    bench = LoadBench(CONFIG, MEMORY)
    bench.refusals = 1.0

    async def story(ctx: Any) -> None:
        bench.feed([load(run=16, target=2, signal_compute=1)])
        await ctx.tick().repeat(20)
        ctx.set(bench.engine.abort, 1)
        await ctx.tick().repeat(10)
        assert ctx.get(bench.engine.busy)
        bench.refusals = 0.0
        await bench.until_idle(ctx)

    bench.play(story)
    assert bench.writes == 1
    assert not bench.cycles_of("compute")


def test_an_abort_of_one_cycle_takes_effect_until_nothing_is_owed() -> None:
    bench = LoadBench(CONFIG, MEMORY, latency=60)

    async def story(ctx: Any) -> None:
        bench.feed([GOOD, GOOD])
        await ctx.tick().repeat(20)
        ctx.set(bench.engine.abort, 1)
        await ctx.tick()
        ctx.set(bench.engine.abort, 0)
        bench.feed([AFTER])
        await bench.until_idle(ctx)

    bench.play(story)
    assert not bench.cycles_of("compute")
    assert (bench.targets[isa.Target.WEST] == 0xA5).all()
    assert_same_targets(bench, CONFIG, [AFTER])


@pytest.mark.parametrize("seed", [6])
@pytest.mark.parametrize("latency", [1, 60])
def test_abort_at_any_moment_drops_everything_and_owes_nothing(latency: int, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(8):
        jobs = [load_model.random_job(rng, CONFIG, len(MEMORY)) for _ in range(8)]
        bench = LoadBench(CONFIG, MEMORY, latency=latency, stall=rng.choice((0.0, 0.4)), seed=rng.randrange(1000))
        bench.refusals = 0.3
        moment = rng.randint(1, 60 + latency)

        async def story(ctx: Any, bench: LoadBench = bench, jobs: Sequence[isa.Descriptor] = jobs, moment: int = moment) -> None:
            bench.feed(jobs)
            await ctx.tick().repeat(moment)
            await bench.abort(ctx)
            assert not bench.memory.waiting, "every beat was taken"
            await ctx.tick().repeat(5)
            assert all(cycle <= bench.aborted_at for cycle, *_ in bench.events), "nothing of the old work signals later"
            bench.feed([AFTER])
            await bench.until_idle(ctx)

        bench.play(story)
        assert not bench.faults()
        found = bench.targets[isa.Target.NORTH]
        for run in load_model.runs(AFTER):
            assert found[run.local : run.local + 90].tobytes() == MEMORY[run.address : run.address + 90]
