"""What a host does: registers by name, the ring, the doorbell, the interrupt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout

from hwacc import csr, isa
from hwacc.driver.completion import Completion
from tests.cocotb.machine import CONFIG, PERIOD_NS, Machine

RING = 0x8000
RECORD = 0x7000
COMPLETION = csr.BY_NAME["IRQ_STATUS"].field("completion")
WAIT_CYCLES = 50_000


class Driver:
    """Submits descriptors through a ring of ``2 ** log2`` entries and waits for their ends."""

    def __init__(self, machine: Machine, *, log2: int = 4) -> None:
        self.machine = machine
        self.log2 = log2
        self.tail = 0
        self.tag = 0

    async def read(self, name: str) -> int:
        """A register's value."""
        return int(await self.machine.registers.read_dword(csr.BY_NAME[name].offset))

    async def write(self, name: str, value: int) -> None:
        """Writes a register."""
        await self.machine.registers.write_dword(csr.BY_NAME[name].offset, value)

    async def configure(self) -> None:
        """Tells the device where the ring is and lets completions interrupt."""
        await self.write("RING_BASE_LO", RING)
        await self.write("RING_BASE_HI", 0)
        await self.write("RING_LOG2", self.log2)
        await self.write("IRQ_ENABLE", 1 << COMPLETION.low)

    def put(self, descriptors: Sequence[isa.Descriptor | bytes]) -> None:
        """Writes descriptors into the ring, without a doorbell."""
        for item in descriptors:
            data = CONFIG.in_ring(item if isinstance(item, bytes) else item.encode())
            for entry in np.frombuffer(data, np.uint8).reshape(-1, CONFIG.entry_bytes):
                start = RING + self.tail % (1 << self.log2) * CONFIG.entry_bytes
                self.machine.memory.bytes[start : start + CONFIG.entry_bytes] = entry
                self.tail = (self.tail + 1) % 2**16

    async def ring(self, tail: int | None = None) -> None:
        """The doorbell, for all that is in the ring or up to ``tail``."""
        await self.write("RING_TAIL", self.tail if tail is None else tail)

    def end(self, address: int = RECORD) -> isa.Descriptor:
        """The END of a new submission; clears its record."""
        self.tag += 1
        self.machine.memory.bytes[address : address + isa.COMPLETION_BYTES] = 0
        return isa.describe(isa.END, address=address, tag=self.tag)

    async def wait(self) -> None:
        """Waits for the interrupt, with a limit, and clears it."""
        dut = self.machine.dut
        if not int(dut.irq.value):
            await with_timeout(RisingEdge(dut.irq), WAIT_CYCLES * PERIOD_NS, "ns")
        await self.write("IRQ_STATUS", 1 << COMPLETION.low)
        await ClockCycles(dut.clk, 1)

    def record(self, address: int = RECORD) -> Completion:
        """The completion record; fails where there is none."""
        found = Completion.from_bytes(self.machine.memory.bytes[address : address + isa.COMPLETION_BYTES].tobytes())
        assert found is not None, "the device raised the interrupt without a completion record"
        return found

    async def run(self, descriptors: Sequence[isa.Descriptor | bytes]) -> Completion:
        """One whole submission: descriptors and END into the ring, doorbell, interrupt, record."""
        self.put([*descriptors, self.end()])
        await self.ring()
        await self.wait()
        completion = self.record()
        assert completion.tag == self.tag
        return completion
