"""The LOAD engine, seen through the accumulator and through a product with the unit matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwacc import isa
from hwacc.isa import Output, Target, describe
from tests.cocotb.bench import OTHER, SOURCE, TARGET, Bench, test
from tests.cocotb.machine import CONFIG
from tests.cocotb.streams import compute, load_panel, through_accumulator

WORD = CONFIG.acc_word_bytes
WIDE = max(CONFIG.rows, CONFIG.cols, CONFIG.bus_bytes)


def stored(words: int, **values: int) -> isa.Descriptor:
    """A STORE of the first accumulator words, as they are."""
    return describe(isa.STORE, address=TARGET, n=words * CONFIG.cols, output=Output.INT32, wait_load=1, **values)


@test
async def neither_address_nor_length_needs_alignment(dut: Any) -> None:
    bench = await Bench.start(dut, seed=21)
    bench.fill(SOURCE, 4096)
    for shift, elements in ((0, 1), (1, 5), (7, 4), (15, 33), (3, 64)):
        await bench.run(through_accumulator(SOURCE + shift, TARGET + 3 * shift, elements, config=CONFIG))


@test
async def a_run_across_a_page_becomes_two_bursts(dut: Any) -> None:
    bench = await Bench.start(dut, seed=22)
    page = SOURCE + 0x1000
    bench.fill(page - 100, 200)
    await bench.run(through_accumulator(page - 37, TARGET + 0x1000 - 41, 25, config=CONFIG))
    assert any(burst.address == page for burst in bench.monitor.bursts), "the burst after the boundary begins at it"


@test
async def four_loops_walk_memory_and_target(dut: Any) -> None:
    bench = await Bench.start(dut, seed=23)
    await bench.clear()
    bench.fill(SOURCE, 4096)
    load = describe(
        isa.LOAD,
        address=SOURCE + 900,
        run=5,
        count1=2,
        stride1=11,
        local_stride1=8,
        count2=3,
        stride2=-130,
        local_stride2=16,
        count3=2,
        stride3=301,
        local_stride3=48,
        count4=2,
        stride4=-7,
        local_stride4=96,
        local=8,
        target=Target.ACCUMULATOR,
        signal_store=1,
    )
    await bench.run([load, stored(16)])


@test
async def what_lies_outside_the_bounds_is_padding(dut: Any) -> None:
    bench = await Bench.start(dut, seed=24)
    await bench.clear()
    height, width = 5, 12
    bench.fill(SOURCE, height * width)
    load = describe(
        isa.LOAD,
        address=SOURCE - 2 * width - 3,
        run=9,
        count1=3,
        stride1=6,
        local_stride1=12,
        count2=9,
        stride2=width,
        local_stride2=48,
        target=Target.ACCUMULATOR,
        bounded=1,
        pad=-77,
        x0=-3,
        x_limit=width,
        y0=-2,
        y_limit=height,
        y_step2=1,
        signal_store=1,
    )
    await bench.run([load, stored(9 * 48 // WORD)])


@test
async def both_operand_buffers_hold_what_was_loaded(dut: Any) -> None:
    bench = await Bench.start(dut, seed=25)
    size, k = 3 * CONFIG.rows, CONFIG.rows
    unit = np.eye(k, dtype=np.int8)
    bench.fill(SOURCE, size * k)
    bench.place(OTHER, unit)
    store = describe(isa.STORE, address=TARGET, n=k, count1=size, stride1=4 * k, output=Output.INT32, wait_compute=1)
    west = [load_panel(SOURCE, size, k, Target.WEST), load_panel(OTHER, k, k, Target.NORTH, signal_compute=1)]
    await bench.run([*west, compute(size, k, k, wait_load=1, signal_store=1), store])
    assert (bench.read(TARGET, np.int32, (size, k)) == bench.read(SOURCE, np.int8, (size, k))).all()
    store = describe(isa.STORE, address=TARGET, n=size, count1=k, stride1=4 * size, output=Output.INT32, wait_compute=1)
    north = [load_panel(OTHER, k, k, Target.WEST), load_panel(SOURCE, k, size, Target.NORTH, signal_compute=1)]
    await bench.run([*north, compute(k, size, k, wait_load=1, signal_store=1), store])
    assert (bench.read(TARGET, np.int32, (k, size)) == bench.read(SOURCE, np.int8, (k, size))).all()


@test
async def random_loads_leave_what_the_model_leaves(dut: Any) -> None:
    bench = await Bench.start(dut, seed=26)
    await bench.clear()
    bench.fill(SOURCE, 0x4000)
    choose = bench.random.integers
    for _ in range(12):
        run, count1, count2 = int(choose(1, 40)), int(choose(1, 5)), int(choose(1, 4))
        load = describe(
            isa.LOAD,
            address=SOURCE + 0x1000 + int(choose(0, 64)),
            run=run,
            count1=count1,
            stride1=int(choose(-80, 80)),
            local_stride1=run,
            count2=count2,
            stride2=int(choose(-300, 300)),
            local_stride2=run * count1,
            target=Target.ACCUMULATOR,
            bounded=int(choose(2)),
            pad=int(choose(-128, 128)),
            x0=int(choose(-10, 10)),
            x_limit=int(choose(1, 60)),
            y0=int(choose(-2, 3)),
            y_limit=int(choose(1, 4)),
            y_step2=1,
            signal_store=1,
        )
        await bench.run([load, stored(-(-run * count1 * count2 // WORD))])
