"""Measuring the plans of a model's products: what ``hwacc compile --tune`` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from hwacc.commands.console import Progress, new_table, note, percent, say, show_table
from hwacc.commands.cost_model import operands, run, words
from hwacc.commands.files import write_text
from hwacc.compiler.emit.blocking import Blocking
from hwacc.compiler.emit.planner import plan_as, search_all
from hwacc.compiler.emit.search import Search
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.compiler.emit.tuned import Measured, TunedPlan, identity, usable
from hwacc.compiler.emit.tuned_file import load_tuned, tuned_text
from hwacc.compiler.options import Options
from hwacc.compiler.pipeline import products
from hwacc.config import ArrayConfig
from hwacc.errors import HwaccError

SEED = 0
"""Of the operands; the cycles do not depend on them."""


@dataclass(frozen=True)
class Tuning:
    """What is to be tuned, and how: the ``count`` best plans of each product, with memory of this latency, into ``target``."""

    model: Path
    config: ArrayConfig
    options: Options
    target: Path
    count: int
    memory_latency: int


@dataclass(frozen=True)
class Tuned:
    """A product, the tasks that compute it, and what was measured; ``before``: in a run before this one."""

    tasks: tuple[str, ...]
    plan: TunedPlan
    before: bool = False

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"tasks": list(self.tasks), **self.plan.to_dict()}


def tune(tuning: Tuning, report: Progress) -> list[Tuned]:
    """Measures, and writes the file after each product; plans for other arrays and of other products that it has stay.

    What the file has of as many plans, as they would be measured now, is not measured again; so an interrupted run can be gone on with.
    Raises :class:`HwaccError` where a file that is there is none of tuned plans, or a result is not the reference's.
    """
    arrays = load_tuned(tuning.target) if tuning.target.exists() else {}
    report(f"compiling {tuning.model}")
    listed = products(tuning.model, tuning.config, tuning.options)
    tasks: dict[ContractionSpec, list[str]] = {}
    for task, spec in listed:
        tasks.setdefault(spec.without_values, []).append(task)
    report(f"planning {len(tasks)} products")
    searches = search_all([spec for _, spec in listed], tuning.config)
    planned = [search for search in searches.values() if isinstance(search, Search)]
    plans = arrays.setdefault(tuning.config, {})
    known = {spec: plans[spec] for spec in usable(plans, tasks, tuning.config)}
    found: list[Tuned] = []
    try:
        for number, search in enumerate(planned, 1):
            report(f"measuring plans of product {number} of {len(planned)}: {words(search.spec)}")
            tries, spec = list(islice(candidates(search), tuning.count)), search.spec.without_values
            before = _covers(known.get(spec), len(tries), tuning)
            if not before:
                plans[spec] = measured(search, tries, tuning, report)
                write_text(tuning.target, tuned_text(arrays))
            found.append(Tuned(tuple(tasks[spec]), plans[spec], before))
    except KeyboardInterrupt:
        kept = f"{tuning.target} keeps what was measured of {len(found)} of {len(planned)} products"
        note(f"hwacc: {kept}; the same command goes on from there")
        raise
    return found


def _covers(plan: TunedPlan | None, count: int, tuning: Tuning) -> bool:
    """Whether a plan is the best of at least ``count`` that were measured in the same way."""
    return plan is not None and plan.tried >= count and plan.memory_latency == tuning.memory_latency


def measured(search: Search, tries: Sequence[tuple[Blocking, str]], tuning: Tuning, report: Progress) -> TunedPlan:
    """The fastest of the ``tries``, each run on a device of its own; of equals the one that the cost model prefers."""
    spec, config = search.spec, tuning.config
    arrays, expected = operands(spec, config, np.random.default_rng(SEED))
    tried: list[tuple[Measured, Blocking, str]] = []
    for blocking, stream in tries:
        plan = plan_as(spec, config, blocking)
        cycles, got = run(plan, arrays, expected, report, tuning.memory_latency)
        if (got != expected).any():
            raise HwaccError(f"a plan of {words(spec)} gives {int((got != expected).sum())} elements that differ from the reference")
        tried.append((Measured(plan.cycles, cycles), blocking, stream))
    best, blocking, stream = min(tried, key=lambda each: each[0].cycles)
    return TunedPlan(spec.without_values, blocking, stream, tuning.memory_latency, len(tried), tried[0][0], best)


def candidates(search: Search) -> Iterator[tuple[Blocking, str]]:
    """The blockings of a search worth measuring, and the identity of each, the cost model's choice first.

    Those that it prefers and the best of each kind by turns, because it errs alike for blockings that are alike. Blockings that come to
    the same stream count once.
    """
    seen = set()
    leaders: dict[tuple[object, ...], Blocking] = {}
    for blocking in search.cheapest():
        leaders.setdefault(_kind(blocking), blocking)
    pairs = zip_longest(search.cheapest(), leaders.values())
    for blocking in dict.fromkeys(each for pair in pairs for each in pair if each is not None):
        stream = identity(search.spec, blocking, search.config)
        if stream not in seen:
            seen.add(stream)
            yield blocking, stream


def _kind(blocking: Blocking) -> tuple[object, ...]:
    """What blockings have in common that the cost model judges alike: the dataflow, and how many panels there are of which shape."""
    return blocking.dataflow, len(blocking.rows), len(blocking.columns), len(blocking.steps), blocking.first_panels


def summary(found: Sequence[Tuned], tuning: Tuning) -> dict[str, Any]:
    """What was measured, for JSON; ``cycles`` are those of all tasks, each by itself."""
    return {
        "model": str(tuning.model),
        "file": str(tuning.target),
        "config": tuning.config.to_dict(),
        "measured_on": "rtl",
        "memory_latency": tuning.memory_latency,
        "cycles": {"first": total(found, "first"), "best": total(found, "best")},
        "products": [each.to_dict() for each in found],
    }


def total(found: Sequence[Tuned], which: str) -> int:
    """Cycles of all tasks with the ``first`` or the ``best`` plans."""
    return sum(len(each.tasks) * int(getattr(each.plan, which).cycles) for each in found)


def show(found: Sequence[Tuned]) -> None:
    """The same as a table."""
    numbers = ("plans", "model's choice", "best", "gain")
    table = new_table("task", "product", *numbers, right=numbers)
    for each in found:
        plan = each.plan
        more = f" and {len(each.tasks) - 1} more" if len(each.tasks) > 1 else ""
        first, best = plan.first.cycles, plan.best.cycles
        table.add_row(each.tasks[0] + more, words(plan.spec), str(plan.tried), f"{first:,}", f"{best:,}", percent(first - best, first))
    show_table(table)
    first, best = total(found, "first"), total(found, "best")
    gain = percent(first - best, first)
    say(f"all tasks, each by itself: {first:,} cycles as the cost model chooses, {best:,} as measured ({gain} fewer)")
