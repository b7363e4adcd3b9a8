"""Driver, monitor, model and checker around one machine, which is what most tests begin with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cocotb
import numpy as np
from numpy.typing import NDArray

from hwacc import isa
from hwacc.driver.completion import Completion
from tests.cocotb.checker import Checker
from tests.cocotb.driver import RECORD, RING, Driver
from tests.cocotb.machine import CONFIG, Machine
from tests.cocotb.model import Model
from tests.cocotb.monitor import Monitor

SOURCE, OTHER, TARGET = 0x1_0000, 0x2_0000, 0x4_0000
"""Where the tests put their operands and their result."""


CLEAR = isa.describe(isa.LOAD, address=SOURCE, run=CONFIG.acc_bytes, target=isa.Target.ACCUMULATOR, bounded=1)
"""Zeroes the accumulator: a load of which nothing is inside the bounds."""

test = cocotb.test(timeout_time=5, timeout_unit="ms")
"""Marks a test; none may run for longer than this in simulated time."""


class Bench:
    """One accelerator, ready for submissions. Made by :meth:`start`."""

    def __init__(self, dut: Any, seed: int, log2: int) -> None:
        self.random = np.random.default_rng(seed)
        self.machine = Machine(dut)
        self.driver = Driver(self.machine, log2=log2)
        self.monitor = Monitor(dut)
        self.model = Model(CONFIG)
        ring = range(RING, RING + (CONFIG.entry_bytes << log2))
        self.checker = Checker(range(RECORD, RECORD + isa.COMPLETION_BYTES), ring)

    @classmethod
    async def start(cls, dut: Any, *, seed: int = 0, log2: int = 4) -> Bench:
        """A configured device behind a ring of ``2 ** log2`` entries; ``seed`` decides the data."""
        dut._log.warning("seed %d", seed)
        bench = cls(dut, seed, log2)
        await bench.machine.start()
        await bench.driver.configure()
        return bench

    def fill(self, address: int, size: int) -> NDArray[np.uint8]:
        """Random bytes in memory."""
        values = self.random.integers(0, 256, size, dtype=np.uint8)
        self.machine.memory.bytes[address : address + size] = values
        return values

    def place(self, address: int, array: NDArray[Any]) -> None:
        """An array's bytes in memory."""
        data = np.frombuffer(array.tobytes(), np.uint8)
        self.machine.memory.bytes[address : address + data.size] = data

    def read(self, address: int, dtype: Any, shape: Sequence[int]) -> NDArray[Any]:
        """An array from memory."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return np.frombuffer(self.machine.memory.bytes[address : address + size].tobytes(), dtype).reshape(shape)

    async def clear(self) -> None:
        """Zeroes the accumulator, as the model's is at first; a reset leaves the buffers as they are."""
        await self.run([CLEAR])

    async def run(self, descriptors: Sequence[isa.Descriptor | bytes]) -> Completion:
        """One submission, its effect on memory and its verdict checked against the model."""
        expected, outcome = self.model.run(self.machine.memory.bytes, descriptors)
        completion = await self.driver.run(descriptors)
        self.checker.memory(self.machine.memory.bytes, expected)
        self.checker.completion(completion, outcome)
        return completion
