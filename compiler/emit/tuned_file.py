"""The file of tuned plans, which can be shipped with a model.

For each array, as its configuration, and each product the file has the winner of ``hwacc compile --tune`` and what was measured::

    {"format": "hwacc tuned plans", "version": 1, "arrays": [
      {"config": {"rows": 16, ...}, "plans": [
        {"shape": "49×576×160", "product": {"width": 49, "channels": 576, "out_channels": 160, ...},
         "memory_latency": 32, "tried": 8,
         "first": {"estimate": 17998, "cycles": 18002}, "best": {"estimate": 18007, "cycles": 17994},
         "blocking": {"rows": [0, 49], ...}, "stream": "5fb1…"}]}]}

``product`` are the fields of a :class:`ContractionSpec` that are not at their defaults, without the values of the epilogue, which make
no difference to the plan; ``first`` is the plan that the cost model prefers. ``stream`` identifies the descriptors that were measured:
where the planner now makes others of the same blocking, it has changed since, and the measurement counts no longer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hwacc.compiler.emit.plain import member, plain_spec
from hwacc.compiler.emit.tuned import Plans, TunedPlan
from hwacc.config import ArrayConfig
from hwacc.errors import ConfigError, TunedError

FORMAT = "hwacc tuned plans"
VERSION = 1
LINES_TO = 5
"""Depth to which values of the file have lines of their own."""

Arrays = dict[ArrayConfig, Plans]
"""The plans of each array."""


def load_tuned(path: Path) -> Arrays:
    """Reads a file; raises :class:`TunedError` in one line."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TunedError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise TunedError(f"{path}: not a file of tuned plans ({error}); name another with --tuned") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise TunedError(f"{path}: not a file of tuned plans; name another with --tuned")
    try:
        return _arrays(values)
    except (TunedError, ConfigError) as error:
        raise TunedError(f"{path}: {error}; delete the file and tune again") from None


def _arrays(values: dict[str, Any]) -> Arrays:
    if values.get("version") != VERSION:
        raise TunedError(f"version {values.get('version')!r} of the file of tuned plans, this is {VERSION}")
    return dict(map(_array, member(values, "arrays", list)))


def _array(values: Any) -> tuple[ArrayConfig, Plans]:
    config = ArrayConfig.from_dict(member(values, "config", dict))
    plans: Plans = {}
    for number, each in enumerate(member(values, "plans", list)):
        try:
            plan = TunedPlan.from_dict(each, config)
        except TunedError as error:
            raise TunedError(f"plan {number} of the {config.rows}×{config.cols} array: {error}") from None
        plans[plan.spec] = plan
    return config, plans


def tuned_text(arrays: Arrays) -> str:
    """The content of a file: the same whatever the order of ``arrays`` and plans."""
    listed = [
        {"config": config.to_dict(), "plans": [plan.to_dict() for plan in sorted(plans.values(), key=_order)]}
        for config, plans in sorted(arrays.items(), key=lambda item: json.dumps(item[0].to_dict()))
    ]
    return _lines({"format": FORMAT, "version": VERSION, "arrays": listed}) + "\n"


def _order(plan: TunedPlan) -> tuple[int, int, int, str]:
    return plan.spec.m, plan.spec.k, plan.spec.n, json.dumps(plain_spec(plan.spec))


def _lines(value: Any, depth: int = 0) -> str:
    """JSON, of which values down to some depth have lines of their own."""
    if depth >= LINES_TO or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=False)
    indent = "\n" + "  " * depth
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    inside = [_lines(each, depth + 1) for each in (value.values() if isinstance(value, dict) else value)]
    parts = [f"{json.dumps(name)}: {text}" for name, text in zip(value, inside)] if isinstance(value, dict) else inside
    return f"{opening}{indent}  {f',{indent}  '.join(parts)}{indent}{closing}"


def notes(path: Path, arrays: Arrays, config: ArrayConfig, used: tuple[int, int, int]) -> list[str]:
    """What a file was good for, a line each; ``used`` as in :class:`hwacc.compiler.emit.choose_panels.ChoosePanels`."""
    products, there, still_made = used
    if config not in arrays:
        others = "; ".join(config.difference(other) for other in arrays) or "it is empty"
        return [f"{path}: not used, it has no plans for this array: {others}"]
    found = [f"{path}: {still_made} of {products} products are planned as they were measured"]
    if still_made < there:
        found.append(f"{path}: {there - still_made} plans are not used, the planner has changed since they were measured: tune again")
    return found
