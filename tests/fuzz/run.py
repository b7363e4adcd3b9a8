"""Random streams on the model and the RTL for as long as you like: ``python -m tests.fuzz.run --time 60 --seed 1``.

A difference is made small and saved: the stream (``.hwst``, for ``hwacc disasm``) and the memory that it began with (``.npz``).
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from hwacc import isa
from hwacc.config import TINY, ArrayConfig
from hwacc.errors import DeviceError, StreamError
from hwacc.stream import Stream
from hwacc.verifier import verify
from tests.fuzz.machines import UNBALANCED, Pair, outcome
from tests.fuzz.mutate import mutated
from tests.fuzz.shrink import shrink
from tests.fuzz.steps import Step, build, contents, slots
from tests.fuzz.streams import random_steps

CONFIGS = {
    "tiny": TINY,
    "default": ArrayConfig(),
    "output-stationary": replace(TINY, dataflows="output-stationary"),
    "weight-stationary": replace(TINY, dataflows="weight-stationary"),
}
STREAMS_A_PAIR = 8
"""Streams that one pair of devices runs, one after the other."""


def try_seed(config: ArrayConfig, seed: int, pair: Pair) -> str | None:
    """Runs the stream of ``seed``; what went wrong, or None."""
    rng = random.Random(seed)
    steps = random_steps(config, rng, rng.randint(5, 60))
    return pair.difference(build(config, steps), contents(config, np.random.default_rng(seed)))


def try_invalid_seed(config: ArrayConfig, seed: int, pair: Pair) -> str | None:
    """Runs an invalid stream of ``seed`` and a valid one after it; what went wrong, or None.

    Any status will do for the first, as long as there is one; but what the verifier accepts must not fail.
    """
    rng = random.Random(seed)
    steps = random_steps(config, rng, rng.randint(5, 30))
    stream, change = mutated(config, rng, build(config, steps))
    memory = contents(config, np.random.default_rng(seed))
    try:
        for device in (pair.model, pair.sim):
            found = outcome(device, stream, memory, verify=False)
            if found.status is not isa.Status.OK and accepted(stream, config):
                return f"{device.name}: {found.words}, which the verifier accepts, after {change}"
            if not found.balanced:
                return f"{device.name}: {UNBALANCED}, after {change}"
    except DeviceError as error:
        return f"{device.name}: {error}, after {change}"
    problem = try_seed(config, seed, pair)
    return problem and f"{problem}, after {change}"


def accepted(stream: Stream, config: ArrayConfig) -> bool:
    """Whether the verifier lets ``stream`` pass."""
    try:
        verify(stream, config)
    except StreamError:
        return False
    return True


def report(config: ArrayConfig, seed: int, pair_seed: int, folder: Path) -> str:
    """Shrinks and saves the stream of ``seed``, on devices of its own; says where it is."""
    memory = contents(config, np.random.default_rng(seed))

    def fails(candidate: list[Step]) -> bool:
        with Pair(config, pair_seed) as pair:
            return pair.difference(build(config, candidate), memory) is not None

    rng = random.Random(seed)
    steps = random_steps(config, rng, rng.randint(5, 60))
    if fails(steps):
        steps = shrink(config, steps, fails)
    stream = build(config, steps)
    path = folder / f"fuzz-{config.rows}x{config.cols}-{seed}.hwst"
    path.write_bytes(stream.to_bytes())
    np.savez(path.with_suffix(".npz"), **{slot.name: content for slot, content in zip(slots(config), memory)})  # type: ignore[arg-type]
    return f"{len(stream.descriptors)} descriptors in {path}, memory beside it\n{stream.text()}"


def main() -> int:
    """The command; 1 if a stream failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description="random streams on the model and the RTL")
    parser.add_argument("--time", type=float, default=60, help="seconds")
    parser.add_argument("--seed", type=int, default=None, help="first seed; default: drawn and printed")
    parser.add_argument("--config", choices=CONFIGS, default="tiny", help="which array")
    parser.add_argument("--output", type=Path, default=Path(), help="folder for failing streams")
    arguments = parser.parse_args()
    first = random.SystemRandom().randrange(1 << 31) if arguments.seed is None else arguments.seed
    sys.stderr.write(f"first seed {first}\n")
    return _run(CONFIGS[arguments.config], first, arguments.time, arguments.output)


def _run(config: ArrayConfig, first: int, seconds: float, folder: Path) -> int:
    deadline, seed = time.monotonic() + seconds, first
    while time.monotonic() < deadline:
        pair_seed = seed
        with Pair(config, pair_seed) as pair:
            for seed in range(pair_seed, pair_seed + STREAMS_A_PAIR):
                problem = try_seed(config, seed, pair)
                if problem is not None:
                    sys.stdout.write(
                        f"seed {seed} with devices of seed {pair_seed}: {problem}\n{report(config, seed, pair_seed, folder)}\n"
                    )
                    return 1
        seed = pair_seed + STREAMS_A_PAIR
    sys.stdout.write(f"{seed - first} streams, seeds {first} to {seed - 1}: model and RTL agree\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
