"""The search for the blocking of a product whose schedule ends first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import cycle
from math import inf

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
    merged,
    more_split,
    ramped,
    reversed_sizes,
    sizes,
    sliced,
    streamed,
    tapered,
)
from hwacc.compiler.emit.paced import paced
from hwacc.compiler.emit.panel_schedule import PanelScheduler
from hwacc.compiler.emit.schedule import Schedule
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.errors import ModelError
from hwacc.isa import Dataflow

CANDIDATES = 24
"""Regular blockings of which a schedule is built."""
REFINED = 6
"""Of these, the ones that are changed as long as that helps, each of another kind; and one in pieces."""
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
    reversed_sizes,
    merged,
    streamed,
)
"""Tried in turn, from a blocking on that is to be changed as long as that helps."""
SEEDS: tuple[Move, ...] = (sliced, streamed, tapered)
"""Tried once on the best of each kind: what they give is too far away to be found step by step."""
EFFORT = 80_000
"""Operations built in the search for one product, so that huge ones do not take minutes."""


class Search:
    """The best blocking found so far, at first any that fits; :meth:`go_on` looks for better ones.

    ``effort`` is the number of operations built so far: what the search costs, and unlike time the same on every machine. Raises
    :class:`ModelError` if nothing fits.
    """

    def __init__(self, spec: ContractionSpec, config: ArrayConfig, dataflows: Collection[Dataflow]) -> None:
        self.config, self.spec, self._dataflows = config, spec, dataflows
        self._scheduler = scheduler_of(spec, config, dataflows)
        self._ranked = ranked(self._scheduler.spec, config, CANDIDATES, dataflows)
        first = next(filter(self._scheduler.fits, self._ranked), None)
        if first is None:
            raise ModelError(f"no part of a {spec.m}×{spec.k}×{spec.n} product fits into the buffers of this array; make them larger")
        schedule = self._scheduler.build(first)
        self._found = first, schedule
        self._prices: dict[Blocking, float] = {first: _price(schedule)}
        self.effort = len(schedule.operations)

    @property
    def cycles(self) -> int:
        """What the best schedule found should take."""
        return self._found[1].cycles

    @property
    def blocking(self) -> Blocking:
        """The best one found."""
        return self._found[0]

    def schedule(self, spec: ContractionSpec) -> Schedule:
        """The best one found, for ``spec``, which may differ from the one searched for in the values of its epilogue."""
        return self._found[1] if spec == self.spec else scheduler_of(spec, self.config, self._dataflows).build(self._found[0])

    def cheapest(self) -> list[Blocking]:
        """The blockings tried, the cheapest first, which is the one found."""
        fitting = [blocking for blocking, price in self._prices.items() if price < inf]
        return sorted(fitting, key=self._prices.__getitem__)  # of equals the one tried first, as it was found

    def go_on(self, effort: int) -> None:
        """Looks for better ones: among regular ones and those in pieces, then far from the best of each kind, then step by step from these.

        Begins nothing new once it has cost ``effort`` in all.
        """
        for blocking in self._ranked:
            if self.effort < effort // 6:
                self._price(blocking)
        in_pieces = paced(self._scheduler, self._dataflows)
        while self.effort < effort // 5 and (built := next(in_pieces, None)):
            self._prices[built[0]] = self._price_of_new(*built)
        for blocking in self._best_of_each_kind():
            for move in SEEDS:
                self._cheapest(blocking, move, effort // 2)
        best_in_pieces = [blocking for blocking in self.cheapest() if blocking.pieces][:1]
        for number, blocking in enumerate((*best_in_pieces, *self._best_of_each_kind()), REFINED + 1 - len(best_in_pieces)):
            self._descend(blocking, effort * number // (2 * REFINED))

    def _price(self, blocking: Blocking) -> float:
        """Of its schedule; infinite if it does not fit."""
        if blocking not in self._prices:
            fits = self._scheduler.fits(blocking)
            self._prices[blocking] = self._price_of_new(blocking, self._scheduler.build(blocking)) if fits else inf
        return self._prices[blocking]

    def _price_of_new(self, blocking: Blocking, schedule: Schedule) -> float:
        self.effort += len(schedule.operations)
        if _price(schedule) < _price(self._found[1]):
            self._found = blocking, schedule
        return _price(schedule)

    def _best_of_each_kind(self) -> list[Blocking]:
        """The cheapest whole blocking of each kind: by dataflow, whether it is split along k and even, and the dimensions that are cut."""
        kinds: dict[tuple[object, ...], Blocking] = {}
        for blocking in sorted(self._prices, key=self._prices.__getitem__):
            ranges = blocking.rows, blocking.columns, blocking.steps
            kind = blocking.dataflow, bool(blocking.first_steps), blocking.is_even, *(len(cut) > 1 for cut in ranges)
            if not blocking.pieces:
                kinds.setdefault(kind, blocking)
        return list(kinds.values())[:REFINED]

    def _cheapest(self, blocking: Blocking, move: Move, effort: int) -> Blocking:
        """Of ``blocking`` and its variations by a ``move``, those that are begun before the search has cost ``effort``."""
        best = blocking
        for changed in move(blocking, self.config):
            if self.effort >= effort:
                break
            if self._price(changed) < self._prices[best]:
                best = changed
        return best

    def _descend(self, blocking: Blocking, effort: int) -> None:
        """Makes the change that helps most among those of a kind, kind after kind, until none helps or the search has cost ``effort``."""
        since = 0
        for move in cycle(MOVES):
            best = self._cheapest(blocking, move, effort)
            since = 0 if best is not blocking else since + 1
            blocking = best
            if since == len(MOVES) or self.effort >= effort:
                return


def scheduler_of(spec: ContractionSpec, config: ArrayConfig, dataflows: Collection[Dataflow]) -> PanelScheduler:
    """Builds the schedules of ``spec``, laid out as is best for these dataflows."""
    return PanelScheduler(laid_out(spec, config, dataflows), config)


def _price(schedule: Schedule) -> float:
    """Cycles, and something for each descriptor: of two schedules that end together the simpler one is safer."""
    return schedule.cycles + cost.DESCRIPTOR_PRICE * schedule.descriptors
