"""The machine behind a memory and a host that make it wait at random."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwacc import reference
from hwacc.isa import Output
from tests.cocotb.bench import OTHER, SOURCE, TARGET, Bench, test
from tests.cocotb.machine import CONFIG
from tests.cocotb.streams import gemm, through_accumulator


async def a_product(bench: Bench, output: Output) -> None:
    """One product of awkward size, checked."""
    m, n, k = 2 * CONFIG.rows + 1, CONFIG.cols + 2, 21
    a = bench.random.integers(-128, 128, (m, k)).astype(np.int8)
    b = bench.random.integers(-128, 128, (k, n)).astype(np.int8)
    bench.place(SOURCE + 3, a)
    bench.place(OTHER + 9, b)
    scale = {"multiplier": 1 << 30, "shift": 36, "clamp_min": -128, "clamp_max": 127} if output == Output.INT8 else {}
    await bench.run(gemm(SOURCE + 3, OTHER + 9, TARGET + 7, m, n, k, output=output, **scale))
    expected = reference.gemm(a, b)
    if output == Output.INT8:
        found = bench.read(TARGET + 7, np.int8, (m, n))
        assert (found == reference.requantise(expected, np.array(1 << 30), np.array(36))).all()
    else:
        assert (bench.read(TARGET + 7, np.int32, (m, n)) == expected).all()


@test
async def a_memory_that_seldom_waits(dut: Any) -> None:
    bench = await Bench.start(dut, seed=61)
    bench.machine.pause_memory(seed=1, probability=0.2)
    for output in (Output.INT32, Output.INT8, Output.INT32):
        await a_product(bench, output)


@test
async def a_memory_that_mostly_waits(dut: Any) -> None:
    bench = await Bench.start(dut, seed=62)
    bench.machine.pause_memory(seed=2, probability=0.85)
    bench.machine.pause_registers(seed=3, probability=0.5)
    for output in (Output.INT8, Output.INT32):
        await a_product(bench, output)


@test
async def one_slow_channel_at_a_time(dut: Any) -> None:
    bench = await Bench.start(dut, seed=63)
    for channel in range(5):
        bench.machine.pause_memory(seed=4, probability=0)
        bench.machine.pause_channel(channel, seed=channel, probability=0.9)
        bench.fill(SOURCE, 0x200)
        await bench.run(through_accumulator(SOURCE + 5, TARGET + channel, 70, config=CONFIG))
