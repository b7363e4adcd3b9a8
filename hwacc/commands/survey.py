"""Random products against the bound: what ``hwacc bench survey`` asks, and how it judges."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from hwacc.commands.gemm_bench import Shape
from hwacc.commands.heatmap import ELEMENT_BYTES, Point
from hwacc.config import ArrayConfig
from hwacc.errors import HwaccError
from hwacc.limits import limit_cycles
from hwacc.performance import GOAL_CYCLES, GOAL_SHARE, LEAST_CYCLES, LEAST_SHARE

LARGEST = 2000
"""Of M, K and N."""
MOST_MACS = 300_000_000
"""Products beyond take long, and lose little at their ends."""
MOST_DRAWS = 5000
"""Products that are drawn for one that fits."""


@dataclass(frozen=True)
class Goal:
    """Cycles that a product may take: a share of the bound, and so many more for a cold start."""

    name: str
    share: float
    more: int

    def reached(self, point: Point) -> bool:
        """Whether a product reaches it."""
        return point.cycles <= self.share * point.limit_cycles + self.more


GOALS = (Goal("must", LEAST_SHARE, LEAST_CYCLES), Goal("aim", GOAL_SHARE, GOAL_CYCLES))


def random_shapes(count: int, seed: int, out: str, config: ArrayConfig, most_cycles: int | None = None) -> list[Shape]:
    """M, K, N spread evenly by ratio; some with one of them tiny, some a multiple of the array's sides or one beside it.

    With ``most_cycles``, only those whose bound is no higher; raises :class:`HwaccError` where that leaves next to none.
    """
    return list(_some(_shapes(random.Random(seed), config), count, out, config, most_cycles))


def _some(shapes: Iterator[Shape], count: int, out: str, config: ArrayConfig, most_cycles: int | None) -> Iterator[Shape]:
    for _ in range(count):
        drawn = islice(shapes, MOST_DRAWS)
        found = next((shape for shape in drawn if _fits(shape, out, config, most_cycles)), None)
        if found is None:
            raise HwaccError(f"none of {MOST_DRAWS} random products has a bound of at most {most_cycles} cycles; allow more of them")
        yield found


def _fits(shape: Shape, out: str, config: ArrayConfig, most_cycles: int | None) -> bool:
    macs = math.prod(shape)
    if most_cycles is None:
        return macs <= MOST_MACS
    least = macs // config.macs_per_cycle  # far quicker than the bound, which is no less
    return macs <= MOST_MACS and least <= most_cycles and limit_cycles(*shape, ELEMENT_BYTES[out], config) <= most_cycles


def _shapes(rng: random.Random, config: ArrayConfig) -> Iterator[Shape]:
    side = max(config.rows, config.cols)
    while True:
        sizes = [round(math.exp(rng.uniform(0, math.log(LARGEST)))) for _ in "mkn"]
        kind = rng.choice(("any", "any", "m", "k", "n", "near"))
        if kind == "near":
            sizes = [max(1, side * round(size / side) + rng.choice((-1, 0, 1))) for size in sizes]
        elif kind != "any":
            sizes["mkn".index(kind)] = rng.randint(1, side)
        yield sizes[0], sizes[1], sizes[2]


def worst_first(points: Sequence[Point]) -> list[Point]:
    """Points by how far they are beyond the first goal, as a share of the bound."""
    goal = GOALS[0]
    return sorted(points, key=lambda point: (point.cycles - goal.more) / point.limit_cycles, reverse=True)
