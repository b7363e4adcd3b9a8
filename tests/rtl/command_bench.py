"""The command processor between a ring in memory, three engines that only pretend, and a memory for records."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hwacc import isa
from hwacc.config import TINY, ArrayConfig
from hwacc.isa import Engine, Status
from hwacc.rtl.command import ENGINE_OPS, CommandProcessor
from hwacc.rtl.dispatch import ENGINES
from tests.rtl.memory import ReadMemory
from tests.rtl.simulate import fresh_random, simulate
from tests.rtl.write_memory import WriteMemory

RING_BASE = 4096
RING_LOG2 = 6
CYCLE_LIMIT = 3000
DURATION = {Engine.LOAD: "run", Engine.COMPUTE: "k", Engine.STORE: "n"}
"""Field that tells the pretended engine how many cycles it is busy; at least 1."""
FAULT = {Engine.LOAD: "local", Engine.COMPUTE: "west", Engine.STORE: "acc"}
"""Field that tells it to end with a fault of that status, unless 0."""
NAMES = {engine: engine.name.lower() for engine in ENGINES}


def job(engine: Engine, *tokens: str, cycles: int = 1, fault: int = 0, **fields: int) -> isa.Descriptor:
    """A descriptor for ``engine``; ``tokens`` such as ``wait_load``, ``signal_store``."""
    values = {DURATION[engine]: cycles, FAULT[engine]: fault, **dict.fromkeys(tokens, 1), **fields}
    return isa.describe(ENGINE_OPS[engine], **values)


class FakeEngine:
    """Takes work, is busy as long as the descriptor says, then pushes its tokens or reports its fault.

    When aborted it stays busy for some more cycles, as if memory owed it something.
    """

    def __init__(self, command: CommandProcessor, engine: Engine, rng: random.Random) -> None:
        self.command, self.engine, self.random = command, engine, rng
        self.taken: list[tuple[int, int, dict[str, int]]] = []
        self.current: dict[str, int] | None = None
        self.left = 0
        self.faulty = False

    def _port(self, member: str) -> Any:
        return getattr(self.command, f"{NAMES[self.engine]}_{member}")

    @property
    def busy(self) -> bool:
        """Whether it has something to do."""
        return self.current is not None or self.left > 0

    @property
    def pushes(self) -> list[Engine]:
        """Who gets a token in this cycle."""
        if self.current is None or self.left != 1 or self.current[FAULT[self.engine]]:
            return []
        return [engine for engine in ENGINES if self.current[f"signal_{NAMES[engine]}"]]

    def drive(self, ctx: Any) -> None:
        """Sets this cycle's inputs of the command processor."""
        self.aborted = bool(ctx.get(self.command.abort))
        self.ready = not self.busy and not self.aborted
        status = self.current[FAULT[self.engine]] if self.current and self.left == 1 and not self.faulty else 0
        ctx.set(self._port("work").ready, int(self.ready))
        ctx.set(self._port("busy"), int(self.busy))
        ctx.set(self._port("fault_valid"), int(bool(status)))
        ctx.set(self._port("fault"), {"status": status, "index": self.current["index"] if self.current else 0})
        self.faulty |= bool(status)

    def sample(self, ctx: Any, cycle: int) -> None:
        """Moves on to the next cycle."""
        work = self._port("work")
        if self.aborted and self.current is not None:
            self.current, self.left, self.faulty = None, self.random.choice((0, 0, 1, 6)), False
        elif self.left and not self.faulty:
            self.left -= 1
            if not self.left:
                self.current = None
        if self.ready and ctx.get(work.valid):
            names = [field.name for field in ENGINE_OPS[self.engine].fields]
            self.current = {name: ctx.get(work.payload[name]) for name in [*names, "index"]}
            self.left = self.current[DURATION[self.engine]]
            self.taken.append((cycle, self.current["index"], {name: self.current[name] for name in names}))


@dataclass
class Submission:
    """What was put in the ring, where its record goes, and when the doorbell rang."""

    jobs: Sequence[isa.Descriptor | bytes]
    tag: int
    address: int
    doorbell: int


