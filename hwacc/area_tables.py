"""The area tables in ``docs/architecture.md``, from what ``make area`` has counted.

The page is text with marked places: ``<!-- area: PART, PART -->`` and what follows it up to ``<!-- end -->`` is generated.
"""

from __future__ import annotations

import json
import re
from typing import Any

from hwacc.performance import BENCHMARKS, table

AREA = BENCHMARKS / "area.json"
"""What was counted: see :mod:`hwacc.fpga.published`."""
UNITS = {"luts": "LUT", "TRELLIS_FF": "FF", "DP16KD": "RAM", "MULT18X18D": "DSP"}


def filled(text: str) -> str:
    """The page with its tables made anew."""
    builds = json.loads(AREA.read_text())["builds"]

    def fill(place: re.Match[str]) -> str:
        return f"{place[1]}\n\n{_parts(place[2].split(', '), builds)}\n\n{place[3]}"

    return re.sub(r"(<!-- area: ([^>]+) -->).*?(<!-- end -->)", fill, text, flags=re.DOTALL)


def _parts(parts: list[str], builds: dict[str, Any]) -> str:
    """Parts down, builds across."""
    rows = []
    for part in parts:
        found = [build["total"] if part == "total" else build["parts"].get(part) for build in builds.values()]
        rows.append((part, *(_words(cells) if cells else "–" for cells in found)))
    return table(("ECP5", *builds), rows)


def _words(cells: dict[str, int]) -> str:
    """``1,716 LUT, 1,631 FF, 16 DSP``: what there is of each."""
    return ", ".join(f"{cells[kind]:,} {unit}" for kind, unit in UNITS.items() if cells[kind])
