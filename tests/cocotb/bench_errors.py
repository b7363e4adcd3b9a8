"""What is wrong ends a submission with its status, and the device serves the next one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwacc import isa
from hwacc.isa import Engine, Output, Status, Target, describe
from tests.cocotb.bench import SOURCE, TARGET, Bench, test
from tests.cocotb.driver import RECORD, RING
from tests.cocotb.machine import CONFIG
from tests.cocotb.streams import through_accumulator

REFUSED = range(0x6_0000, 0x6_1000)
ELEMENTS = 24


async def expect(bench: Bench, descriptors: Sequence[isa.Descriptor | bytes], status: Status, engine: Engine, descriptor: int) -> None:
    """Runs what is wrong, then something right."""
    completion = await bench.driver.run(descriptors)
    found = (completion.status, completion.engine, completion.descriptor)
    assert found == (status, engine, descriptor), found
    assert sum(completion.account.values()) == completion.cycles, completion
    assert await bench.driver.read("LAST_STATUS") == status
    await serves(bench)


async def serves(bench: Bench) -> None:
    """One right submission, checked."""
    values = bench.fill(SOURCE, 4 * ELEMENTS)
    completion = await bench.driver.run(through_accumulator(SOURCE, TARGET, ELEMENTS, config=CONFIG))
    assert completion.status is Status.OK
    assert (bench.read(TARGET, values.dtype, values.shape) == values).all()


def copy(source: int, target: int) -> list[isa.Descriptor | bytes]:
    """A copy of ELEMENTS, behind a harmless descriptor."""
    harmless = describe(isa.LOAD, address=SOURCE, run=1, target=Target.WEST)
    return [harmless, *through_accumulator(source, target, ELEMENTS, config=CONFIG)]


@test
async def a_read_that_memory_refuses(dut: Any) -> None:
    bench = await Bench.start(dut, seed=71)
    bench.machine.memory.refused = REFUSED
    await expect(bench, copy(REFUSED.start + 8, TARGET), Status.READ_ERROR, Engine.LOAD, 1)
    await expect(bench, copy(REFUSED.start - 16, TARGET), Status.READ_ERROR, Engine.LOAD, 1)
    await expect(bench, copy(0xFFFF_0000, TARGET), Status.READ_ERROR, Engine.LOAD, 1)


@test
async def the_first_run_with_a_fault_says_which(dut: Any) -> None:
    bench = await Bench.start(dut, seed=80)
    bench.machine.memory.refused = REFUSED
    runs = describe(isa.LOAD, address=REFUSED.start - 16, run=16, count1=3, stride1=16, local_stride1=16)
    for outside, status in ((1, Status.BAD_LOCAL_ADDRESS), (2, Status.READ_ERROR)):
        await expect(bench, [runs.replace(local=CONFIG.operand_bytes - 16 * outside)], status, Engine.LOAD, 0)


@test
async def a_write_that_memory_refuses(dut: Any) -> None:
    bench = await Bench.start(dut, seed=72)
    bench.machine.memory.refused = REFUSED
    await expect(bench, copy(SOURCE, REFUSED.start + 8), Status.WRITE_ERROR, Engine.STORE, 2)
    await expect(bench, copy(SOURCE, REFUSED.stop - 4), Status.WRITE_ERROR, Engine.STORE, 2)


@test
async def an_opcode_that_nobody_knows(dut: Any) -> None:
    bench = await Bench.start(dut, seed=73)
    for opcode in (0x00, 0x04, 0x0E, 0xFF):
        await expect(bench, [*copy(SOURCE, TARGET), bytes([opcode]) + bytes(isa.SHORT_BYTES - 1)], Status.BAD_OPCODE, Engine.CONTROL, 3)


@test
async def an_address_beyond_its_buffer(dut: Any) -> None:
    bench = await Bench.start(dut, seed=74)
    sizes = {Target.WEST: CONFIG.operand_bytes, Target.NORTH: CONFIG.operand_bytes}
    sizes |= {Target.ACCUMULATOR: CONFIG.acc_bytes, Target.PARAMETERS: CONFIG.parameter_buffer_bytes}
    for target, size in sizes.items():
        beyond = describe(isa.LOAD, address=SOURCE, run=17, local=size - 16, target=target)
        await expect(bench, [beyond], Status.BAD_LOCAL_ADDRESS, Engine.LOAD, 0)
    beyond = describe(isa.COMPUTE, m=2, n=1, k=1, acc=CONFIG.acc_words - 1, west_stride=1, north_stride=1)
    await expect(bench, [beyond], Status.BAD_LOCAL_ADDRESS, Engine.COMPUTE, 0)
    beyond = describe(isa.STORE, address=TARGET, n=CONFIG.cols + 1, acc=CONFIG.acc_words - 1, output=Output.INT32)
    await expect(bench, [beyond], Status.BAD_LOCAL_ADDRESS, Engine.STORE, 0)


@test
async def a_field_outside_its_range(dut: Any) -> None:
    bench = await Bench.start(dut, seed=75)
    await expect(bench, [describe(isa.COMPUTE, m=1, n=1, k=1, addend=3)], Status.BAD_FIELD, Engine.COMPUTE, 0)
    await expect(bench, [describe(isa.COMPUTE, m=1, n=1, k=0)], Status.BAD_FIELD, Engine.COMPUTE, 0)
    await expect(bench, [describe(isa.LOAD, address=SOURCE, run=0)], Status.BAD_FIELD, Engine.LOAD, 0)
    await expect(bench, [describe(isa.STORE, address=TARGET, n=1, shift=1)], Status.BAD_FIELD, Engine.STORE, 0)


@test
async def a_token_that_never_comes(dut: Any) -> None:
    bench = await Bench.start(dut, seed=76)
    waits = describe(isa.STORE, address=TARGET, n=1, output=Output.INT32, wait_compute=1)
    await expect(bench, [*copy(SOURCE, TARGET), waits], Status.DEADLOCK, Engine.STORE, 3)
    circle = [
        describe(isa.LOAD, address=SOURCE, run=1, wait_store=1, signal_store=1),
        describe(isa.STORE, address=TARGET, n=1, output=Output.INT32, wait_load=1, signal_load=1),
    ]
    await expect(bench, circle, Status.DEADLOCK, Engine.LOAD, 0)


@test
async def a_submission_that_takes_too_long(dut: Any) -> None:
    bench = await Bench.start(dut, seed=77)
    await bench.driver.write("TIME_LIMIT", 300)
    completion = await bench.driver.run([describe(isa.LOAD, address=SOURCE, run=2000, count1=4, target=Target.WEST)])
    assert completion.status is Status.TIME_LIMIT
    await serves(bench)


@test
async def a_descriptor_that_cannot_be_read(dut: Any) -> None:
    bench = await Bench.start(dut, seed=78)
    driver = bench.driver
    driver.put([*copy(SOURCE, TARGET), driver.end()])
    bench.machine.memory.refused = range(RING + CONFIG.entry_bytes * (driver.tail - 3), RING + CONFIG.entry_bytes * driver.tail)
    await driver.ring()
    await driver.wait()
    assert await driver.read("LAST_STATUS") == Status.READ_ERROR
    assert await driver.read("RING_HEAD") == driver.tail
    bench.machine.memory.refused = range(0)
    await serves(bench)


@test
async def a_record_that_cannot_be_written(dut: Any) -> None:
    bench = await Bench.start(dut, seed=79)
    driver = bench.driver
    driver.put([*copy(SOURCE, TARGET), driver.end()])
    bench.machine.memory.refused = range(RECORD, RECORD + 64)
    await driver.ring()
    await driver.wait()
    assert await driver.read("LAST_STATUS") == Status.WRITE_ERROR
    bench.machine.memory.refused = range(0)
    await serves(bench)
