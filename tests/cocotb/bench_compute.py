"""The COMPUTE engine: layouts of the operands, edges of the array, addends."""

from __future__ import annotations

from typing import Any

import numpy as np

from hwacc import isa, reference
from hwacc.isa import Addend, Output, Target, describe
from tests.cocotb.bench import OTHER, SOURCE, TARGET, Bench, test
from tests.cocotb.machine import CONFIG
from tests.cocotb.streams import GAP, compute, gemm, load_panel

BIAS = 0x3_0000


def operands(bench: Bench, m: int, n: int, k: int, west_k: int, north_k: int) -> tuple[reference.Int8, reference.Int8]:
    """Random A [m, k] and B [k, n], placed in the layouts asked for."""
    a = bench.random.integers(-128, 128, (m, k)).astype(np.int8)
    b = bench.random.integers(-128, 128, (k, n)).astype(np.int8)
    bench.place(SOURCE, a if west_k else a.T)
    bench.place(OTHER, b.T if north_k else b)
    return a, b


@test
async def both_operands_either_way_round(dut: Any) -> None:
    bench = await Bench.start(dut, seed=31)
    m, n, k = CONFIG.rows + 3, 2 * CONFIG.cols + 1, 19
    for west_k, north_k in ((1, 0), (1, 1), (0, 0), (0, 1)):
        a, b = operands(bench, m, n, k, west_k, north_k)
        await bench.run(gemm(SOURCE, OTHER, TARGET, m, n, k, west_k=west_k, north_k=north_k))
        assert (bench.read(TARGET, np.int32, (m, n)) == reference.gemm(a, b)).all(), (west_k, north_k)


@test
async def extreme_operands_do_not_overflow(dut: Any) -> None:
    bench = await Bench.start(dut)
    m, n, k = CONFIG.rows, CONFIG.cols, 300
    bench.place(SOURCE, np.full((m, k), -128, np.int8))
    bench.place(OTHER, np.full((k, n), -128, np.int8))
    await bench.run(gemm(SOURCE, OTHER, TARGET, m, n, k))
    assert (bench.read(TARGET, np.int32, (m, n)) == 128 * 128 * k).all()


@test
async def the_accumulator_carries_a_reduction_in_pieces(dut: Any) -> None:
    bench = await Bench.start(dut, seed=32)
    m, n, k = 6, 7, 11
    bias = bench.random.integers(-(2**31), 2**31, n).astype(np.int32)
    bench.place(BIAS, bias)
    pieces = [operands(bench, m, n, k, 1, 0) for _ in range(3)]
    for number, (a, b) in enumerate(pieces):
        bench.place(SOURCE + 0x400 * number, a)
        bench.place(OTHER + 0x400 * number, b)
    word = CONFIG.acc_words - 2
    load_bias = describe(isa.LOAD, address=BIAS, run=4 * n, target=Target.ACCUMULATOR, local=word * CONFIG.acc_word_bytes)
    descriptors = [load_bias]
    for number in range(3):
        addend = Addend.BIAS if number == 0 else Addend.ACCUMULATE
        descriptors += [
            load_panel(SOURCE + 0x400 * number, m, k, Target.WEST, wait_compute=int(number > 0)),
            load_panel(OTHER + 0x400 * number, k, n, Target.NORTH, signal_compute=1),
            compute(
                m,
                n,
                k,
                addend=addend,
                bias=word,
                wait_load=1,
                signal_load=int(number < 2),
                signal_store=int(number == 2),
            ),
        ]
    descriptors.append(describe(isa.STORE, address=TARGET, n=n, count1=m, stride1=4 * n, output=Output.INT32, wait_compute=1))
    await bench.run(descriptors)
    total = bias.astype(np.int64)
    for a, b in pieces:
        total = total + a.astype(np.int64) @ b.astype(np.int64)
    assert (bench.read(TARGET, np.int32, (m, n)) == reference.wrap32(np.asarray(total, np.int64))).all()


@test
async def a_panel_anywhere_in_the_buffers_gives_the_same(dut: Any) -> None:
    bench = await Bench.start(dut, seed=33)
    m, n, k = 5, 6, 9
    a, b = operands(bench, m, n, k, 1, 1)
    west, north, acc = CONFIG.operand_bytes - m * (k + GAP) + GAP, CONFIG.operand_bytes // 2 + 5, 100
    await bench.run(
        [
            load_panel(SOURCE, m, k, Target.WEST, local=west),
            load_panel(OTHER, n, k, Target.NORTH, local=north, signal_compute=1),
            compute(m, n, k, north_k=1, west=west, north=north, acc=acc, wait_load=1, signal_store=1),
            describe(isa.STORE, address=TARGET, n=n, acc=acc, count1=m, stride1=4 * n, output=Output.INT32, wait_compute=1),
        ]
    )
    assert (bench.read(TARGET, np.int32, (m, n)) == reference.gemm(a, b)).all()
