"""Cases from seeds: valid ones, and ones in which an invalid stream goes first."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from hwacc.config import TINY, ArrayConfig
from tests.fuzz.case import Case, Surroundings
from tests.fuzz.mutate import mutated
from tests.fuzz.steps import Step, build, contents, well_defined
from tests.fuzz.streams import random_steps
from tests.fuzz.tokens import reshaped

CONFIGS = {
    "tiny": TINY,
    "wide": ArrayConfig(rows=4, cols=8, bus_bytes=16, spm_bytes=8192, acc_bytes=4096, channels=64),
    "broad": ArrayConfig(rows=2, cols=16, bus_bytes=64, spm_bytes=8192, acc_bytes=4096, channels=64),
    "tall": ArrayConfig(rows=8, cols=4, bus_bytes=8, spm_bytes=8192, acc_bytes=2048, channels=64),
    "small": ArrayConfig(rows=2, cols=2, bus_bytes=4, spm_bytes=2048, acc_bytes=1024, channels=64),
    "narrow": ArrayConfig(rows=8, cols=8, bus_bytes=4, spm_bytes=8192, acc_bytes=4096, channels=64),
    "output-stationary": replace(TINY, dataflows="output-stationary"),
    "weight-stationary": replace(TINY, dataflows="weight-stationary"),
    "default": ArrayConfig(),
}
"""Square or not, with words wider than a beat and beats as wide as a word, or as any descriptor, with one dataflow or both."""
MOST_SUBMISSIONS = 3
EDITS = 20


def random_case(config: ArrayConfig, seed: int) -> Case:
    """Random valid submissions: the later ones find on chip what the earlier ones left there."""
    rng = random.Random(seed)
    steps = random_steps(config, rng, rng.randint(5, 60))
    return made(config, rng, seed, _cut(rng, steps))


def random_invalid_case(config: ArrayConfig, seed: int) -> tuple[Case, str]:
    """An invalid stream, then a valid one that fills the on-chip buffers first; and what was done to the former."""
    rng = random.Random(seed)
    intruder, change = mutated(config, rng, build(config, random_steps(config, rng, rng.randint(5, 30))))
    case = made(config, rng, seed, [random_steps(config, rng, rng.randint(3, 15))])
    return Case(config, case.streams, case.contents, case.surroundings, intruder), change


def made(config: ArrayConfig, rng: random.Random, seed: int, submissions: Sequence[Sequence[Step]]) -> Case:
    """The case of these steps, half the time with other tokens and another order than :func:`build` finds."""
    streams = [build(config, steps) for steps in submissions]
    if rng.random() < 0.5:
        other = [reshaped(config, rng, stream, EDITS) for stream in streams]
        # Another order of one engine's work may be valid, and yet read what the ISA leaves undefined.
        streams = other if well_defined(config, [d for stream in other for d in stream.descriptors]) else streams
    memory = contents(config, np.random.default_rng(seed))
    return Case(config, tuple(streams), tuple(memory), Surroundings.drawn(rng))


def _cut(rng: random.Random, steps: list[Step]) -> list[list[Step]]:
    """The steps as one to three submissions, none of them empty."""
    count = rng.randint(1, min(MOST_SUBMISSIONS, len(steps)))
    bounds = [0, *sorted(rng.sample(range(1, len(steps)), count - 1)), len(steps)]
    return [steps[first:end] for first, end in pairwise(bounds)]
