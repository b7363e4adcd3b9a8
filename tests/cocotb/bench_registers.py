"""The register port: every kind of register in the table."""

from __future__ import annotations

from typing import Any

from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiResp

from hwacc import csr
from hwacc.csr import Access
from tests.cocotb.bench import Bench, test
from tests.cocotb.machine import CONFIG, Machine

DOORBELL = "RING_TAIL"


def of(*kinds: Access) -> list[csr.Register]:
    """The registers of these kinds, save the doorbell, which starts the device."""
    return [register for register in csr.REGISTERS if register.access in kinds and register.name != DOORBELL]


def implemented(register: csr.Register) -> int:
    """The bits that belong to a field."""
    return sum(((1 << bits.width) - 1) << bits.low for bits in register.fields)


async def fresh(dut: Any) -> Machine:
    """A machine that nobody has configured."""
    machine = Machine(dut)
    await machine.start()
    return machine


@test
async def constants_publish_the_configuration(dut: Any) -> None:
    machine = await fresh(dut)
    for name, value in csr.constants(CONFIG).items():
        assert await machine.registers.read_dword(csr.BY_NAME[name].offset) == value, name


@test
async def registers_hold_their_reset_value(dut: Any) -> None:
    machine = await fresh(dut)
    await ClockCycles(dut.clk, 64)  # the array's pipeline runs empty after reset, which counts as busy
    for register in of(Access.READ, Access.READ_WRITE, Access.CLEAR, Access.PULSE):
        assert await machine.registers.read_dword(register.offset) == register.reset, register.name


@test
async def a_written_register_keeps_its_fields_and_no_other_bit(dut: Any) -> None:
    machine = await fresh(dut)
    machine.pause_registers(seed=11, probability=0.6)
    for pattern in (0xFFFFFFFF, 0xA5C3_1E87, 0):
        for register in of(Access.READ_WRITE):
            await machine.registers.write_dword(register.offset, pattern ^ register.offset)
        for register in of(Access.READ_WRITE):
            found = await machine.registers.read_dword(register.offset)
            assert found == (pattern ^ register.offset) & implemented(register), f"{register.name} {found:#010x}"


@test
async def byte_strobes_choose_what_is_written(dut: Any) -> None:
    machine = await fresh(dut)
    offset = csr.BY_NAME["TIME_LIMIT"].offset
    await machine.registers.write_dword(offset, 0x11223344)
    await machine.registers.write(offset + 1, b"\xaa\xbb")
    assert await machine.registers.read_dword(offset) == 0x11BBAA44


@test
async def writes_to_constants_and_states_do_nothing(dut: Any) -> None:
    machine = await fresh(dut)
    for register in of(Access.CONSTANT, Access.READ):
        before = await machine.registers.read_dword(register.offset)
        await machine.registers.write_dword(register.offset, ~before & 0xFFFFFFFF)
        assert await machine.registers.read_dword(register.offset) == before, register.name


@test
async def an_address_without_a_register_answers_an_error(dut: Any) -> None:
    machine = await fresh(dut)
    for offset in range(csr.REGISTERS[-1].offset + 4, 1 << csr.ADDRESS_BITS, 4):
        assert (await machine.registers.read(offset, 4)).resp == AxiResp.SLVERR, f"{offset:#x}"
        assert (await machine.registers.write(offset, bytes(4))).resp == AxiResp.SLVERR, f"{offset:#x}"


@test
async def a_completion_sets_the_event_and_only_a_one_clears_it(dut: Any) -> None:
    bench = await Bench.start(dut)
    driver = bench.driver
    await driver.write("IRQ_ENABLE", 0)
    driver.put([driver.end()])
    await driver.ring()
    while not await driver.read("IRQ_STATUS"):
        pass
    assert not int(dut.irq.value), "the interrupt is not enabled"
    await driver.write("IRQ_ENABLE", 1)
    assert int(dut.irq.value)
    await driver.write("IRQ_STATUS", 0)
    assert await driver.read("IRQ_STATUS") == 1
    assert int(dut.irq.value)
    await driver.write("IRQ_STATUS", 1)
    assert await driver.read("IRQ_STATUS") == 0
    assert not int(dut.irq.value)
