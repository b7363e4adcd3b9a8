"""From a contraction to a descriptor stream.

The planner tries the most promising ways of cutting the product into panels,
builds the schedule of each, and takes the one that ends first. Any size works:
where k does not fit on chip, the accumulator carries it from panel to panel;
where bias or parameters do not fit, they are loaded again when needed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import cycle
from math import inf

from hwacc import isa
from hwacc.compiler.emit import cost
from hwacc.compiler.emit.blocking import Blocking, ranked
from hwacc.compiler.emit.layouts import laid_out
from hwacc.compiler.emit.moves import (
    cornered,
    ends,
    first_pieces,
    first_split,
    larger_loads,
    last_split,
    last_steps,
    more_split,
    ramped,
    sizes,
    sliced,
    streamed,
    tapered,
)
from hwacc.compiler.emit.panel_schedule import PanelScheduler
from hwacc.compiler.emit.schedule import Schedule
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.errors import ModelError
from hwacc.isa import Dataflow
from hwacc.stream import Stream

CANDIDATES = 24
"""Blockings of which a schedule is built."""
REFINED = 6
"""Of these, the ones that are changed as long as that helps, each of another kind."""
Move = Callable[[Blocking, ArrayConfig], Iterator[Blocking]]
MOVES: tuple[Move, ...] = (
    first_split,
    first_pieces,
    more_split,
    larger_loads,
    ends,
    last_split,
    last_steps,
    cornered,
    sizes,
    ramped,
    streamed,
)
"""Tried in turn, from a blocking on that is to be changed as long as that helps."""
SEEDS: tuple[Move, ...] = (sliced, streamed, tapered)
"""Tried once on the best of each kind: what they give is too far away to be found step by step."""
OPERATIONS_LIMIT = 40_000
"""Operations built in the search, twice, so that huge products do not take minutes."""
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

    Raises :class:`ModelError` for what the hardware cannot hold, or a dataflow that it does not have.
    """
    check_sizes(spec, config)
    if dataflow is not None and dataflow not in config.available_dataflows:
        raise ModelError(f"the array was built for {config.dataflows} only; it cannot compute {dataflow.words}")
    dataflows = config.available_dataflows if dataflow is None else (dataflow,)
    best = _search(laid_out(spec, config, dataflows), config, dataflows)
    if best is None:
        raise ModelError(f"no part of a {spec.m}×{spec.k}×{spec.n} product fits into the buffers of this array; make them larger")
    return Plan(spec, config, tuple(best.finished()), best.cycles)


def _price(schedule: Schedule) -> float:
    """Cycles, and something for each descriptor: of two schedules that end together the simpler one is safer."""
    return schedule.cycles + cost.DESCRIPTOR_PRICE * schedule.descriptors


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
    """The best schedule found; None if nothing fits. The best regular blockings of each kind, each changed as long as that helps."""
    tried = _Trials(PanelScheduler(spec, config))
    for blocking in ranked(spec, config, CANDIDATES, dataflows):
        if tried.found is None or tried.operations < OPERATIONS_LIMIT // 3:
            tried.price(blocking)
    for blocking in tried.best(REFINED):
        for move in SEEDS:
            tried.cheapest(blocking, move, OPERATIONS_LIMIT)
    for number, blocking in enumerate(tried.best(REFINED), 1):
        tried.descend(blocking, OPERATIONS_LIMIT * (REFINED + number) // REFINED)
    return tried.found


class _Trials:
    """Prices of the blockings tried so far, and the cheapest schedule."""

    def __init__(self, scheduler: PanelScheduler) -> None:
        self.scheduler = scheduler
        self.operations = 0
        self.prices: dict[Blocking, float] = {}
        self.found: Schedule | None = None

    def price(self, blocking: Blocking) -> float:
        """Of its schedule; infinite if it does not fit."""
        if blocking not in self.prices:
            self.prices[blocking] = inf
            if self.scheduler.fits(blocking):
                schedule = self.scheduler.build(blocking)
                self.operations += len(schedule.operations)
                self.prices[blocking] = _price(schedule)
                if self.found is None or self.prices[blocking] < _price(self.found):
                    self.found = schedule
        return self.prices[blocking]

    def best(self, count: int) -> list[Blocking]:
        """The cheapest blocking of each kind: by dataflow, whether it is split along k and even, and the dimensions that are cut."""
        kinds: dict[tuple[object, ...], Blocking] = {}
        for blocking in sorted(self.prices, key=self.prices.__getitem__):
            ranges = blocking.rows, blocking.columns, blocking.steps
            kinds.setdefault((blocking.dataflow, bool(blocking.first_steps), blocking.is_even, *(len(cut) > 1 for cut in ranges)), blocking)
        return list(kinds.values())[:count]

    def cheapest(self, blocking: Blocking, move: Move, limit: int) -> Blocking:
        """Of ``blocking`` and its variations by a ``move``, those that are not built before so many operations were."""
        best = blocking
        for changed in move(blocking, self.scheduler.config):
            if self.operations < limit and self.price(changed) < self.prices[best]:
                best = changed
        return best

    def descend(self, blocking: Blocking, limit: int) -> None:
        """Makes the change that helps most among those of a kind, kind after kind, until none helps or so many operations were built."""
        since = 0
        for move in cycle(MOVES):
            best = self.cheapest(blocking, move, limit)
            since = 0 if best is not blocking else since + 1
            blocking = best
            if since == len(MOVES) or self.operations >= limit:
                return
