"""The descriptor ring, the doorbell, completion records and the interrupt."""

from __future__ import annotations

from typing import Any

import numpy as np
from cocotb.triggers import ClockCycles

from hwacc import isa
from tests.cocotb.bench import SOURCE, TARGET, Bench, test
from tests.cocotb.driver import RECORD
from tests.cocotb.machine import CONFIG
from tests.cocotb.streams import through_accumulator

ELEMENTS = 13


@test
async def an_end_alone_completes(dut: Any) -> None:
    bench = await Bench.start(dut)
    completion = await bench.run([])
    assert completion.status is isa.Status.OK
    assert await bench.driver.read("SUBMISSIONS") == 1
    assert await bench.driver.read("LAST_STATUS") == isa.Status.OK


@test
async def the_ring_wraps(dut: Any) -> None:
    bench = await Bench.start(dut, seed=2, log2=2)
    for number in range(7):
        bench.fill(SOURCE, ELEMENTS * 4)
        await bench.run(through_accumulator(SOURCE, TARGET + 64 * number + number, ELEMENTS, acc=number, config=CONFIG))
        assert await bench.driver.read("RING_HEAD") == bench.driver.tail == 3 * (number + 1)
    assert await bench.driver.read("SUBMISSIONS") == 7


@test
async def a_long_descriptor_wraps_around_the_end_of_the_ring_and_comes_with_its_second_doorbell(dut: Any) -> None:
    bench = await Bench.start(dut, seed=8, log2=2)
    driver, config = bench.driver, CONFIG
    await bench.run([])
    for number in range(5):
        load, store = through_accumulator(SOURCE, TARGET + 64 * number, config.cols, config=config)
        values = bench.fill(SOURCE, 2 * config.acc_word_bytes)
        long = load.replace(count2=2, stride2=load["run"], local_stride2=load["run"])
        assert long.size == isa.LONG_BYTES
        before = driver.tail
        driver.put([long, store])
        await driver.ring(before + 1)
        await ClockCycles(dut.clk, 60)
        assert await driver.read("RING_HEAD") == before, "half of a descriptor was taken"
        await driver.ring()
        await ClockCycles(dut.clk, 100)
        driver.put([driver.end()])
        await driver.ring()
        await driver.wait()
        assert driver.record().status is isa.Status.OK
        assert await driver.read("RING_HEAD") == driver.tail == before + 4
        assert (bench.read(TARGET + 64 * number, np.uint8, (config.acc_word_bytes,)) == values[: config.acc_word_bytes]).all()


@test
async def a_doorbell_in_pieces_feeds_one_submission(dut: Any) -> None:
    bench = await Bench.start(dut, seed=3)
    driver = bench.driver
    descriptors = through_accumulator(SOURCE, TARGET, ELEMENTS, config=CONFIG)
    values = bench.fill(SOURCE, ELEMENTS * 4)
    driver.put([*descriptors, driver.end()])
    for tail in range(1, 4):
        assert not int(dut.irq.value)
        await driver.ring(tail)
        await ClockCycles(dut.clk, 150)
    await driver.wait()
    assert driver.record().status is isa.Status.OK
    assert (bench.read(TARGET, values.dtype, values.shape) == values).all()


@test
async def one_doorbell_may_announce_several_submissions(dut: Any) -> None:
    bench = await Bench.start(dut, seed=4)
    driver, records = bench.driver, [RECORD, RECORD + 0x40, RECORD + 0x80]
    values = bench.fill(SOURCE, ELEMENTS * 4)
    for number, record in enumerate(records):
        driver.put([*through_accumulator(SOURCE, TARGET + 0x100 * number, ELEMENTS, config=CONFIG), driver.end(record)])
    await driver.ring()
    while await driver.read("SUBMISSIONS") < len(records):
        pass
    await driver.wait()
    for number, record in enumerate(records):
        assert driver.record(record).tag == number + 1
        assert (bench.read(TARGET + 0x100 * number, values.dtype, values.shape) == values).all()


@test
async def submissions_during_a_submission_wait_their_turn(dut: Any) -> None:
    bench = await Bench.start(dut, seed=5)
    driver = bench.driver
    values = bench.fill(SOURCE, 4 * ELEMENTS)
    driver.put([*through_accumulator(SOURCE, TARGET, ELEMENTS, config=CONFIG), driver.end()])
    await driver.ring()
    driver.put([*through_accumulator(TARGET, TARGET + 0x1000, ELEMENTS, config=CONFIG), driver.end(RECORD + 0x40)])
    await driver.ring()
    while await driver.read("SUBMISSIONS") < 2:
        pass
    await driver.wait()
    assert (bench.read(TARGET + 0x1000, values.dtype, values.shape) == values).all()


@test
async def the_status_is_busy_from_doorbell_to_completion(dut: Any) -> None:
    bench = await Bench.start(dut, seed=6)
    driver = bench.driver
    await ClockCycles(dut.clk, 64)
    assert await driver.read("STATUS") == 0
    driver.put(through_accumulator(SOURCE, TARGET, ELEMENTS, config=CONFIG))
    await driver.ring()
    await ClockCycles(dut.clk, 500)
    assert await driver.read("STATUS") == 1, "the submission has no END yet"
    driver.put([driver.end()])
    await driver.ring()
    await driver.wait()
    await ClockCycles(dut.clk, 64)
    assert await driver.read("STATUS") == 0


@test
async def a_reset_forgets_the_ring_and_serves_the_next_submission(dut: Any) -> None:
    bench = await Bench.start(dut, seed=7)
    driver = bench.driver
    bench.fill(SOURCE, 4 * ELEMENTS)
    driver.put(through_accumulator(SOURCE, TARGET, ELEMENTS, config=CONFIG))
    await driver.ring()
    await ClockCycles(dut.clk, 60)
    await driver.write("CONTROL", 1)
    await ClockCycles(dut.clk, 500)
    assert await driver.read("STATUS") == 0
    assert await driver.read("CONTROL") == 0
    driver.tail = await driver.read("RING_HEAD")
    assert await driver.read("RING_TAIL") == driver.tail
    await bench.run(through_accumulator(SOURCE, TARGET + 0x2000, ELEMENTS, config=CONFIG))
