"""Builds of every kind multiply exactly on the RTL: sizes that are not square, wide ones, and those with one dataflow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from hwacc.config import TINY, ArrayConfig
from hwacc.driver.device import Device
from tests.sim.test_gemm import MEMORY_BYTES, differs

BUILDS = {
    "output-stationary": replace(TINY, dataflows="output-stationary"),
    "weight-stationary": replace(TINY, dataflows="weight-stationary"),
    "8x4": ArrayConfig(rows=8, cols=4, bus_bytes=4, spm_bytes=8192, acc_bytes=2048, channels=64),
    "4x8": ArrayConfig(rows=4, cols=8, bus_bytes=16, spm_bytes=8192, acc_bytes=4096, channels=64),
    "32x32": ArrayConfig(rows=32, cols=32, bus_bytes=32, spm_bytes=32768, acc_bytes=16384, channels=64),
}


@pytest.fixture(scope="module", params=list(BUILDS.values()), ids=list(BUILDS))
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    with Device.open("sim", request.param, memory_bytes=MEMORY_BYTES) as opened:
        yield opened


def test_gemms_equal_the_reference(device: Device) -> None:
    rng = np.random.default_rng(5)
    rows, cols = device.config.rows, device.config.cols
    shapes = [(rows, 16, cols), (2 * rows + 1, 2 * rows + 3, 3 * cols - 1), (1, 70, cols + 1), (49, 9, 5), (3, 3 * rows, 70)]
    wrong = [(shape, out) for shape in shapes for out in ("int8", "int32") if differs(device, rng, *shape, out)]
    assert not wrong, f"results of these M, K, N: {wrong}"
