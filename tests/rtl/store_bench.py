"""Runs STORE descriptors on the engine alone, and says what they mean in NumPy."""

from __future__ import annotations

import itertools
import random
from collections import deque
from typing import Any

import numpy as np
from amaranth.sim import Simulator
from numpy.typing import NDArray

from hwacc import isa, reference
from hwacc.config import ArrayConfig
from hwacc.rtl.buffer import SHIFT_BITS
from hwacc.rtl.interfaces import ACC_READ_LATENCY
from hwacc.rtl.store import StoreEngine

from .write_memory import WriteMemory

MEMORY_BYTES = 1 << 16


def describe(**values: Any) -> isa.Descriptor:
    """A STORE descriptor, see :func:`hwacc.isa.describe`."""
    return isa.describe(isa.STORE, **values)


def random_state(config: ArrayConfig, seed: int) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Accumulator [words, cols] int32, and for each channel a multiplier and a shift [channels]."""
    rng = np.random.default_rng(seed)
    acc = rng.integers(-(2**31), 2**31, (config.acc_words, config.cols)).astype(np.int32)
    acc >>= rng.integers(0, 30, acc.shape).astype(np.int32)
    return acc, rng.integers(-(2**31), 2**31, config.channels), rng.integers(2, 63, config.channels)


def store(config: ArrayConfig, job: isa.Descriptor, state: Any, memory: bytearray) -> None:
    """What ``job`` does to ``memory``: one row after the other."""
    acc, multipliers, shifts = state
    tiles = -(-job["n"] // config.cols)
    stride = job["acc_stride"] or tiles
    loops = itertools.product(*(range(job[f"count{dim}"]) for dim in (3, 2, 1)))
    for row, (k, j, i) in enumerate(loops):
        start = job["acc"] + row * stride
        values = acc[start : start + tiles].reshape(-1)[: job["n"]]
        data = values.tobytes() if job["output"] == isa.Output.INT32 else requantised(config, job, values, multipliers, shifts)
        address = job["address"] + i * job["stride1"] + j * job["stride2"] + k * job["stride3"]
        assert address >= 0 and address + len(data) <= len(memory)
        memory[address : address + len(data)] = data


def requantised(config: ArrayConfig, job: isa.Descriptor, values: Any, multipliers: Any, shifts: Any) -> bytes:
    """A row as int8."""
    first = job["parameters"] * config.cols
    channels = slice(first, first + job["n"])
    if job["per_channel"]:
        multiplier, shift = multipliers[channels], shifts[channels]
    else:
        multiplier, shift = np.int64(job["multiplier"]), np.int64(job["shift"])
    return reference.requantise(
        values, multiplier, shift, job["zero_point"], job["clamp_min"], job["clamp_max"], bool(job["double_round"])
    ).tobytes()


class StoreBench:
    """An engine with its work, an accumulator, a parameter buffer and a memory. ``acc_rate``: chance that a read is accepted."""

    def __init__(self, config: ArrayConfig, *, seed: int = 0, acc_rate: float = 1.0, work_rate: float = 1.0, **memory: Any) -> None:
        self.config, self.dut = config, StoreEngine(config)
        self.state = random_state(config, seed)
        self.memory = WriteMemory(self.dut.memory, config, MEMORY_BYTES, seed=seed, **memory)
        self.acc_rate, self.work_rate = acc_rate, work_rate
        self.cycle = 0
        self.bytes_written = 0
        self.taken: list[int] = []
        self.tokens: dict[str, list[int]] = {"compute": [], "load": []}
        self.reads: list[int] = []
        self.faults: list[tuple[int, int]] = []
        self._random = random.Random(seed)
        self._shown: tuple[isa.Descriptor | None, int] = None, 0
        self._answers: deque[int | None] = deque([None] * ACC_READ_LATENCY)
        self._addresses: deque[int] = deque([0] * ACC_READ_LATENCY)
        self._parameter_words = self._pack_parameters()

    def _pack_parameters(self) -> list[int]:
        _, multipliers, shifts = self.state
        words = [0] * self.config.parameter_words
        for channel, (multiplier, shift) in enumerate(zip(multipliers, shifts)):
            word, lane = divmod(channel, self.config.cols)
            value = (int(multiplier) & 0xFFFFFFFF) | int(shift) << 32
            words[word] |= value << ((32 + SHIFT_BITS) * lane)
        return words

    def run(self, script: Any) -> None:
        """Runs ``script``, a coroutine function of the simulator's context."""
        simulator = Simulator(self.dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(script)
        simulator.run()

    def run_jobs(self, *jobs: isa.Descriptor) -> None:
        """Executes ``jobs`` and compares memory, counters and tokens with what they mean."""

        async def script(ctx: Any) -> None:
            await self.work(ctx, list(jobs))

        self.run(script)
        self.check(*jobs)

    def check(self, *jobs: isa.Descriptor) -> None:
        """Compares with what ``jobs`` mean; tokens are as many as asked for."""
        expected = bytearray(MEMORY_BYTES)
        for job in jobs:
            store(self.config, job, self.state, expected)
        assert self.faults == []
        wrong = np.flatnonzero(np.frombuffer(expected, np.uint8) != np.frombuffer(self.memory.content, np.uint8))
        assert not wrong.size, f"{wrong.size} bytes differ, the first at {wrong[0]:#x}"
        for name, cycles in self.tokens.items():
            assert len(cycles) == sum(job[f"signal_{name}"] for job in jobs), f"tokens to {name}"
        assert self.bytes_written == sum(beat[1].bit_count() for beat in self.memory.beats)
        assert not self.memory.owes

    async def step(self, ctx: Any, job: isa.Descriptor | None = None, index: int = 0, abort: bool = False) -> bool:
        """One cycle, in which ``job`` is offered; says whether it was taken."""
        dut = self.dut
        ctx.set(dut.abort, abort)
        ctx.set(dut.work.valid, job is not None)
        if job is not None and (job, index) != self._shown:
            self._shown = job, index
            ctx.set(dut.work.payload, {**job.values, "index": index})
        ready = self._random.random() < self.acc_rate
        ctx.set(dut.acc.ready, ready)
        answer = self._answers.popleft()
        ctx.set(dut.acc.data_valid, answer is not None)
        garbage = self._random.getrandbits(32 * self.config.cols)
        ctx.set(dut.acc.data, garbage if answer is None else int.from_bytes(self.state[0][answer].tobytes(), "little"))
        ctx.set(dut.parameter_data.as_value(), self._parameter_words[self._addresses.popleft()])
        self.memory.drive(ctx)
        self.memory.sample(ctx)
        asks = bool(ctx.get(dut.acc.valid)) and ready
        self._answers.append(int(ctx.get(dut.acc.address)) if asks else None)
        self._addresses.append(int(ctx.get(dut.parameter_address)))
        taken = job is not None and bool(ctx.get(dut.work.ready))
        self._note(ctx, taken, asks)
        await ctx.tick()
        self.cycle += 1
        return taken

    def _note(self, ctx: Any, taken: bool, asks: bool) -> None:
        if taken:
            self.taken.append(self.cycle)
        if asks:
            self.reads.append(self.cycle)
        for name, cycles in self.tokens.items():
            if ctx.get(getattr(self.dut, f"signal_{name}")):
                cycles.append(self.cycle)
        if ctx.get(self.dut.fault_valid):
            self.faults.append((int(ctx.get(self.dut.fault.status)), int(ctx.get(self.dut.fault.index))))
        self.bytes_written += int(ctx.get(self.dut.bytes_written))

    async def work(self, ctx: Any, jobs: list[isa.Descriptor], limit: int = 5000) -> None:
        """Offers ``jobs`` one after the other and waits until the engine is idle; fails after ``limit`` cycles."""
        queue, offers = deque(enumerate(jobs)), False
        for _ in range(limit):
            offers = bool(queue) and (offers or self._random.random() < self.work_rate)
            index, job = queue[0] if offers else (0, None)
            if await self.step(ctx, job, index):
                queue.popleft()
                offers = False
            if not queue and not ctx.get(self.dut.busy):
                return
        raise AssertionError(f"busy after {limit} cycles, {len(queue)} descriptors not taken")

    async def abort(self, ctx: Any, limit: int = 1000) -> None:
        """Holds ``abort`` until the engine is idle."""
        for _ in range(limit):
            await self.step(ctx, abort=True)
            if not ctx.get(self.dut.busy):
                return
        raise AssertionError(f"busy after {limit} cycles of abort")
