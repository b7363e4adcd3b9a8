"""The device under test with what stands around it: clock, reset, a memory, a register master."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiSlave
from numpy.typing import NDArray

from hwacc.config import TINY

CONFIG = TINY
"""What the benches are built for: small, since an interpreter watches every cycle."""
MEMORY_BYTES = 2**20
PERIOD_NS = 10
RESET_CYCLES = 4


class RefusedAccess(Exception):
    """What the memory raises where it answers with an error."""


class Memory:
    """Bytes behind the AXI slave. Addresses in ``refused`` or outside the memory are answered with SLVERR."""

    def __init__(self, size: int) -> None:
        self.bytes: NDArray[np.uint8] = np.zeros(size, np.uint8)
        self.refused = range(0)

    async def read(self, address: int, length: int) -> bytes:
        """What the AXI slave calls for each beat."""
        self._check(address, length)
        return self.bytes[address : address + length].tobytes()

    async def write(self, address: int, data: bytes) -> None:
        """What the AXI slave calls for each run of bytes that strobes enable."""
        self._check(address, len(data))
        self.bytes[address : address + len(data)] = np.frombuffer(data, np.uint8)

    def _check(self, address: int, length: int) -> None:
        touched = range(address, address + length)
        if touched.stop > self.bytes.size or (touched.start < self.refused.stop and self.refused.start < touched.stop):
            raise RefusedAccess(f"{address:#x}")


class Machine:
    """The accelerator between ``memory`` and ``registers``, clocked."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.memory = Memory(MEMORY_BYTES)
        self.slave = AxiSlave(AxiBus.from_prefix(dut, "m_axi_"), dut.clk, dut.rst, target=self.memory)
        self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil_"), dut.clk, dut.rst)

    async def start(self) -> None:
        """Starts the clock and leaves reset."""
        self.dut.rst.value = 1
        Clock(self.dut.clk, PERIOD_NS, "ns").start()
        await ClockCycles(self.dut.clk, RESET_CYCLES)
        self.dut.rst.value = 0
        await ClockCycles(self.dut.clk, RESET_CYCLES)

    def pause_memory(self, *, seed: int, probability: float) -> None:
        """Lets each channel of the memory bus wait in a cycle with ``probability``, from now on."""
        pause(channels(self.slave), seed, probability)

    def pause_channel(self, channel: int, *, seed: int, probability: float) -> None:
        """As :meth:`pause_memory`, for one channel: 0 to 4 for ar, r, aw, w, b."""
        pause([channels(self.slave)[channel]], seed, probability)

    def pause_registers(self, *, seed: int, probability: float) -> None:
        """As :meth:`pause_memory`, for the register bus."""
        pause(channels(self.registers), seed, probability)


def channels(bus: Any) -> list[Any]:
    """The channels ar, r, aw, w, b of a master or slave of cocotbext-axi."""
    read, write = bus.read_if, bus.write_if
    return [read.ar_channel, read.r_channel, write.aw_channel, write.w_channel, write.b_channel]


def pause(paused: list[Any], seed: int, probability: float) -> None:
    """Lets each channel wait in a cycle with ``probability``."""
    for number, channel in enumerate(paused):
        channel.set_pause_generator(pauses(seed * 8 + number, probability))


def pauses(seed: int, probability: float) -> Iterator[bool]:
    """Whether to wait, for each cycle; the same for the same seed."""
    source = random.Random(seed)
    while True:
        yield source.random() < probability
