"""Whether a blocking that comes from outside the search, such as from a file, is one that a schedule can be built of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hwacc.compiler.emit.blocking import Blocking
from hwacc.compiler.emit.panels import Range
from hwacc.compiler.emit.planner import MOST_PANELS
from hwacc.compiler.emit.sizes import LIMITS, Sizes
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig

SPLITS = ("first_steps", "first_rows", "first_columns", "last_steps", "last_rows", "last_columns", "pieces")
COUNTS = ("first_panels", "first_parts", "west_parts", "north_parts", "stored_together")


def fault(blocking: Blocking, spec: ContractionSpec, config: ArrayConfig) -> str | None:
    """What is wrong with ``blocking`` for ``spec``, as it is laid out on chip, on this array; None if nothing is."""
    cut = {"rows": (blocking.rows, spec.m, "m"), "columns": (blocking.columns, spec.n, "n"), "steps": (blocking.steps, spec.k, "k")}
    for name, (ranges, total, field) in cut.items():
        if not _covers(ranges, total):
            return f"its {name} do not go from 0 to {total}"
        if _longest(ranges) > LIMITS[field]:
            return f"its {name} are longer than a COMPUTE's {field}"
    for name in (*SPLITS, *COUNTS):
        value = getattr(blocking, name)
        if min(value if name in SPLITS else (value,), default=1) < 1:
            return f"its {name} must be at least 1"
    for name in ("first_columns", "last_columns", "pieces"):
        if any(columns % config.cols for columns in getattr(blocking, name)):
            return f"its {name} must be whole tiles of {config.cols} columns"
    if blocking.dataflow not in config.available_dataflows:
        return f"the array cannot compute {blocking.dataflow.words}"
    if blocking.panel_count * len(blocking.steps) > MOST_PANELS:
        return f"it has more than {MOST_PANELS} panels"
    fits = Sizes(spec, config).fits(*(_longest(ranges) for ranges, _, _ in cut.values()))
    return None if fits else "its panels do not fit into the buffers"


def _covers(ranges: Sequence[Range], total: int) -> bool:
    """Whether they follow one another from 0 to ``total``, none of them empty."""
    bounds = [0, *(end for _, end in ranges)]
    return [first for first, _ in ranges] == bounds[:-1] and bounds[-1] == total and all(a < b for a, b in pairwise(bounds))


def _longest(ranges: Sequence[Range]) -> int:
    return max(end - first for first, end in ranges)
