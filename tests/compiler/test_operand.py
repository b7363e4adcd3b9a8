"""One operand on chip: whatever its units and in whatever parts they come, each byte gets to where COMPUTE reads it, each beat once."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from hwacc.compiler.emit.blocking import cuts
from hwacc.compiler.emit.operand import Operand, Source
from hwacc.compiler.emit.panels import Range
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.isa import Target

SMALL = ArrayConfig(rows=4, cols=4, bus_bytes=8, spm_bytes=2048, acc_bytes=1024, channels=64)
LAYOUTS = [("mk", "nk"), ("km", "kn")]


def memory_bytes(spec: ContractionSpec, target: Target) -> NDArray[np.uint8]:
    rng = np.random.default_rng(spec.k)
    return rng.integers(0, 256, (spec.m if target is Target.WEST else spec.n) * spec.k, dtype=np.uint8)


def load(fields: dict[str, int], place: int, memory: NDArray[np.uint8], buffer: NDArray[np.uint8], bus: int, beats: set[int]) -> int:
    """What a LOAD of two loops does, beginning at a multiple of the bus; returns the beats it reads."""
    read = 0
    for i in range(fields.get("count1", 1)):
        first, local = fields["address"] + i * fields.get("stride1", 0), fields["local"] + place + i * fields.get("local_stride1", 0)
        end = first + fields["run"]
        skipped = -first % bus if fields.get("align_start") else 0
        end += -end % bus if fields.get("align_end") else 0
        buffer[local + skipped : local + end - first] = memory[first + skipped : end]
        found = range((first + skipped) // bus, -(-end // bus))
        beats.update(found)
        read += len(found)
    return read


def parts_of(whole: Range, rng: random.Random, grain: int) -> list[Range]:
    bounds = sorted({whole[0], whole[1], *(bound for bound in range(whole[0] + grain, whole[1], grain) if rng.random() < 0.5)})
    return list(pairwise(bounds))


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("layouts", LAYOUTS)
@pytest.mark.parametrize("target", [Target.WEST, Target.NORTH])
def test_every_byte_gets_to_where_compute_reads_it(seed: int, layouts: tuple[str, str], target: Target) -> None:
    rng = random.Random(seed)
    m, n, k = (rng.randint(1, 60) for _ in "mnk")
    spec = ContractionSpec.gemm(m, n, k, input_layout=layouts[0], weights_layout=layouts[1])
    source = Source(spec, target, SMALL)
    lines = cuts(source.size, 4 * rng.randint(1, 15))
    operand = Operand(source, lines, cuts(k, 8 * rng.randint(1, 8)))
    memory, side = memory_bytes(spec, target), target.name.lower()
    matrix = memory.reshape(source.size, k) if source.k_contiguous else memory.reshape(k, source.size).T
    buffer = np.zeros(8 * SMALL.operand_bytes, np.uint8)
    for line, rows in enumerate(lines):
        for step, steps in enumerate(operand.steps):
            held = operand.unit(line, step)
            for part in parts_of(steps, rng, 8):
                for some in parts_of(rows, rng, 4):
                    loads, place = operand.loads(held, line, step, some, part)
                    for fields, _ in loads:
                        load(fields, place, memory, buffer, SMALL.bus_bytes, set())
                    values = operand.fields(held, line, step, some, part)
                    where = np.add.outer(np.arange(some[1] - some[0]), values[f"{side}_stride"] * np.arange(part[1] - part[0]))
                    if source.k_contiguous:
                        where = np.add.outer(values[f"{side}_stride"] * np.arange(some[1] - some[0]), np.arange(part[1] - part[0]))
                    assert values.get(f"{side}_k_contiguous", 0) == source.k_contiguous
                    assert np.array_equal(buffer[values[side] + where], matrix[slice(*some), slice(*part)])


@pytest.mark.parametrize("seed", range(20))
def test_parts_of_a_row_that_stays_read_no_beat_of_it_twice(seed: int) -> None:
    rng = random.Random(seed)
    m, k = rng.randint(1, 20), rng.randint(1, 50)
    spec = ContractionSpec.gemm(m, 5, k)
    operand = Operand(Source(spec, Target.WEST, SMALL), ((0, m),), ((0, k),))
    memory, buffer = memory_bytes(spec, Target.WEST), np.zeros(SMALL.operand_bytes, np.uint8)
    held, count, rows = operand.unit(0, 0), 0, 0
    for part in cuts(k, 8):
        loads, place = operand.loads(held, 0, 0, (0, m), part)
        count += sum(load(fields, place, memory, buffer, SMALL.bus_bytes, set()) for fields, _ in loads)
    for row in range(m):
        rows += -(-(row + 1) * k // SMALL.bus_bytes) - row * k // SMALL.bus_bytes
    short = 0 < k % 8 < SMALL.bus_bytes and k > 8  # too little is left behind the last cut for a run to begin at a beat
    assert count <= rows + (m if short else 0)


@pytest.mark.parametrize("seed", range(20))
def test_panels_of_rows_that_share_beats_read_each_beat_once(seed: int) -> None:
    rng = random.Random(seed)
    n, k = rng.randint(60, 75) | 1, rng.randint(10, 13)
    spec = ContractionSpec.gemm(5, n, k)
    columns = parts_of((0, n), rng, 8)
    columns = [*columns[:-2], (columns[-2][0], n)] if n - columns[-1][0] < 15 else columns
    operand = Operand(Source(spec, Target.NORTH, SMALL), columns, ((0, k),))
    memory, buffer, seen = memory_bytes(spec, Target.NORTH), np.zeros(SMALL.operand_bytes + 8, np.uint8), set[int]()
    reads = 0
    for line, some in enumerate(columns):
        loads, place = operand.loads(operand.unit(line, 0), line, 0, some, (0, k))
        reads += sum(load(fields, place, memory, buffer, SMALL.bus_bytes, seen) for fields, _ in loads)
    assert len(seen) == -(-n * k // SMALL.bus_bytes)
    assert reads <= len(seen) + 2 * len(columns)  # in the first row and the last one, where no row is above or below
    assert np.array_equal(buffer[: n * k], memory)


def test_a_unit_that_makes_room_has_its_lines_to_itself() -> None:
    spec = ContractionSpec.gemm(4, 300, 64)
    operand = Operand(Source(spec, Target.NORTH, SMALL), cuts(300, 8), ((0, 64),))
    operand.unit(0, 0)
    assert not operand.stays
    assert operand.fields(operand.unit(1, 0), 1, 0, (8, 16), (8, 16)) == {"north": 512 + 64, "north_stride": 8}
