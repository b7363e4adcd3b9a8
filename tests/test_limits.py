"""The bound on cycles, against values of an independent program and against what must hold for any shape."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hwacc.config import ArrayConfig
from hwacc.limits import least_reads, limit_cycles

DEFAULT = ArrayConfig()
NARROW = ArrayConfig(bus_bytes=8)
KIB = 1024

KNOWN = {
    (16, 16, 16): (126, 78, 222, 126),
    (32, 32, 32): (320, 176, 578, 318),
    (64, 64, 64): (1120, 1072, 2146, 1090),
    (128, 128, 128): (8288, 8240, 8354, 8258),
    (256, 256, 256): (65632, 65584, 65698, 65602),
    (512, 512, 512): (524384, 524336, 524450, 524354),
    (1000, 37, 1021): (255319, 149223, 510571, 149231),
    (1, 512, 512): (16435, 16432, 32855, 32849),
    (197, 768, 768): (453940, 453925, 453962, 453932),
    (49, 576, 160): (17676, 17673, 17682, 17676),
    (784, 1152, 128): (451680, 451632, 451746, 451650),
}
"""M, K, N on the default array: int32 and int8 out at 16 bytes a cycle, then at 8."""

OTHERS = [
    ((300, 700, 200), {"rows": 4, "cols": 4, "bus_bytes": 4, "spm_bytes": 16 * KIB, "acc_bytes": 4 * KIB}, (2625024, 2625012), 3920000),
    ((77, 1000, 333), {"rows": 8, "cols": 8, "bus_bytes": 16, "spm_bytes": 64 * KIB, "acc_bytes": 16 * KIB}, (404272, 404267), 1076000),
    ((513, 65, 31), {"rows": 8, "cols": 16, "bus_bytes": 8, "spm_bytes": 16 * KIB, "acc_bytes": 4 * KIB}, (8483, 8477), 35360),
    ((1, 1, 1), {}, (3, 3), 2),
    ((100, 3000, 900), {"rows": 32, "cols": 32, "bus_bytes": 32, "spm_bytes": 64 * KIB}, (272666, 272665), 7200000),
    ((1000, 1000, 1000), {"spm_bytes": 16 * KIB, "acc_bytes": 4 * KIB}, (5937546, 5937534), 95000000),
    ((17, 15, 129), {"cols": 4}, (584, 582), 2190),
]
"""M, K, N, the configuration, int32 and int8 out, and the bytes that must be read."""


@pytest.mark.parametrize("shape", KNOWN, ids=lambda shape: "x".join(map(str, shape)))
def test_the_bound_of_a_known_shape(shape: tuple[int, int, int]) -> None:
    assert tuple(limit_cycles(*shape, out, config) for config in (DEFAULT, NARROW) for out in (4, 1)) == KNOWN[shape]


@pytest.mark.parametrize(("shape", "values", "cycles", "reads"), OTHERS, ids=lambda value: str(value) if isinstance(value, tuple) else "")
def test_the_bound_on_another_array(shape: tuple[int, int, int], values: dict[str, int], cycles: tuple[int, int], reads: int) -> None:
    config = ArrayConfig.from_dict(values)
    assert (limit_cycles(*shape, 4, config), limit_cycles(*shape, 1, config)) == cycles
    assert least_reads(*shape, config) == reads


def test_no_bound_promises_more_than_the_cells_or_the_bus_can_do() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  (pytest shows it with a failure)
    rng = random.Random(seed)
    for _ in range(300):
        m, k, n = (rng.randint(1, 300) for _ in range(3))
        out = rng.choice((1, 4))
        config = ArrayConfig(rows=rng.choice((4, 16)), cols=rng.choice((4, 16)), bus_bytes=rng.choice((4, 16)), spm_bytes=16 * KIB)
        cycles = limit_cycles(m, k, n, out, config)
        assert cycles * config.macs_per_cycle >= m * k * n, (m, k, n)
        assert cycles * config.bus_bytes >= max(m * k + k * n, m * n * out), (m, k, n)
        assert cycles >= limit_cycles(m, k, n, out, replace(config, bus_bytes=16)), "a wider bus is not slower"
        assert cycles >= limit_cycles(m, k, n, 1, config), "shorter results are not slower"


def test_where_no_tile_fits_each_operand_is_read_at_least_once() -> None:
    tiny = ArrayConfig(rows=16, cols=16, spm_bytes=256, acc_bytes=512)
    assert least_reads(40, 30, 20, tiny) == 40 * 30 + 30 * 20
