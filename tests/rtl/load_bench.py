"""A LOAD engine in amaranth.sim with a memory before it and the four targets behind it."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np
from amaranth.sim import Simulator

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.load import LoadEngine
from tests.rtl.load_model import Bytes, sizes
from tests.rtl.memory import ReadMemory

PORTS = {
    isa.Target.WEST: "west",
    isa.Target.NORTH: "north",
    isa.Target.ACCUMULATOR: "accumulator",
    isa.Target.PARAMETERS: "parameters",
}
CYCLE_LIMIT = 20_000


class LoadBench:
    """Collects what the engine does: bytes of the targets, and (cycle, what) of every event.

    ``gaps`` is the probability that the descriptor queue is empty in a cycle; ``refusals`` the accumulator's of refusing.
    """

    def __init__(self, config: ArrayConfig, data: bytes, *, latency: int = 1, stall: float = 0.0, seed: int = 0):
        self.config = config
        self.engine = LoadEngine(config)
        self.memory = ReadMemory(self.engine.memory, config, data, latency=latency, stall=stall, seed=seed)
        self.random = random.Random(seed)
        self.targets: dict[int, Bytes] = {t: np.full(size, 0xA5, np.uint8) for t, size in sizes(config).items()}
        self.gaps = self.refusals = 0.0
        self.cycle = self.beats_counted = self.writes = 0
        self.events: list[tuple[int, str, int]] = []
        self.taken_at: list[int] = []
        self.last_write: dict[int, int] = {}
        self.idle_at = self.aborted_at = 0
        self._queue: deque[dict[str, int]] = deque()
        self._cancelled = False
        self._simulator = Simulator(self.engine)
        self._simulator.add_clock(1e-6)
        self._simulator.add_process(self.memory.run)
        self._simulator.add_process(self._watch)
        self._simulator.add_process(self._feed)
        for target in PORTS:
            self._simulator.add_process(self._sink(target))

    def run(self, jobs: Sequence[isa.Descriptor]) -> LoadBench:
        """Feeds ``jobs`` and waits until the engine is idle."""

        async def story(ctx: Any) -> None:
            self.feed(jobs)
            await self.until_idle(ctx)

        return self.play(story)

    def play(self, story: Any) -> LoadBench:
        """Runs a testbench of one's own."""
        self._simulator.add_testbench(story)
        self._simulator.run()
        return self

    def feed(self, jobs: Sequence[isa.Descriptor]) -> None:
        """Queues descriptors; their index is their place in ``jobs``."""
        self._queue.extend({**job.values, "index": index} for index, job in enumerate(jobs))

    async def until_idle(self, ctx: Any) -> None:
        """Waits until the queue is empty and ``busy`` low, and a little longer."""
        for _ in range(CYCLE_LIMIT):
            await ctx.tick()
            if not (self._queue or ctx.get(self.engine.work.valid) or ctx.get(self.engine.busy)):
                self.idle_at = self.cycle
                await ctx.tick().repeat(3)
                return
        raise AssertionError(f"busy for {CYCLE_LIMIT} cycles")

    async def until_fault(self, ctx: Any) -> None:
        """Waits for a fault, and that the engine then waits for abort."""
        for _ in range(CYCLE_LIMIT):
            await ctx.tick()
            if self.faults():
                await ctx.tick().repeat(10)
                assert ctx.get(self.engine.busy), "the descriptor at fault is not finished"
                return
        raise AssertionError(f"no fault in {CYCLE_LIMIT} cycles")

    async def abort(self, ctx: Any) -> None:
        """Empties the queue and holds abort until the engine is idle."""
        self._queue.clear()
        self._cancelled = True
        self.aborted_at = self.cycle + 1
        ctx.set(self.engine.abort, 1)
        await self.until_idle(ctx)
        ctx.set(self.engine.abort, 0)
        self._cancelled = False

    def faults(self) -> list[tuple[isa.Status, int]]:
        """Every fault reported: status and descriptor index."""
        return [(isa.Status(int(what.split()[1])), index) for _, what, index in self.events if what.startswith("fault")]

    def cycles_of(self, what: str) -> list[int]:
        """Cycles in which ``what`` pulsed."""
        return [cycle for cycle, name, _ in self.events if name == what]

    async def _feed(self, ctx: Any) -> None:
        work, valid = self.engine.work, False
        for cycle in count(1):
            _, _, ready = await ctx.tick().sample(work.ready)
            if valid and ready:
                self.taken_at.append(cycle)
            if (valid and ready) or self._cancelled:
                valid = False
            if not valid and self._queue and self.random.random() >= self.gaps:
                ctx.set(work.payload, self._queue.popleft())
                valid = True
            ctx.set(work.valid, valid)

    async def _watch(self, ctx: Any) -> None:
        engine = self.engine
        signals = (
            engine.signal_compute,
            engine.signal_store,
            engine.fault_valid,
            engine.fault.status,
            engine.fault.index,
            engine.beat_taken,
        )
        for cycle in count(1):
            _, _, compute, store, fault, status, index, beat = await ctx.tick().sample(*signals)
            self.cycle = cycle
            self.beats_counted += beat
            pulses = (("compute", compute), ("store", store), (f"fault {status}", fault))
            self.events += [(cycle, name, index) for name, pulse in pulses if pulse]

    def _sink(self, target: isa.Target) -> Any:
        port, content = getattr(self.engine, PORTS[target]), self.targets[target]

        async def sink(ctx: Any) -> None:
            ready, offered = 1, None
            ctx.set(port.ready, 1)
            for cycle in count(1):
                _, _, valid, *piece = await ctx.tick().sample(port.valid, port.payload.address, port.payload.data, port.payload.mask)
                assert offered is None or (valid and piece == offered), f"write {offered} was withdrawn or changed"
                offered = piece if valid and not ready else None
                if valid and ready:
                    self._write(content, *piece)
                    self.last_write[target] = cycle
                if target == isa.Target.ACCUMULATOR:
                    ready = int(self.random.random() >= self.refusals)
                    ctx.set(port.ready, ready)

        return sink

    def _write(self, content: Bytes, address: int, value: int, mask: int) -> None:
        size = self.config.bus_bytes
        self.writes += 1
        assert mask, "a write of nothing"
        for step in range(size):
            place = address + step
            lane = place % size
            if mask >> lane & 1:
                assert place < len(content), f"byte {place} of {len(content)}"
                content[place] = value >> (8 * lane) & 0xFF
