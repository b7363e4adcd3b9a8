"""A failing stream made small: descriptors are dropped while it still fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hwacc.config import ArrayConfig
from tests.fuzz.steps import Step, well_defined


def shrink(config: ArrayConfig, steps: Sequence[Step], fails: Callable[[list[Step]], bool]) -> list[Step]:
    """The fewest steps found that still fail: halves are tried first, then ever smaller pieces."""
    kept = list(steps)
    size = max(1, len(kept) // 2)
    while True:
        smaller = _without_pieces(config, kept, size, fails)
        if size == 1 and len(smaller) == len(kept):
            return kept
        kept, size = smaller, max(1, size // 2)


def _without_pieces(config: ArrayConfig, steps: list[Step], size: int, fails: Callable[[list[Step]], bool]) -> list[Step]:
    start = 0
    while start < len(steps):
        candidate = steps[:start] + steps[start + size :]
        if well_defined(config, candidate) and fails(candidate):
            steps = candidate
        else:
            start += size
    return steps
