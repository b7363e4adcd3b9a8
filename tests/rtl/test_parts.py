"""The parts of COMPUTE: what the engine is given, and that it works on without a gap."""

from __future__ import annotations

import random
from typing import Any

import pytest

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.parts import part_count, parts
from hwacc.rtl.dispatch import EngineQueue
from hwacc.rtl.parts import PartWalker
from tests.rtl.compute_bench import ComputeBench
from tests.rtl.simulate import fresh_random, simulate
from tests.rtl.test_dispatch import UNSEEN

CONFIG = ArrayConfig(rows=4, cols=4, spm_bytes=2048, acc_bytes=1024, channels=64)
SEED = 5


def random_compute(rng: random.Random) -> isa.Descriptor:
    """Any bits, in up to six parts."""
    values = {field.name: rng.randint(field.low, field.high) for field in isa.COMPUTE.fields if field.name not in isa.DERIVED}
    values["k"] = rng.choice((0, 1, 7, 65535, rng.randrange(65536)))
    few = 1 if values["k"] < 8 else values["k"] // 5
    values["k_step"] = rng.choice((0, few, few, few, values["k"], 65535))
    return isa.describe(isa.COMPUTE, **values)


def test_what_is_given_are_the_parts_in_order_each_until_it_is_taken() -> None:
    rng = fresh_random()
    wholes = [random_compute(rng) for _ in range(60)]
    assert sum(part_count(whole) > 2 for whole in wholes) > 10
    walker = PartWalker()

    async def bench(ctx: Any) -> None:
        for index, whole in enumerate(wholes):
            ctx.set(walker.whole, {**whole.values, "index": index})
            expected = list(parts(whole))
            for number, part in enumerate(expected):
                for take in [0] * rng.choice((0, 0, 2)) + [1]:
                    seen = {name: ctx.get(walker.part[name]) for name in part.values if name not in UNSEEN}
                    assert seen == {name: part[name] for name in seen}, f"part {number} of {whole.values}"
                    assert (ctx.get(walker.part.index), ctx.get(walker.last)) == (index, number == len(expected) - 1)
                    ctx.set(walker.take, take)
                    await ctx.tick()
                ctx.set(walker.take, 0)

    simulate(walker, bench)


def reduction(dataflow: isa.Dataflow, **values: int) -> isa.Descriptor:
    """12 rows, 9 columns, k = 22 in parts of 8, 8 and 6; a part takes 3 × 3 × 8 cycles, or 2 × 3 × 12."""
    places = {"west": 40, "west_stride": 22, "west_k_contiguous": 1, "west_step": 8, "north": 300, "north_stride": 9, "north_step": 72}
    return isa.describe(isa.COMPUTE, m=12, n=9, k=22, k_step=8, **places, dataflow=dataflow, signal_store=1, **values)


def fed_cycles(jobs: list[isa.Descriptor]) -> list[int]:
    """The cycles in which the array is fed, behind a queue whose tokens are there; checks the result."""
    bench, queue = ComputeBench(CONFIG, SEED), EngineQueue(isa.COMPUTE, depth=4)
    bench.system.module.submodules.queue = queue
    work = bench.engine.work
    bench.system.module.d.comb += [
        work.payload.eq(queue.work.payload),
        work.valid.eq(queue.work.valid),
        queue.work.ready.eq(work.ready),
    ]

    async def story(ctx: Any) -> None:
        for index, job in enumerate(jobs):
            bench.model.execute(job)
            ctx.set(queue.queue.payload, {**job.values, "index": index})
            ctx.set(queue.queue.valid, 1)
            await ctx.tick()
        ctx.set(queue.queue.valid, 0)
        while ctx.get(bench.engine.busy) or not ctx.get(queue.empty):
            await ctx.tick()
        assert len(bench.events.signal_store) == sum(job["signal_store"] for job in jobs)
        bench.check(ctx)

    bench.play(story)
    return bench.events.fed


@pytest.mark.parametrize("dataflow", isa.Dataflow, ids=lambda dataflow: dataflow.words)
@pytest.mark.parametrize("addend", isa.Addend, ids=lambda addend: addend.name)
def test_parts_feed_the_array_without_a_gap_as_separate_descriptors_do(dataflow: isa.Dataflow, addend: isa.Addend) -> None:
    whole = reduction(dataflow, addend=addend, acc=10, bias=3)
    together, apart = fed_cycles([whole]), fed_cycles(list(parts(whole)))
    assert together == apart
    assert together == list(range(together[0], together[0] + (72 + 72 + 54 if dataflow is isa.Dataflow.OUTPUT_STATIONARY else 3 * 72)))
