"""Every small GEMM on the RTL: all sizes up to two tiles and one, both dataflows, all transposes, both outputs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest

from hwacc.compiler.emit.gemm import gemm_reference, gemm_spec
from hwacc.compiler.emit.planner import plan
from hwacc.compiler.emit.spec import INPUT_LAYOUTS, OUTPUTS, WEIGHTS_LAYOUTS
from hwacc.config import TINY, ArrayConfig
from hwacc.driver.device import Device
from hwacc.isa import Dataflow
from tests.sim.arena import Arena

ARENA_BYTES = 1024
SIZES = range(1, 2 * max(TINY.rows, TINY.cols) + 2)


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    with Device.open("sim", TINY, memory_bytes=2**18, memory_latency=3) as device:
        yield Arena(device, ARENA_BYTES)


@pytest.fixture(scope="module")
def large() -> Iterator[Arena]:
    """The default array: its tiles can have fewer rows, and take fewer cycles, than it has rows."""
    with Device.open("sim", ArrayConfig(), memory_bytes=2**18, memory_latency=3) as device:
        yield Arena(device, 16 * ARENA_BYTES)


def fault(arena: Arena, m: int, k: int, n: int, layouts: tuple[str, str], dataflow: Dataflow, out: str, rng: np.random.Generator) -> str:
    """What the run of one GEMM got wrong, in words; nothing if every byte of the result and around it is right."""
    spec = gemm_spec(m, k, n, out, input_layout=layouts[0], weights_layout=layouts[1])
    a = rng.integers(-128, 128, (m, k), dtype=np.int8)
    b = rng.integers(-128, 128, (k, n), dtype=np.int8)
    contents = {"input": a if layouts[0] == "mk" else a.T, "weights": b if layouts[1] == "kn" else b.T}
    stream = plan(spec, arena.device.config, dataflow).stream()
    before, after, places = arena.run(stream, {name: x.reshape(-1).view(np.uint8) for name, x in contents.items()}, rng)
    before[places["output"]] = gemm_reference(spec, a, b).reshape(-1).view(np.uint8)
    wrong = np.flatnonzero(before != after)
    return f"{m}×{k}×{n} {out}: bytes {wrong.tolist()} differ; {places}" if wrong.size else ""


@pytest.mark.parametrize("m", SIZES)
@pytest.mark.parametrize("layouts", list(product(INPUT_LAYOUTS, WEIGHTS_LAYOUTS)), ids=" by ".join)
@pytest.mark.parametrize("dataflow", Dataflow)
def test_every_small_product_equals_the_reference_and_nothing_around_it_changes(
    arena: Arena, dataflow: Dataflow, layouts: tuple[str, str], m: int
) -> None:
    rng = np.random.default_rng(m)
    found = [fault(arena, m, k, n, layouts, dataflow, out, rng) for k, n, out in product(SIZES, SIZES, OUTPUTS)]
    assert not any(found), "\n".join(filter(None, found))


@pytest.mark.parametrize("m", range(1, ArrayConfig().rows + 2))
def test_products_of_few_rows_and_steps_are_exact_on_an_array_with_more(large: Arena, m: int) -> None:
    rng = np.random.default_rng(m)
    ways = list(product(product(INPUT_LAYOUTS, WEIGHTS_LAYOUTS), (1, 2, 3, 5, 15), OUTPUTS))
    found = [fault(large, m, k, int(rng.integers(1, 120)), layouts, Dataflow.OUTPUT_STATIONARY, out, rng) for layouts, k, out in ways]
    assert not any(found), "\n".join(filter(None, found))
