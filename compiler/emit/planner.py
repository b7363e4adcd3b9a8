"""From a contraction to a descriptor stream.

The planner tries the most promising ways of cutting the product into panels,
builds the schedule of each, and takes the one that ends first. Any size works:
where k does not fit on chip, the accumulator carries it from panel to panel;
where bias or parameters do not fit, they are loaded again when needed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from hwacc import isa
from hwacc.compiler.emit.blocking import Blocking, first_split, last_split, ramped, ranked, tapered
from hwacc.compiler.emit.panel_schedule import PanelScheduler
from hwacc.compiler.emit.schedule import Schedule
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.errors import ModelError
from hwacc.isa import Dataflow
from hwacc.stream import Stream

CANDIDATES = 16
"""Blockings of which a schedule is built."""
REFINED = 2
"""Of these, the ones of which variations are tried."""
Move = Callable[[Blocking, ArrayConfig], Iterator[Blocking]]
ENDS: tuple[Move, ...] = (first_split, tapered, last_split)
"""Variations at the beginning and at the end, where the array waits for operands and the memory for results."""
OPERATIONS_LIMIT = 20_000
"""Operations built in the search, so that huge products do not take minutes."""
DESCRIPTOR_PRICE = 1
"""Cycles, beside those in which the bus brings it."""
STRIDE_LIMIT = 2**31
MOST_PANELS = 1 << 16
"""Of a product: with more the planner, the verifier and the stream would take hours and gigabytes."""


@dataclass(frozen=True)
class Plan:
    """Descriptors in order, each with the slot that its address refers to, or None; and the cycles they should take."""

    spec: ContractionSpec
    config: ArrayConfig
    operations: tuple[tuple[isa.Descriptor, int | None], ...]
    cycles: int

    @property
    def utilisation(self) -> float:
        """Estimated share of the array's peak."""
        return self.spec.macs / (self.cycles * self.config.macs_per_cycle)

    def stream(self) -> Stream:
        """The same, as a stream of its own."""
        descriptors, slots = zip(*self.operations)
        return Stream(self.config.hash, self.spec.slots(self.config), tuple(descriptors), tuple(slots))


def plan(spec: ContractionSpec, config: ArrayConfig, dataflow: Dataflow | None = None) -> Plan:
    """The fastest stream found for ``spec``, with this dataflow or with whichever is faster.

    Raises :class:`ModelError` for what the hardware cannot hold.
    """
    check_sizes(spec, config)
    best = _search(spec, config, tuple(Dataflow) if dataflow is None else (dataflow,))
    if best is None:
        raise ModelError(f"no part of a {spec.m}×{spec.k}×{spec.n} product fits into the buffers of this array; make them larger")
    return Plan(spec, config, tuple(best.finished()), best.cycles)


def _price(schedule: Schedule) -> int:
    """Cycles, and something for each descriptor: of two schedules that end together the simpler one is safer."""
    return schedule.cycles + DESCRIPTOR_PRICE * len(schedule.operations)


def check_sizes(spec: ContractionSpec, config: ArrayConfig) -> None:
    """Raises :class:`ModelError` for a product that is too large, in one dimension or as a whole; quick, before any planning."""
    if spec.k > config.max_k:
        raise ModelError(f"a reduction of {spec.k} products can overflow int32; at most {config.max_k} are supported")
    rows = {"input": spec.width * spec.channels, "weights": max(spec.n, spec.k), "output": spec.n * spec.element_bytes}
    for name, size in rows.items():
        if size >= STRIDE_LIMIT:
            raise ModelError(f"a row of the {name} has {size} bytes; at most {STRIDE_LIMIT - 1} are supported")
    least = _least_panels(spec, config)
    if least > MOST_PANELS:
        raise ModelError(
            f"a {spec.m}×{spec.k}×{spec.n} product takes at least {least} panels on this array; at most {MOST_PANELS} are supported: "
            "divide it, or give the array larger buffers"
        )


def _least_panels(spec: ContractionSpec, config: ArrayConfig) -> int:
    """Panels that the accumulator and the operand buffers force, however the product is cut."""
    results = spec.m * -(-spec.n // config.cols)
    operand = max(spec.m, spec.n) * spec.k
    return max(-(-results // config.acc_words), -(-operand // config.operand_bytes))


def _search(spec: ContractionSpec, config: ArrayConfig, dataflows: Collection[Dataflow]) -> Schedule | None:
    """The best schedule found; None if nothing fits. First regular blockings, each varied on its own, then the best of all again."""
    tried = _Trials(PanelScheduler(spec, config))
    regular = ranked(spec, config, CANDIDATES, dataflows)
    tried.build(regular)
    for blocking in regular:
        tried.descend(blocking, ENDS)
    for blocking in tried.best(REFINED):
        tried.descend(blocking, (ramped, *ENDS))
    return tried.found[0][2] if tried.found else None


class _Trials:
    """Blockings tried so far, the best first, with their prices and schedules."""

    def __init__(self, scheduler: PanelScheduler) -> None:
        self.scheduler = scheduler
        self.operations = 0
        self.prices: dict[Blocking, int] = {}
        self.found: list[tuple[int, Blocking, Schedule]] = []

    def build(self, blockings: Iterable[Blocking]) -> list[Blocking]:
        """Adds the schedules of ``blockings``, as far as :data:`OPERATIONS_LIMIT` allows; returns those that now have a price."""
        blockings = list(blockings)
        for blocking in blockings:
            if self.operations < OPERATIONS_LIMIT and blocking not in self.prices:
                schedule = self.scheduler.build(blocking)
                self.operations += len(schedule.operations)
                self.prices[blocking] = _price(schedule)
                self.found.append((self.prices[blocking], blocking, schedule))
        self.found = sorted(self.found, key=lambda trial: trial[0])[:CANDIDATES]
        return [blocking for blocking in blockings if blocking in self.prices]

    def descend(self, blocking: Blocking, moves: Iterable[Move]) -> None:
        """Tries the variations of each kind on the best that those of the kinds before gave."""
        for vary in moves:
            known = self.build([blocking, *vary(blocking, self.scheduler.config)])
            blocking = min(known, key=self.prices.__getitem__, default=blocking)

    def best(self, count: int) -> list[Blocking]:
        """The blockings of the cheapest schedules."""
        return [blocking for _, blocking, _ in self.found[:count]]
