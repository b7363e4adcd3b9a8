"""Utilisation over M and N: what ``hwacc bench heatmap`` measures and keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hwacc import isa
from hwacc.commands.gemm_bench import OUTPUTS, Report, Shape, measure
from hwacc.config import INT32_BYTES, ArrayConfig
from hwacc.errors import HwaccError
from hwacc.limits import limit_cycles
from hwacc.sim.step import Array

ELEMENT_BYTES = {"i8": 1, "i32": INT32_BYTES}


@dataclass(frozen=True)
class Setup:
    """What was measured, and on what: points of one setup can be held against each other.

    ``estimate`` says that cycles are the planner's, which knows one memory latency. ``sources`` stands for the hardware's and the
    planner's sources.
    """

    config: ArrayConfig
    out: str
    memory_latency: int | None
    estimate: bool
    sources: str

    def to_dict(self) -> dict[str, Any]:
        """By name, for JSON."""
        return {**asdict(self), "config": self.config.to_dict(), "array": None if self.estimate else Array.STEP.value}


@dataclass(frozen=True)
class Point:
    """One product: its cycles, the bound, and the cycle account (empty where cycles are estimated)."""

    m: int
    k: int
    n: int
    cycles: int
    limit_cycles: int
    mismatches: int = 0
    stalls: dict[str, int] = field(default_factory=dict)

    @property
    def of_limit(self) -> float:
        """The bound's share of the cycles, 0 to 1."""
        return self.limit_cycles / self.cycles

    @property
    def excess(self) -> int:
        """Cycles above the bound."""
        return self.cycles - self.limit_cycles

    @property
    def main_stall(self) -> str:
        """The cause that most cycles without a fed array are charged to; empty where none is known."""
        stalls = {name: cycles for name, cycles in self.stalls.items() if name != isa.CAUSES[0].name}
        return max(stalls, key=stalls.__getitem__) if stalls else ""

    def to_dict(self) -> dict[str, Any]:
        """By name, for JSON."""
        return {**asdict(self), "of_limit": self.of_limit}


@dataclass
class Heatmap:
    """The points of a setup, as far as they have been measured."""

    setup: Setup
    points: dict[Shape, Point] = field(default_factory=dict)

    def slice(self, k: int, m: Sequence[int], n: Sequence[int]) -> list[Point]:
        """What is known for this K and these M and N."""
        return [self.points[rows, k, columns] for rows in m for columns in n if (rows, k, columns) in self.points]

    def to_json(self) -> str:
        """Everything as text; inverse of :func:`load`."""
        return json.dumps({**self.setup.to_dict(), "points": [point.to_dict() for point in self.points.values()]}, indent=1) + "\n"


def worst(points: Sequence[Point]) -> Point:
    """The one with the smallest share of the bound."""
    return min(points, key=lambda point: point.of_limit)


def longest(points: Sequence[Point]) -> Point:
    """The one with the most cycles above the bound."""
    return max(points, key=lambda point: point.excess)


def load(path: Path, setup: Setup) -> Heatmap:
    """What an earlier run with the same setup left in ``path``, or nothing if the file is not there.

    Raises :class:`HwaccError` for a file that is not ours or has another setup.
    """
    if not path.exists():
        return Heatmap(setup)
    try:
        values = json.loads(path.read_text())
        rows = [{name: value for name, value in row.items() if name != "of_limit"} for row in values.pop("points")]
        points = [Point(**row) for row in rows]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise HwaccError(f"{path}: not a heatmap that can be resumed; give another file or leave out --resume") from None
    for name, mine in setup.to_dict().items():
        if values.get(name) != mine:
            raise HwaccError(f"{path}: measured with another {name.replace('_', ' ')}; give another file or leave out --resume")
    return Heatmap(setup, {(point.m, point.k, point.n): point for point in points})


def survey(setup: Setup, shapes: Sequence[Shape], seed: int, report: Report, report_shape: Report) -> Iterator[Point]:
    """The point of each shape, one after the other."""
    if setup.estimate:
        for shape in shapes:
            report_shape("planning {}×{}×{}".format(*shape))
            yield _estimated(setup, shape)
        return
    assert setup.memory_latency is not None, "a device has one"
    options: dict[str, Any] = {"memory_latency": setup.memory_latency, "array": Array.STEP.value}
    measured = measure(shapes, setup.out, setup.config, seed=seed, **options, report=report, report_shape=report_shape)
    for result in measured:
        yield Point(result.m, result.k, result.n, result.cycles, result.limit_cycles, result.mismatches, result.stalls)


def _estimated(setup: Setup, shape: Shape) -> Point:
    from hwacc.compiler.emit.gemm import gemm_spec
    from hwacc.compiler.emit.planner import plan

    cycles = plan(gemm_spec(*shape, OUTPUTS[setup.out]), setup.config).cycles
    return Point(*shape, cycles, limit_cycles(*shape, ELEMENT_BYTES[setup.out], setup.config))


def sources() -> str:
    """A digest of what decides the cycles: the hardware, the planner, and what both import."""
    import hwacc
    from hwacc.sim.cache import digest_files

    package = Path(hwacc.__path__[0])
    return digest_files([*(package / "rtl").rglob("*.py"), *(package / "compiler" / "emit").rglob("*.py"), *package.glob("*.py")])
