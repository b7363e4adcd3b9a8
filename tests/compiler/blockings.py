"""Random blockings, most of which no search would come to."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hwacc.compiler.emit.blocking import Blocking
from hwacc.compiler.emit.panels import Range
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.isa import Dataflow

MOST_CUTS = 3


def random_blocking(rng: Random, spec: ContractionSpec, config: ArrayConfig) -> Blocking:
    """One that covers ``spec``; whether it fits is left to chance."""
    return Blocking(
        _ranges(rng, spec.m),
        _ranges(rng, spec.n),
        _ranges(rng, spec.k),
        rng.random() < 0.5,
        rng.choice(list(Dataflow)),
        first_steps=_split(rng, spec.k),
        first_rows=_split(rng, spec.m),
        first_columns=_split(rng, spec.n, config.cols),
        last_steps=_split(rng, spec.k),
        last_rows=_split(rng, spec.m),
        last_columns=_split(rng, spec.n, config.cols),
        first_panels=rng.randint(1, 4),
        first_parts=rng.randint(1, 4),
        west_parts=rng.randint(1, 4),
        north_parts=rng.randint(1, 4),
        stored_together=rng.randint(1, 4),
        corner=rng.random() < 0.3,
        pieces=_split(rng, spec.n, config.cols) if rng.random() < 0.5 else (),
    )


def _ranges(rng: Random, total: int) -> tuple[Range, ...]:
    cuts = rng.sample(range(1, total), rng.randint(0, min(MOST_CUTS, total - 1)))
    return tuple(pairwise([0, *sorted(cuts), total]))


def _split(rng: Random, total: int, grain: int = 1) -> tuple[int, ...]:
    return tuple(rng.randint(1, max(1, total // grain)) * grain for _ in range(rng.randint(0, 3)))
