"""From a contraction to a descriptor stream.

The planner tries the most promising ways of cutting the product into panels,
builds the schedule of each, and takes the one that ends first. Any size works:
where k does not fit on chip, the accumulator carries it from panel to panel;
where bias or parameters do not fit, they are loaded again when needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hwacc import isa
from hwacc.compiler.emit.blocking import Blocking, ramped, ranked
from hwacc.compiler.emit.panel_schedule import PanelScheduler
from hwacc.compiler.emit.schedule import Schedule
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.errors import ModelError
from hwacc.stream import Stream

CANDIDATES = 8
"""Blockings of which a schedule is built."""
RAMPED = 2
"""Of these, the ones also tried with small first panels."""
FIRST_PARTS = (2, 4, 8)
OPERATIONS_LIMIT = 20_000
"""Operations built in the search, so that huge products do not take minutes."""
DESCRIPTOR_PRICE = 4
"""Cycles: reading a descriptor takes the bus as long, just when operands are wanted."""
STRIDE_LIMIT = 2**31


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


def plan(spec: ContractionSpec, config: ArrayConfig) -> Plan:
    """The fastest stream found for ``spec``; raises :class:`ModelError` for what the hardware cannot hold."""
    _check(spec, config)
    best = _search(spec, config)
    if best is None:
        raise ModelError(f"no part of a {spec.m}×{spec.k}×{spec.n} product fits into the buffers of this array; make them larger")
    return Plan(spec, config, tuple(best.finished()), best.cycles)


def _price(schedule: Schedule) -> int:
    """Cycles, and something for each descriptor: of two schedules that end together the simpler one is safer."""
    return schedule.cycles + DESCRIPTOR_PRICE * len(schedule.operations)


def _check(spec: ContractionSpec, config: ArrayConfig) -> None:
    if spec.k > config.max_k:
        raise ModelError(f"a reduction of {spec.k} products can overflow int32; at most {config.max_k} are supported")
    rows = {"input": spec.width * spec.channels, "weights": max(spec.n, spec.k), "output": spec.n * spec.element_bytes}
    for name, size in rows.items():
        if size >= STRIDE_LIMIT:
            raise ModelError(f"a row of the {name} has {size} bytes; at most {STRIDE_LIMIT - 1} are supported")


def _search(spec: ContractionSpec, config: ArrayConfig) -> Schedule | None:
    """The best schedule found; None if nothing fits.

    First the regular blockings, then the best of them with smaller first panels, then the best of all with a split first COMPUTE.
    """
    tried = _Trials(PanelScheduler(spec, config))
    tried.build(ranked(spec, config, CANDIDATES))
    for blocking in tried.best(RAMPED):
        tried.build(ramped(blocking, config))
    for blocking in tried.best(1):
        tried.build(replace(blocking, first_parts=parts) for parts in FIRST_PARTS)
    return tried.found[0][2] if tried.found else None


class _Trials:
    """Blockings tried so far, the best first, with their prices and schedules."""

    def __init__(self, scheduler: PanelScheduler) -> None:
        self.scheduler = scheduler
        self.operations = 0
        self.found: list[tuple[int, Blocking, Schedule]] = []

    def build(self, blockings: Iterable[Blocking]) -> None:
        """Adds the schedules of ``blockings``, as far as :data:`OPERATIONS_LIMIT` allows; at least one in all."""
        for blocking in blockings:
            if self.operations < OPERATIONS_LIMIT:
                schedule = self.scheduler.build(blocking)
                self.operations += len(schedule.operations)
                self.found.append((_price(schedule), blocking, schedule))
        self.found = sorted(self.found, key=lambda trial: trial[0])[:CANDIDATES]

    def best(self, count: int) -> list[Blocking]:
        """The blockings of the cheapest schedules."""
        return [blocking for _, blocking, _ in self.found[:count]]
