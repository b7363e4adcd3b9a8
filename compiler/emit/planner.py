"""From a contraction to a descriptor stream.

The planner tries the most promising ways of cutting the product into panels,
builds the schedule of each, and takes the one that ends first. Any size works:
where k does not fit on chip, the accumulator carries it from panel to panel;
where bias or parameters do not fit, they are loaded again when needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
OPERATIONS_LIMIT = 20_000
"""Operations built in the search, so that huge products do not take minutes."""
DESCRIPTOR_PRICE = 2
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
    best = min(_schedules(spec, config), key=_price, default=None)
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


def _schedules(spec: ContractionSpec, config: ArrayConfig) -> Iterator[Schedule]:
    """Schedules worth comparing; at least one if any fits, not many if they are long."""
    scheduler, built = PanelScheduler(spec, config), 0
    done: list[tuple[int, int, Blocking]] = []
    for blocking in ranked(spec, config)[:CANDIDATES]:
        if built < OPERATIONS_LIMIT:
            schedule = scheduler.build(blocking)
            built += len(schedule.operations)
            done.append((_price(schedule), len(done), blocking))
            yield schedule
    for _, _, blocking in sorted(done)[:RAMPED]:
        for variation in ramped(blocking, config):
            if built < OPERATIONS_LIMIT:
                schedule = scheduler.build(variation)
                built += len(schedule.operations)
                yield schedule
