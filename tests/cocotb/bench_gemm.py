"""Whole products, small ones of every awkward size, held against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwacc import reference
from hwacc.isa import Output
from tests.cocotb.bench import OTHER, SOURCE, TARGET, Bench, test
from tests.cocotb.machine import CONFIG
from tests.cocotb.streams import gemm

DIM = max(CONFIG.rows, CONFIG.cols)


async def multiply(bench: Bench, m: int, n: int, k: int, **store: int) -> tuple[reference.Int8, reference.Int8]:
    """Random A and B [m, k] and [k, n]; their product goes to TARGET."""
    a = bench.random.integers(-128, 128, (m, k)).astype(np.int8)
    b = bench.random.integers(-128, 128, (k, n)).astype(np.int8)
    bench.place(SOURCE, a)
    bench.place(OTHER, b)
    await bench.run(gemm(SOURCE, OTHER, TARGET, m, n, k, **store))
    return a, b


@test
async def every_size_around_the_array_gives_the_reference(dut: Any) -> None:
    bench = await Bench.start(dut, seed=51)
    for m in (1, DIM - 1, DIM, DIM + 1):
        for n in (1, DIM, 2 * DIM + 1):
            for k in (1, 2, DIM + 1):
                a, b = await multiply(bench, m, n, k)
                assert (bench.read(TARGET, np.int32, (m, n)) == reference.gemm(a, b)).all(), (m, n, k)


@test
async def random_sizes_give_the_reference_in_int8(dut: Any) -> None:
    bench = await Bench.start(dut, seed=52)
    for _ in range(6):
        m, n, k = (int(size) for size in bench.random.integers(1, 6 * DIM, 3))
        scale = {"multiplier": 1_518_500_250, "shift": 38, "double_round": 1, "zero_point": -3, "clamp_min": -128, "clamp_max": 127}
        a, b = await multiply(bench, m, n, k, output=Output.INT8, **scale)
        expected = reference.requantise(reference.gemm(a, b), np.array(scale["multiplier"]), np.array(38), -3, double_round=True)
        assert (bench.read(TARGET, np.int8, (m, n)) == expected).all(), (m, n, k)


@test
async def the_counters_add_up(dut: Any) -> None:
    bench = await Bench.start(dut, seed=53)
    m, n, k = 3 * CONFIG.rows, 2 * CONFIG.cols, 40
    bench.fill(SOURCE, m * k)
    bench.fill(OTHER, k * n)
    beats = dict(bench.monitor.beats)
    completion = await bench.run(gemm(SOURCE, OTHER, TARGET, m, n, k))
    assert completion.array_busy >= m * n * k // CONFIG.macs_per_cycle
    assert completion.bytes_written == 4 * m * n
    descriptors = 5 * CONFIG.entry_bytes
    assert completion.bytes_read == (bench.monitor.beats["r"] - beats["r"]) * CONFIG.bus_bytes - descriptors
    assert sum(completion.account.values()) == completion.cycles
