"""Whole streams of the planner: the verifier accepts them, and fast memory does not upset them."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hwacc import reference
from hwacc.compiler.emit.planner import plan
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import TINY, ArrayConfig
from hwacc.driver.device import Device
from hwacc.isa import Dataflow
from hwacc.verifier import verify
from tests.compiler.contraction import buffers, expected, random_operands

CONFIGS = (TINY, ArrayConfig())


def random_spec(rng: random.Random) -> ContractionSpec:
    """A convolution with a picture of its own, or a GEMM with more columns than the on-chip buffers hold."""
    sizes: dict[str, Any] = {"width": rng.choice((1, 9, 100)), "channels": rng.choice((10, 100, 700)), "weights_layout": "nk"}
    sizes |= {"out_channels": rng.choice((3, 64, 200, 1000)), "has_bias": True}
    if rng.random() < 0.6:
        stride = rng.choice((1, 2))
        sizes |= {
            "height": rng.randint(3, 12),
            "width": rng.randint(3, 12),
            "channels": rng.choice((1, 3, 8, 40)),
            "stride": (stride, stride),
        }
        sizes |= {"kernel_h": rng.choice((1, 3)), "kernel_w": rng.choice((1, 3)), "padding": (1, 0, 1, 1)}
        adds = rng.random()
        sizes |= {"out_channels": rng.choice((1, 4, 33, 150)), "weights_layout": rng.choice(("nk", "kn"))}
        sizes |= {"has_bias": adds < 0.6, "has_residual": adds > 0.75}
    return ContractionSpec(**sizes, output=rng.choice(("int8", "int32")), per_channel=rng.random() < 0.7)


@pytest.mark.parametrize("seed", range(40))
def test_the_verifier_accepts_what_the_planner_makes(seed: int) -> None:
    rng = random.Random(seed)
    spec, config = random_spec(rng), rng.choice(CONFIGS)
    verify(plan(spec, config).stream(), config)


@pytest.mark.parametrize(("m", "k", "n"), [(9, 4, 200), (9, 100, 200), (1, 700, 200)])
def test_a_bias_stays_until_it_has_been_added_however_fast_the_memory(m: int, k: int, n: int) -> None:
    """The next panel's bias takes its place; COMPUTE's token for LOAD says only that the operands were read."""
    spec = ContractionSpec.gemm(m, n, k, weights_layout="nk", has_bias=True)
    rng = np.random.default_rng(n)
    a, b = (rng.integers(-128, 128, shape, dtype=np.int8) for shape in ((m, k), (n, k)))
    bias = rng.integers(-(2**20), 2**20, n, dtype=np.int32)
    with Device.open("sim", TINY, memory_bytes=2**20, memory_latency=1) as device:
        result = device.allocate(m * n * 4)
        device.run(plan(spec, TINY).stream(), [device.place(a), device.place(b), device.place(bias), result])
        assert np.array_equal(result.read(np.int32, (m, n)), reference.gemm(a, b.T.copy(), bias))


@pytest.mark.parametrize("latency", [1, 32])
@pytest.mark.parametrize("dataflow", Dataflow)
@pytest.mark.parametrize(("m", "k", "n"), [(9, 4, 200), (33, 100, 61), (3, 700, 17), (200, 3, 1)])
def test_a_residual_is_there_before_it_is_added_and_stays_until_it_is_stored(
    m: int, k: int, n: int, dataflow: Dataflow, latency: int
) -> None:
    """The next panel's residual takes the place of a result that STORE reads; the RTL is the judge."""
    spec = replace(ContractionSpec.gemm(m, n, k), has_residual=True)
    operands = random_operands(spec, np.random.default_rng(n))
    contents = buffers(spec, operands, TINY)
    with Device.open("sim", TINY, memory_bytes=2**20, memory_latency=latency) as device:
        stream = plan(spec, TINY, dataflow).stream()
        verify(stream, TINY)
        places = [device.place(np.frombuffer(contents[slot.name], np.uint8)) for slot in stream.slots]
        device.run(stream, places)
        assert np.array_equal(places[-1].read(np.int32, (m, n)), expected(spec, operands))
