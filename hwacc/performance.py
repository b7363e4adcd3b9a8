"""The tables of ``docs/performance.md``, from what ``make bench`` has measured.

The page is text with marked places: ``<!-- table: NAME -->`` and what follows it up to ``<!-- end -->`` is generated.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import ceil, inf
from pathlib import Path
from typing import Any

from hwacc import isa

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
GEMM = BENCHMARKS / "gemm.json"
"""What was measured: see :mod:`hwacc.commands.bench_record`."""
BEFORE = BENCHMARKS / "before.json"
"""The same, measured when the cycle account came."""
SURVEY = BENCHMARKS / "survey.json"
"""Random products, measured likewise."""
COST_MODEL = BENCHMARKS / "cost_model.json"
"""Random contractions with the planner's cycles and the RTL's."""
NETWORKS = BENCHMARKS / "networks.json"
"""Whole models, with the cycles and the bound of each task."""
PEER = BENCHMARKS / "peer.json"

COMPARED_SIZES: tuple[float, ...] = (1, 1_000, 10_000)
"""Measured cycles from which on a line of the cost model's table counts, up to the next one."""
SIZES = (1, 500, 2_000, 10_000, 50_001)
"""Bounds of random products, in cycles, that a line of their table is for."""
LEAST_SHARE, LEAST_CYCLES = 1.05, 200
"""What a product must reach: this share of the bound, and so many cycles more for a cold start."""
GOAL_SHARE, GOAL_CYCLES = 1.02, 150
"""The goal: the bound, and a little for what only an ideal memory spares."""
ACCOUNTED = ("64×64×64", "1×512×512", "49×576×160")

Rows = dict[str, dict[str, Any]]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def filled(text: str) -> str:
    """The page with its tables made anew."""

    def fill(place: re.Match[str]) -> str:
        return f"{place[1]}\n\n{TABLES[place[2]]()}\n\n{place[3]}"

    return re.sub(r"(<!-- table: (\w+) -->).*?(<!-- end -->)", fill, text, flags=re.DOTALL)


def run(name: str, file: Path = GEMM) -> Rows:
    """Results of one run by shape, ``M×K×N``, each with ``peak``, its cycles at the array's peak."""
    measured = json.loads(file.read_text())[name]
    cells = measured["config"]["rows"] * measured["config"]["cols"]
    return {f"{row['m']}×{row['k']}×{row['n']}": {**row, "peak": row["m"] * row["k"] * row["n"] / cells} for row in measured["results"]}


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of ``values`` that at least this share of them does not exceed."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def _cycles() -> str:
    peer = json.loads(PEER.read_text())["cycles"]
    rows = []
    for shape, row in run("int32").items():
        goal = round(GOAL_SHARE * row["limit_cycles"]) + GOAL_CYCLES
        small = run("int8")[shape]
        rows.append(
            (
                shape,
                _number(row["limit_cycles"]),
                _number(peer[shape]),
                _number(goal),
                f"**{_number(row['cycles'])}**",
                _percent(row["limit_cycles"], row["cycles"]),
                _percent(row["peak"], row["cycles"]),
                _number(small["limit_cycles"]),
                f"**{_number(small['cycles'])}**",
                _percent(small["limit_cycles"], small["cycles"]),
            )
        )
    head = ("M×K×N", "bound", "best open peer", "goal", "HWACC", "of bound", "of peak", "bound, int8", "HWACC, int8", "of bound, int8")
    return table(head, rows)


def _memory() -> str:
    far, narrow = run("latency 100"), run("8 bytes a cycle")
    rows = []
    for shape, row in run("int32").items():
        rows.append(
            (
                shape,
                _number(row["cycles"]),
                _number(far[shape]["cycles"]),
                f"{far[shape]['cycles'] - row['cycles']:+}",
                _number(narrow[shape]["limit_cycles"]),
                _number(narrow[shape]["cycles"]),
                _percent(narrow[shape]["limit_cycles"], narrow[shape]["cycles"]),
            )
        )
    return table(("M×K×N", "latency 32", "latency 100", "difference", "bound at 8 B/cycle", "8 B/cycle", "of bound"), rows)


