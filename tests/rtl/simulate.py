"""What the tests of single modules share: one way to run a module, one way to draw a seed."""

from __future__ import annotations

import random
from typing import Any

from amaranth.sim import Simulator


def simulate(module: Any, testbench: Any, *processes: Any) -> None:
    """Runs ``testbench`` to its end on ``module``, with ``processes`` beside it, on a clock."""
    simulator = Simulator(module)
    simulator.add_clock(1e-6)
    for process in processes:
        simulator.add_process(process)
    simulator.add_testbench(testbench)
    simulator.run()


def fresh_random(seed: int | None = None) -> random.Random:
    """A generator with a seed that is printed; give that seed to see the same again."""
    seed = random.randrange(2**32) if seed is None else seed
    print(f"seed {seed}")  # noqa: T201  (pytest shows it with a failure)
    return random.Random(seed)
