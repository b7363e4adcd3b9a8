"""Whole streams of the planner: the verifier accepts them, and fast memory does not upset them."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from hwacc import reference
from hwacc.compiler.emit.planner import plan
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import TINY, ArrayConfig
from hwacc.driver.device import Device
from hwacc.verifier import verify

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
        sizes |= {"out_channels": rng.choice((1, 4, 33, 150)), "weights_layout": rng.choice(("nk", "kn")), "has_bias": rng.random() < 0.7}
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