def _account() -> str:
    """Causes down, shapes across, each before and now."""
    before, now = run("int32", BEFORE), run("int32")
    head = ["cause", *(f"{shape}, {when}" for shape in ACCOUNTED for when in ("before", "now"))]
    pairs = [rows[shape] for shape in ACCOUNTED for rows in (before, now)]
    lines = [[f"`{cause.name}`", *(_number(row["stalls"][cause.name]) for row in pairs)] for cause in isa.CAUSES]
    lines.append(["**cycles**", *(f"**{_number(row['cycles'])}**" for row in pairs)])
    lines.append(["bound", *(_number(row["limit_cycles"]) for row in pairs)])
    return table(head, lines)


def _survey() -> str:
    """How many random products of each size reach what they should, and which cause holds most of those that do not."""
    lines = []
    for name in ("int32", "int8"):
        rows = list(run(name, SURVEY).values())
        for low, high in pairwise(SIZES):
            some = [row for row in rows if low <= row["limit_cycles"] < high]
            missed = [row for row in some if row["cycles"] > LEAST_SHARE * row["limit_cycles"] + LEAST_CYCLES]
            reached = sum(row["cycles"] <= GOAL_SHARE * row["limit_cycles"] + GOAL_CYCLES for row in some)
            shares = sorted(row["limit_cycles"] / row["cycles"] for row in some)
            causes = Counter(max(_lost(row), key=_lost(row).__getitem__) for row in missed)
            lines.append(
                (
                    name,
                    f"{_number(low)} … {_number(high - 1)}",
                    str(len(some)),
                    str(len(some) - len(missed)),
                    str(reached),
                    _percent(shares[len(shares) // 2], 1),
                    ", ".join(f"`{cause}` {count}" for cause, count in causes.most_common()) or "-",
                )
            )
    limits = (f"≤ {LEAST_SHARE} · bound + {LEAST_CYCLES}", f"≤ {GOAL_SHARE} · bound + {GOAL_CYCLES}")
    return table(("out", "bound", "products", *limits, "median, of bound", "what holds the rest"), lines)


def _cost_model() -> str:
    """Errors of the planner's cycles, by kind, output and size."""
    measured = json.loads(COST_MODEL.read_text())["default"]["results"]
    lines = [("all", "both", "any", *_errors(measured))]
    for kind in ("product", "convolution"):
        for out in ("int32", "int8"):
            for low, high in pairwise((*COMPARED_SIZES, inf)):
                some = [row for row in measured if (row["kind"], row["out"]) == (kind, out) and low <= row["cycles"] < high]
                limits = f"{_number(low)} …" + ("" if high == inf else f" {_number(high - 1)}")
                lines += [(f"{kind}s", out, limits, *_errors(some))] if some else []
    return table(("what", "out", "cycles", "contractions", "median error", "95th percentile", "largest"), lines)


def _networks() -> str:
    """Each model's cycles beside the sum of its tasks' bounds."""
    lines = []
    for row in json.loads(NETWORKS.read_text())["default"]["results"]:
        worst = max(row["tasks"], key=lambda task: task["cycles"] - task["limit_cycles"])
        lines.append(
            (
                row["model"],
                str(len(row["tasks"])),
                str(row["submissions"]),
                ", ".join(f"{count} {kind}" for kind, count in row["host"].items()) or "-",
                _number(row["limit_cycles"]),
                f"**{_number(row['cycles'])}**",
                f"{row['cycles'] / row['limit_cycles']:.2f} ×",
                f"{worst['name']} ({worst['shape'].replace('x', '×')}), {_number(worst['cycles'] - worst['limit_cycles'])}",
            )
        )
    head = (
        "model",
        "tasks on the array",
        "submissions",
        "on the CPU",
        "sum of bounds",
        "cycles",
        "of bounds",
        "task that loses most, cycles",
    )
    return table(head, lines)


def _errors(rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    errors = [abs(row["estimate"] - row["cycles"]) / row["cycles"] for row in rows]
    return str(len(rows)), *(f"{100 * error:.2f} %" for error in (quantile(errors, 0.5), quantile(errors, 0.95), max(errors)))


def _lost(row: dict[str, Any]) -> dict[str, int]:
    """The causes of its account, without the one that is work: what the array is fed beyond the bound counts as that cause."""
    return {name: cycles if name != "array_busy" else max(0, cycles - row["limit_cycles"]) for name, cycles in row["stalls"].items()}


TABLES: dict[str, Callable[[], str]] = {
    "cycles": _cycles,
    "memory": _memory,
    "account": _account,
    "survey": _survey,
    "cost_model": _cost_model,
    "networks": _networks,
}


def _number(value: float) -> str:
    return f"{value:,}".replace(",", " ")


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %"
