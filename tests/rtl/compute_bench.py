"""COMPUTE with the memories around it, run against its model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import memory
from numpy.typing import NDArray

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.reference import Int8, Int32
from hwacc.rtl.accumulator import Accumulator
from hwacc.rtl.compute import ComputeEngine
from hwacc.rtl.delay import delayed
from hwacc.rtl.interfaces import OPERAND_READ_LATENCY
from tests.rtl.compute_model import ComputeModel, result_words
from tests.rtl.simulate import simulate

CYCLE_LIMIT = 20_000


class ComputeSystem:
    """The engine, the accumulator, and an operand memory on either side, filled with the model's bytes, in ``module``."""

    def __init__(self, model: ComputeModel) -> None:
        self.engine = ComputeEngine(model.config)
        self.accumulator = Accumulator(model.config)
        self.module = m = Module()
        m.submodules.engine, m.submodules.accumulator = self.engine, self.accumulator
        m.d.comb += [self.accumulator.drain.eq(self.engine.drain), self.accumulator.row.eq(self.engine.row)]
        for side, content in (("west", model.west), ("north", model.north)):
            m.submodules[side] = self._operand(m, side, content)

    def _operand(self, m: Any, side: str, content: Int8) -> Any:
        """Words of what the engine reads from each byte on; beyond the end are ones, which must not count."""
        word = getattr(self.engine, f"{side}_word")
        image = content.tobytes() + b"\xff" * len(word)
        init = [int.from_bytes(image[start : start + len(word) // 8], "little") for start in range(len(content))]
        operand = memory.Memory(shape=len(word), depth=len(init), init=init)
        read = operand.read_port()
        m.d.comb += [
            read.addr.eq(getattr(self.engine, f"{side}_address")),
            word.eq(delayed(m, read.data, OPERAND_READ_LATENCY - 1, name=side)),
        ]
        return operand


@dataclass
class Events:
    """Cycles in which things happened, from the outside of the engine."""

    taken: list[int] = field(default_factory=list)
    signal_load: list[int] = field(default_factory=list)
    signal_store: list[int] = field(default_factory=list)
    faults: list[tuple[isa.Status, int]] = field(default_factory=list)
    drained: list[int] = field(default_factory=list)
    fed: list[int] = field(default_factory=list)

    @property
    def array_busy(self) -> int:
        """Cycles in which a tile was fed."""
        return len(self.fed)


class ComputeBench:
    """A simulation that compares the accumulator with the model when a STORE token is pushed: each word as soon as it can be read."""

    def __init__(self, config: ArrayConfig, seed: int) -> None:
        self.config, self.seed = config, seed
        self.model = ComputeModel(config, seed)
        self.system = ComputeSystem(self.model)
        self.engine = self.system.engine
        self.events = Events()
        self.cycle = 0
        self.due: list[tuple[int, range, Int32, NDArray[np.bool_], isa.Descriptor]] = []

    def play(self, testbench: Any, module: Any = None) -> ComputeBench:
        """Runs a testbench beside the observer of events; ``module`` is what contains the system, if it is not the top."""

        async def prepared(ctx: Any) -> None:
            self.fill(ctx)
            await testbench(ctx)

        simulate(module or self.system.module, prepared, self._watch)
        return self

    def run(self, jobs: Sequence[isa.Descriptor], gap: int = 0) -> ComputeBench:
        """Hands over ``jobs`` and checks the result of each as its token for STORE comes, and everything at the end."""

        async def bench(ctx: Any) -> None:
            waiting: list[isa.Descriptor] = []
            for index, job in enumerate(jobs):
                await self.hand_over(ctx, job, index, waiting)
                for _ in range(gap):
                    await self.step(ctx, waiting)
            await self.until_idle(ctx, waiting)
            assert not waiting, f"no token for {waiting[0].values}"
            self.check(ctx)

        return self.play(bench)

    def fill(self, ctx: Any) -> None:
        """Puts the model's accumulator into the device's."""
        for i, word in enumerate(self.model.accumulator):
            ctx.set(self.system.accumulator.word(i), int.from_bytes(word.tobytes(), "little"))

    async def hand_over(self, ctx: Any, job: isa.Descriptor, index: int, waiting: list[isa.Descriptor]) -> None:
        """Offers ``job`` until it is taken; then it waits for its token."""
        work = self.engine.work
        ctx.set(work.payload, {**job.values, "index": index})
        ctx.set(work.valid, 1)
        for _ in range(CYCLE_LIMIT):
            if ctx.get(work.ready):
                break
            await self.step(ctx, waiting)
        await self.step(ctx, waiting)
        ctx.set(work.valid, 0)
        ctx.set(work.payload, {**job.values, "m": 0, "acc": 0, "west": 0, "k": 0xFFFF})  # must not be looked at any more
        if job["signal_store"]:
            waiting.append(job)

    async def until_idle(self, ctx: Any, waiting: list[isa.Descriptor]) -> None:
        """Waits for ``busy`` to fall."""
        for _ in range(CYCLE_LIMIT):
            if not ctx.get(self.engine.busy):
                return
            await self.step(ctx, waiting)
        raise AssertionError(f"busy for {CYCLE_LIMIT} cycles")

    async def step(self, ctx: Any, waiting: list[isa.Descriptor]) -> None:
        """One cycle; when a token comes, the words of the oldest waiting descriptor become due."""
        if ctx.get(self.engine.signal_store):
            job = waiting.pop(0)
            self.model.execute(job)
            self._expect(job)
        for _, words, values, defined, job in [due for due in self.due if due[0] == self.cycle]:
            self._compare(ctx, words, values, defined, job)
        self.due = [due for due in self.due if due[0] > self.cycle]
        await ctx.tick()

    def _expect(self, job: isa.Descriptor) -> None:
        """STORE reads two cycles after its token at the earliest: all rows but the last of a tile's must be there, then a row a cycle."""
        model = self.model
        rows = self.config.rows if job["dataflow"] else (job["m"] - 1) % self.config.rows + 1
        for row, found in enumerate(result_words(self.config, job)):
            words = range(found[0], found[-1] + 1)
            part = slice(words.start, words.stop)
            late = max(0, row - max(0, job["m"] - rows))
            self.due.append((self.cycle + 2 + late, words, model.accumulator[part].copy(), model.defined[part].copy(), job))

    def check(self, ctx: Any, words: range | None = None, job: isa.Descriptor | None = None) -> None:
        """Compares the accumulator, or some of its words, with the model, where the model is certain."""
        words = range(self.config.acc_words) if words is None else words
        part = slice(words.start, words.stop)
        self._compare(ctx, words, self.model.accumulator[part], self.model.defined[part], job)

    def _compare(self, ctx: Any, words: range, values: Int32, defined: Any, job: isa.Descriptor | None) -> None:
        cells = self.system.accumulator.word
        size = self.config.acc_word_bytes
        got: Int32 = np.array([np.frombuffer(ctx.get(cells(i)).to_bytes(size, "little"), np.int32) for i in words])
        wrong = (got != values) & defined
        assert not wrong.any(), f"seed {self.seed}: words {np.unique(np.nonzero(wrong)[0]) + words.start} after {job and job.values}"

    async def _watch(self, ctx: Any) -> None:
        engine, seen = self.engine, self.events
        signals: tuple[Any, ...] = (engine.work.valid, engine.work.ready, engine.signal_load, engine.signal_store, engine.fault_valid)
        signals += (engine.fault.status, engine.fault.index, engine.array_busy, engine.drain.write)
        while True:
            _, _, valid, ready, load, store, fault, status, index, busy, drains = await ctx.tick().sample(*signals)
            lists = [(seen.taken, valid and ready), (seen.signal_load, load), (seen.signal_store, store)]
            lists += [(seen.drained, drains), (seen.fed, busy)]
            for cycles, happened in lists:
                if happened:
                    cycles.append(self.cycle)
            if fault:
                seen.faults.append((isa.Status(status), index))
            self.cycle += 1
