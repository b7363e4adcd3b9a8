"""The STORE engine, fed through the accumulator: requantisation, strides, edges."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwacc import isa, reference
from hwacc.config import PARAMETER_BYTES
from hwacc.isa import Output, Target, describe
from tests.cocotb.bench import OTHER, SOURCE, TARGET, Bench, test
from tests.cocotb.machine import CONFIG

EDGES = np.array([-(2**31), -(2**31) + 1, -65537, -1, 0, 1, 2, 65536, 2**30, 2**31 - 1], np.int32)


def accumulate(rows: int, columns: int) -> isa.Descriptor:
    """Loads int32 [rows, columns] from SOURCE, each row from the start of an accumulator word."""
    pitch = -(-columns // CONFIG.cols) * CONFIG.acc_word_bytes
    return describe(
        isa.LOAD,
        address=SOURCE,
        run=4 * columns,
        count1=rows,
        stride1=4 * columns,
        local_stride1=pitch,
        target=Target.ACCUMULATOR,
        signal_store=1,
    )


def values(bench: Bench, rows: int, columns: int) -> reference.Int32:
    """Random int32 with the edge cases in front, placed at SOURCE."""
    array = bench.random.integers(-(2**31), 2**31, (rows, columns)).astype(np.int32)
    array.flat[: EDGES.size] = EDGES
    bench.place(SOURCE, array)
    return array


@test
async def one_scale_for_all_equals_rescale(dut: Any) -> None:
    bench = await Bench.start(dut, seed=41)
    rows, columns = 5, 2 * CONFIG.cols + 3
    source = values(bench, rows, columns)
    for multiplier, shift, double_round, zero_point, low, high in (
        (1 << 30, 31, 0, 0, -128, 127),
        (1 << 30, 36, 1, -5, -128, 127),
        (1234567890, 52, 1, 17, -100, 90),
        (-1987654321, 50, 0, -128, -128, 127),
        (3, 2, 0, 0, -128, 127),
        (2**31 - 1, 62, 1, 0, -128, 127),
    ):
        store = describe(
            isa.STORE,
            address=TARGET + 5,
            n=columns,
            count1=rows,
            stride1=columns,
            output=Output.INT8,
            multiplier=multiplier,
            shift=shift,
            double_round=double_round,
            zero_point=zero_point,
            clamp_min=low,
            clamp_max=high,
            wait_load=1,
        )
        await bench.run([accumulate(rows, columns), store])
        expected = reference.requantise(source, np.array(multiplier), np.array(shift), zero_point, low, high, bool(double_round))
        assert (bench.read(TARGET + 5, np.int8, (rows, columns)) == expected).all(), (multiplier, shift)


@test
async def each_channel_may_have_its_own_scale(dut: Any) -> None:
    bench = await Bench.start(dut, seed=42)
    rows, columns, first = 4, 3 * CONFIG.cols - 1, 2
    source = values(bench, rows, columns)
    multipliers = bench.random.integers(1 << 28, 1 << 31, columns)
    shifts = bench.random.integers(30, 60, columns)
    for channel in range(columns):
        bench.place(OTHER + PARAMETER_BYTES * channel, np.array([multipliers[channel]], np.int32))
        bench.place(OTHER + PARAMETER_BYTES * channel + 4, np.array([shifts[channel]], np.uint8))
    load = describe(
        isa.LOAD,
        address=OTHER,
        run=PARAMETER_BYTES * columns,
        local=first * CONFIG.cols * PARAMETER_BYTES,
        target=Target.PARAMETERS,
    )
    store = describe(
        isa.STORE,
        address=TARGET,
        n=columns,
        count1=rows,
        stride1=64,
        output=Output.INT8,
        per_channel=1,
        parameters=first,
        double_round=1,
        zero_point=3,
        clamp_min=-128,
        clamp_max=127,
        wait_load=1,
    )
    await bench.run([load, accumulate(rows, columns), store])
    for row in range(rows):
        expected = reference.requantise(source[row], multipliers, shifts, 3, double_round=True)
        assert (bench.read(TARGET + 64 * row, np.int8, (columns,)) == expected).all(), row


@test
async def three_loops_place_the_rows(dut: Any) -> None:
    bench = await Bench.start(dut, seed=43)
    columns = CONFIG.cols + 1
    values(bench, 12, columns)
    bench.fill(TARGET, 0x1000)
    store = describe(
        isa.STORE,
        address=TARGET + 0x803,
        n=columns,
        count1=2,
        stride1=33,
        count2=3,
        stride2=-200,
        count3=2,
        stride3=777,
        output=Output.INT32,
        wait_load=1,
    )
    await bench.run([accumulate(12, columns), store])


@test
async def adjacent_rows_share_long_bursts(dut: Any) -> None:
    bench = await Bench.start(dut, seed=44)
    rows, columns = 16, 2 * CONFIG.cols
    values(bench, rows, columns)
    bench.monitor.bursts.clear()
    store = describe(isa.STORE, address=TARGET, n=columns, count1=rows, stride1=4 * columns, output=Output.INT32, wait_load=1)
    await bench.run([accumulate(rows, columns), store])
    bursts = [burst for burst in bench.monitor.bursts if burst.channel == "aw" and burst.address >= TARGET]
    assert sum(burst.beats for burst in bursts) == rows * columns * 4 // CONFIG.bus_bytes
    assert len(bursts) < rows, f"{len(bursts)} bursts for {rows} adjacent rows"


@test
async def random_stores_leave_what_the_model_leaves(dut: Any) -> None:
    bench = await Bench.start(dut, seed=45)
    choose = bench.random.integers
    for _ in range(10):
        rows, columns = int(choose(1, 9)), int(choose(1, 4 * CONFIG.cols))
        values(bench, max(rows, EDGES.size), columns)
        output = int(choose(2))
        store = describe(
            isa.STORE,
            address=TARGET + int(choose(0, 64)),
            n=columns,
            count1=rows,
            stride1=(4 * columns if output else columns) + int(choose(0, 40)),
            output=output,
            multiplier=int(choose(-(2**31), 2**31)),
            shift=int(choose(2, 63)),
            double_round=int(choose(2)),
            zero_point=int(choose(-128, 128)),
            clamp_min=int(choose(-128, 0)),
            clamp_max=int(choose(0, 128)),
            wait_load=1,
        )
        await bench.run([accumulate(rows, columns), store])
