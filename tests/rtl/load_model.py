"""What a LOAD descriptor means, in NumPy, for the tests of the engine; and random descriptors."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwacc import isa
from hwacc.config import ArrayConfig

Bytes = NDArray[np.uint8]


class LoadFault(Exception):
    """The descriptor cannot be executed; ``status`` says why."""

    def __init__(self, status: isa.Status) -> None:
        super().__init__(status.name)
        self.status = status


@dataclass(frozen=True)
class Run:
    """A run before its bounds: memory address, local address, coordinates of its first byte, and which cuts are aligned."""

    address: int
    local: int
    x: int
    y: int
    align_start: int = 0
    align_end: int = 0

    def written(self, length: int, beat: int) -> range:
        """The bytes that are moved, counted from the first one, without bounds and on a bus of ``beat`` bytes."""
        end = self.address + length
        return range(-self.address % beat * self.align_start, length + -end % beat * self.align_end)


def sizes(config: ArrayConfig) -> dict[int, int]:
    """Bytes of each target."""
    return {
        isa.Target.WEST: config.spm_bytes // 2,
        isa.Target.NORTH: config.spm_bytes // 2,
        isa.Target.ACCUMULATOR: config.acc_bytes,
        isa.Target.PARAMETERS: config.channels * 8,
    }


def runs(job: isa.Descriptor) -> list[Run]:
    """The runs of a descriptor in order, by multiplying the loop indices out."""
    found = []
    for i4, i3, i2, i1 in np.ndindex(*(job[f"count{loop}"] for loop in (4, 3, 2, 1))):
        index = (i1, i2, i3, i4)
        address = job["address"] + sum(i * job[f"stride{loop}"] for loop, i in enumerate(index, 1))
        local = job["local"] + sum(i * job[f"local_stride{loop}"] for loop, i in enumerate(index, 1))
        x = job["x0"] + i1 * job["stride1"] + i3 * job["stride3"]
        y = job["y0"] + i2 * job["y_step2"] + i4 * job["y_step4"]
        first, last = i4 == 0 or not job["signal_each"], i4 == job["count4"] - 1 or not job["signal_each"]
        cuts = job["align_start" if first else "align_between"], job["align_end" if last else "align_between"]
        found.append(Run(address, local, (x + 2**31) % 2**32 - 2**31, y, *cuts))
    return found


def execute(job: isa.Descriptor, config: ArrayConfig, memory: Bytes, targets: dict[int, Bytes]) -> None:
    """Copies what ``job`` says from ``memory``, whose size every address is taken modulo; raises :class:`LoadFault`."""
    if 0 in (job["run"], *(job[f"count{loop}"] for loop in (1, 2, 3, 4))):
        raise LoadFault(isa.Status.BAD_FIELD)
    target = targets[job["target"]]
    for run in runs(job):
        if (run.align_start and job["run"] < config.bus_bytes) or (job["bounded"] and (run.align_start or run.align_end)):
            raise LoadFault(isa.Status.BAD_FIELD)
        offsets = np.array(run.written(job["run"], config.bus_bytes))
        if run.local + offsets[0] < 0 or run.local + offsets[-1] >= len(target):
            raise LoadFault(isa.Status.BAD_LOCAL_ADDRESS)
        values = memory[(run.address + offsets) % len(memory)]
        if job["bounded"]:
            x = run.x + offsets
            inside = (x >= 0) & (x < job["x_limit"]) & (0 <= run.y < job["y_limit"])
            values = np.where(inside, values, np.uint8(job["pad"] & 0xFF))
        target[run.local + offsets] = values


def random_job(rng: random.Random, config: ArrayConfig, memory_bytes: int, most_bytes: int = 400) -> isa.Descriptor:
    """A descriptor without faults: any alignment, strides of either sign or zero, bounds that cut on every side, or cuts at the ends
    of beats, also between the iterations of loop 4 if these are made to signal."""
    target = rng.choice(list(isa.Target))
    size = sizes(config)[target]
    while True:
        counts = [rng.choice((1, 1, 2, 3, 5)) for _ in range(4)]
        run = rng.choice((1, 2, 3, config.bus_bytes, config.bus_bytes * 3, rng.randint(1, 150)))
        if run * int(np.prod(counts)) <= most_bytes:
            break
    values = {"address": rng.randrange(memory_bytes), "run": run, "pad": rng.randint(-128, 127), "target": target}
    for loop, count in enumerate(counts, 1):
        values[f"count{loop}"] = count
        values[f"stride{loop}"] = rng.choice((0, run, -run, rng.randint(-300, 300), rng.randint(-(2**31), 2**31 - 1)))
        values[f"local_stride{loop}"] = rng.choice((0, run, -run, rng.randint(-40, 60)))
    values |= _random_bounds(rng, values) if rng.random() < 0.5 else _random_cuts(rng, run, config.bus_bytes)
    spare = (config.bus_bytes - 1) * (values.get("align_end", 0) | values.get("align_between", 0))
    spans = [(counts[i] - 1) * values[f"local_stride{i + 1}"] for i in range(4)]
    low, high = -sum(min(0, span) for span in spans), size - run - spare - sum(max(0, span) for span in spans)
    if low > high:
        return random_job(rng, config, memory_bytes, most_bytes)
    values["local"] = rng.choice((low, high, rng.randint(low, high)))
    return isa.describe(isa.LOAD, **values)


def _random_cuts(rng: random.Random, run: int, beat: int) -> dict[str, int]:
    """Nothing empty remains of ``run`` bytes on a bus of ``beat`` bytes."""
    long = run >= beat
    return {"align_start": rng.randint(0, long), "align_end": rng.randint(0, 1), "align_between": rng.randint(0, long)}


def _random_bounds(rng: random.Random, values: dict[str, int]) -> dict[str, int]:
    if rng.random() < 0.8:  # strides that stay near the bounds
        values |= {f"stride{loop}": rng.randint(-60, 60) for loop in (1, 3)}
    return {
        "bounded": 1,
        "x0": rng.randint(-2 * values["run"] - 20, 40),
        "x_limit": rng.choice((0, 1, rng.randint(1, 200), 2**20 - 1)),
        "y0": rng.randint(-6, 4),
        "y_limit": rng.choice((0, 1, 3, 8, 2**16 - 1)),
        "y_step2": rng.choice((0, 1, 2, 255)),
        "y_step4": rng.choice((0, 1, 3, 255)),
    }
