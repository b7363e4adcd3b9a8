"""Register handles, and the registers of devices in software."""

from __future__ import annotations

import pytest

from hwacc import csr
from hwacc.config import TINY
from hwacc.driver.device import Device
from hwacc.driver.transports.register_file import RegisterFile
from hwacc.errors import DeviceError
from tests.driver.conftest import OpenDevice


def test_handles_have_every_name_of_the_register_map() -> None:
    assert list(Device.open("model", TINY).registers) == [register.name for register in csr.REGISTERS]


def test_a_constant_cannot_be_written_through_its_handle() -> None:
    with pytest.raises(DeviceError, match="register ARRAY is constant; it cannot be written"):
        Device.open("model", TINY).registers["ARRAY"].write(3)


def test_unknown_names_list_the_known_ones() -> None:
    registers = Device.open("model", TINY).registers
    with pytest.raises(DeviceError, match="no register 'TAIL'; there are ID, ISA_VERSION,"):
        registers["TAIL"]
    with pytest.raises(DeviceError, match="register ARRAY has no field 'columns'; it has rows, cols"):
        registers["ARRAY"].field("columns")


def test_a_value_that_does_not_fit_is_refused() -> None:
    registers = Device.open("model", TINY).registers
    with pytest.raises(DeviceError, match=r"RING_LOG2\.value must fit in 5 unsigned bits, not 32"):
        registers["RING_LOG2"].write_field("value", 32)
    with pytest.raises(DeviceError, match="register TIME_LIMIT must fit in 32 unsigned bits, not -1"):
        registers["TIME_LIMIT"].write(-1)


@pytest.mark.parametrize("name", [r.name for r in csr.REGISTERS if r.access is csr.Access.READ_WRITE and r.name != "RING_TAIL"])
def test_read_write_registers_keep_the_bits_of_their_fields(open_device: OpenDevice, name: str) -> None:
    device = open_device()
    device.registers[name].write(0xA5A5_5A5B)
    implemented = sum(((1 << bits.width) - 1) << bits.low for bits in csr.BY_NAME[name].fields)
    assert device.registers[name].read() == 0xA5A5_5A5B & implemented


@pytest.mark.parametrize("name", [r.name for r in csr.REGISTERS if r.access in (csr.Access.CONSTANT, csr.Access.READ)])
def test_bus_writes_to_other_registers_change_nothing(open_device: OpenDevice, name: str) -> None:
    device = open_device()
    before = device.registers[name].read()
    device.transport.csr_write(name, ~before & 0xFFFFFFFF)
    assert device.registers[name].read() == before


def test_written_ones_clear_and_pulses_read_zero() -> None:
    pulses: list[tuple[str, int]] = []
    registers = RegisterFile({}, on_pulse=lambda name, value: pulses.append((name, value)))
    registers["IRQ_STATUS"] = 1
    registers.write("IRQ_STATUS", 0)
    assert registers.read("IRQ_STATUS") == 1
    registers.write("IRQ_STATUS", 1)
    assert registers.read("IRQ_STATUS") == 0
    registers.write("CONTROL", 1)
    assert pulses == [("CONTROL", 1)] and registers.read("CONTROL") == 0