class CommandBench:
    """One simulation, a cycle at a time: call :meth:`step`, or what is built on it, from the testbench."""

    def __init__(self, config: ArrayConfig = TINY, *, latency: int = 3, queue_depth: int = 4, failing: tuple[int, ...] = ()) -> None:
        self.config, self.random = config, fresh_random()
        self.command = CommandProcessor(config, queue_depth=queue_depth)
        self.ring = bytearray(RING_BASE + (config.entry_bytes << RING_LOG2))
        self.memory = ReadMemory(self.command.fetch_memory, config, self.ring, latency=latency)  # type: ignore[arg-type]
        seed = self.random.randrange(2**32)
        self.records = WriteMemory(
            self.command.record_memory, config, 1 << 16, seed=seed, delay=4, address_rate=0.6, data_rate=0.6, failing=failing
        )
        self.engines = {engine: FakeEngine(self.command, engine, self.random) for engine in ENGINES}
        self.cycle = self.tail = self.submitted = 0
        self.completed: list[int] = []
        self.record_started: list[int] = []
        self.last_beat = 0
        """Cycle in which a record's beat was on the bus most recently."""
        self.totals = dict.fromkeys(("bytes_read", "bytes_written"), 0)
        self.account: dict[str, int] = {}
        """Cycle account of the submission that ended last, with a record or without."""
        self._counted: int | None = None

    def play(self, testbench: Any) -> None:
        """Runs ``testbench(ctx)``."""

        async def run(ctx: Any) -> None:
            ctx.set(self.command.ring_base, RING_BASE)
            ctx.set(self.command.ring_log2, RING_LOG2)
            await self.step(ctx, 5)
            await testbench(ctx)

        simulate(self.command, run, self.memory.run)

    def put(self, ctx: Any, jobs: Sequence[isa.Descriptor | bytes], *, doorbell: bool = True) -> None:
        """Writes descriptors into the ring."""
        if not ctx.get(self.command.running):
            self._counted = None  # a reset dropped what was in progress
        for entry in jobs:
            raw, size = self.config.in_ring(entry if isinstance(entry, bytes) else entry.encode()), self.config.entry_bytes
            for start in range(0, len(raw), size):
                place = self.entry(0)
                self.ring[place : place + size] = raw[start : start + size]
                self.tail = (self.tail + 1) & 0xFFFF
        if doorbell:
            ctx.set(self.command.ring_tail, self.tail)

    def entry(self, ahead: int) -> int:
        """Memory address of the descriptor that will be the ``ahead``-th from now, counting from 0."""
        return RING_BASE + (self.tail + ahead) % (1 << RING_LOG2) * self.config.entry_bytes

    def submit(self, ctx: Any, jobs: Sequence[isa.Descriptor | bytes], *, doorbell: bool = True) -> Submission:
        """Puts jobs and an END with a random tag into the ring."""
        self.submitted += 1
        submission = Submission(jobs, self.random.randrange(1 << 32), 64 * (self.submitted % 1024), self.cycle)
        self.put(ctx, [*jobs, isa.describe(isa.END, address=submission.address, tag=submission.tag)], doorbell=doorbell)
        return submission

    async def step(self, ctx: Any, cycles: int = 1) -> None:
        """Some cycles of everything."""
        for _ in range(cycles):
            await self._step(ctx)

    async def _step(self, ctx: Any) -> None:
        command = self.command
        for engine in self.engines.values():
            engine.drive(ctx)
        for receiver in ENGINES:
            pushes = sum(1 << sender for sender in ENGINES if receiver in self.engines[sender].pushes)
            ctx.set(getattr(command, f"{NAMES[receiver]}_push"), pushes)
        self._drive_counts(ctx)
        self.records.drive(ctx)
        if ctx.get(command.writes_record) and len(self.record_started) <= len(self.completed):
            self.record_started.append(self.cycle)
        if ctx.get(command.record_memory.w.valid):
            self.last_beat = self.cycle
        self._count(ctx)
        if ctx.get(command.completed):
            self.completed.append(self.cycle)
            del self.record_started[len(self.completed) :]
            self.record_started += [-1] * (len(self.completed) - len(self.record_started))
        self.records.sample(ctx)
        for engine in self.engines.values():
            engine.sample(ctx, self.cycle)
        self.cycle += 1
        await ctx.tick()

    def _drive_counts(self, ctx: Any) -> None:
        busy = {engine: fake.busy for engine, fake in self.engines.items()}
        executing = busy[Engine.COMPUTE] and self.random.randint(0, 3)
        ctx.set(self.command.executing, int(bool(executing)))
        ctx.set(self.command.array_busy, int(executing > 1))
        values = {
            "read_bytes": busy[Engine.LOAD] and self.random.choice((0, self.random.randrange(256))),
            "written_bytes": busy[Engine.STORE] and self.random.randrange(256),
        }
        for (port, value), total in zip(values.items(), self.totals):
            ctx.set(getattr(self.command, port), int(value))
            self.totals[total] += int(value)

    def _count(self, ctx: Any) -> None:
        """Counts the cycles of the submission in progress but for those of its record, and at its end holds them against the account."""
        command = self.command
        if self._counted is None:
            pending = ctx.get(command.ring_head) != ctx.get(command.ring_tail)
            self._counted = 0 if pending else None
            return
        if ctx.get(command.completed):
            self.account = {cause.name: ctx.get(command.account[cause.name]) for cause in isa.CAUSES}
            assert sum(self.account.values()) == self._counted, f"{self.account} should sum to {self._counted}"
        if ctx.get(command.completed) or not ctx.get(command.running):
            self._counted = None
        elif not ctx.get(command.writes_record):
            self._counted += 1

    async def until_completed(self, ctx: Any, count: int) -> None:
        """Waits until so many submissions have ended since the start, and two cycles more."""
        for _ in range(CYCLE_LIMIT):
            if len(self.completed) >= count:
                await self.step(ctx, 2)
                return
            await self.step(ctx)
        raise AssertionError(f"{len(self.completed)} submissions ended, not {count}, after {CYCLE_LIMIT} cycles")

    async def run(self, ctx: Any, jobs: Sequence[isa.Descriptor | bytes]) -> dict[str, int]:
        """Submits, waits for the end, and returns the record."""
        count = len(self.completed)
        submission = self.submit(ctx, jobs)
        await self.until_completed(ctx, count + 1)
        assert len(self.completed) == count + 1, "one submission ended twice"
        return self.record(submission)

    def record(self, submission: Submission) -> dict[str, int]:
        """The completion record, which must be there and carry the tag."""
        raw = bytes(self.records.content[submission.address : submission.address + isa.COMPLETION_BYTES])
        values = isa.unpack(isa.COMPLETION, raw)
        assert values["tag"] == submission.tag, f"no record at {submission.address:#x}: {values}"
        return values

    def has_record(self, submission: Submission) -> bool:
        """Whether the record was written."""
        raw = bytes(self.records.content[submission.address : submission.address + isa.COMPLETION_BYTES])
        return isa.unpack(isa.COMPLETION, raw)["tag"] == submission.tag

    async def works(self, ctx: Any) -> None:
        """Whatever came before: a submission that uses all engines and tokens between them must end well."""
        before = {engine: len(fake.taken) for engine, fake in self.engines.items()}
        cycles = self.random.randint(1, 6)
        jobs = [
            job(Engine.STORE, "wait_compute", cycles=2),
            job(Engine.COMPUTE, "wait_load", "signal_store", cycles=3),
            job(Engine.LOAD, "signal_compute", cycles=cycles),
        ]
        record = await self.run(ctx, jobs)
        assert record["status"] == Status.OK
        for engine, count in before.items():
            indices = [index for _, index, _ in self.engines[engine].taken[count:]]
            assert indices == [[entry.op.engine for entry in jobs].index(engine)], f"{engine.name} did {indices}"
        assert ctx.get(self.command.ring_head) == self.tail
        assert not ctx.get(self.command.running)
