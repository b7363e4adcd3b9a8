"""Plain GEMMs on the RTL against the reference, random shapes and the planner's own choices; small ones are in test_small_products."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from hwacc.compiler.emit.gemm import gemm_reference, gemm_spec, gemm_stream
from hwacc.config import ArrayConfig
from hwacc.driver.device import Device

MEMORY_BYTES = 2**20
RANDOM_SHAPES = 200
LARGEST = 200


@pytest.fixture(scope="module")
def default() -> Iterator[Device]:
    with Device.open("sim", ArrayConfig(), memory_bytes=MEMORY_BYTES) as device:
        yield device


def differs(device: Device, rng: np.random.Generator, m: int, k: int, n: int, out: str) -> bool:
    """Runs one GEMM with random operands, whose cycle account must be balanced; whether its result differs from the reference."""
    spec = gemm_spec(m, k, n, out)
    a = rng.integers(-128, 128, (m, k), dtype=np.int8)
    b = rng.integers(-128, 128, (k, n), dtype=np.int8)
    expected = gemm_reference(spec, a, b)
    with device.place(a) as west, device.place(b) as north, device.place(np.full_like(expected, 0x55)) as result:
        completion = device.run(gemm_stream(m, k, n, out, device.config), [west, north, result])
        assert sum(completion.account.values()) == completion.cycles
        return not np.array_equal(result.read(expected.dtype, expected.shape), expected)


@pytest.mark.parametrize("seed", range(RANDOM_SHAPES))
def test_a_random_shape_equals_the_reference(default: Device, seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, k, n = (int(size) for size in rng.integers(1, LARGEST + 1, 3))
    out = str(rng.choice(["int8", "int32"]))
    assert not differs(default, rng, m, k, n, out), f"seed {seed}: M {m}, K {k}, N {n} as {out}"
