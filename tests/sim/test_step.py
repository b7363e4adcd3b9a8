"""The C++ steps against the RTL: every output in every cycle, under random inputs."""

from __future__ import annotations

from typing import Any

import pytest

from hwacc.config import DATAFLOWS, ArrayConfig
from hwacc.errors import DeviceError
from hwacc.sim.step import Array
from tests.rtl.simulate import fresh_random
from tests.sim.lockstep import first_difference

CYCLES = 200_000
SMALL: dict[str, Any] = {"spm_bytes": 2048, "channels": 64}  # so that reads soon find what writes left
CONFIGS = [
    *(ArrayConfig(rows=size, cols=size, dataflows=flows, **SMALL) for size in (4, 8, 16) for flows in DATAFLOWS),
    ArrayConfig(rows=2, cols=8, **SMALL),
    ArrayConfig(rows=64, cols=2, bus_bytes=8, **SMALL),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.rows}x{config.cols}-{config.dataflows}")
def test_steps_equal_their_rtl_in_every_cycle(config: ArrayConfig) -> None:
    cycles = CYCLES * 16 // max(16, config.macs_per_cycle)
    assert first_difference(config, fresh_random().randrange(2**32), cycles) == -1


def test_a_wrong_bit_is_found() -> None:
    assert 0 <= first_difference(CONFIGS[0], fresh_random().randrange(2**32), CYCLES, broken=True) < 10_000


def test_without_a_wish_it_is_the_step_and_for_a_waveform_the_rtl() -> None:
    assert Array.chosen(None, waveform=False) is Array.STEP
    assert Array.chosen(None, waveform=True) is Array.RTL
    assert Array.chosen("rtl", waveform=False) is Array.RTL


def test_a_wish_that_cannot_be_met_is_refused_in_words() -> None:
    with pytest.raises(DeviceError, match=r"^array must be rtl or step, not 'fast'$"):
        Array.chosen("fast", waveform=False)
    with pytest.raises(DeviceError, match=r"^a waveform shows the RTL, and a step has none; choose array rtl, or no waveform$"):
        Array.chosen("step", waveform=True)
