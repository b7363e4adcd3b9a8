"""Panels for sizes that nobody knows: they fit on chip, and the memory keeps up where it can."""

from __future__ import annotations

import re

import pytest

from hwacc.compiler.writer.policy import LEAST_SLOTS, MEMORY_SHARE, MOST_SLOTS, policy_for, step_grain
from hwacc.config import TINY, ArrayConfig
from hwacc.errors import ModelError

CONFIGS = {
    "4x4": TINY,
    "8x8": ArrayConfig(rows=8, cols=8),
    "16x16": ArrayConfig(),
    "16x16 on a narrow bus": ArrayConfig(bus_bytes=8),
    "32x32": ArrayConfig(rows=32, cols=32),
    "8x32": ArrayConfig(rows=8, cols=32),
    "32x8": ArrayConfig(rows=32, cols=8),
    "64x64": ArrayConfig(rows=64, cols=64, spm_bytes=2**20, acc_bytes=2**18),
    "wide bus": ArrayConfig(bus_bytes=64),
    "small buffers": ArrayConfig(rows=4, cols=4, bus_bytes=4, spm_bytes=2**12, acc_bytes=2**10, channels=64),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_panels_fit_the_buffers(name: str) -> None:
    config = CONFIGS[name]
    policy = policy_for(config)
    assert policy.rows % config.rows == policy.columns % config.cols == policy.step % step_grain(config) == 0
    assert LEAST_SLOTS <= policy.slots <= MOST_SLOTS
    assert policy.slots * policy.step * max(policy.rows, policy.columns) <= config.operand_bytes
    assert 2 * policy.rows * policy.tiles + policy.side_slots * policy.tiles <= config.acc_words
    assert policy.side_slots * policy.tiles <= config.parameter_words


@pytest.mark.parametrize("name", ["4x4", "8x8", "16x16", "wide bus"])
def test_the_memory_keeps_up_where_the_accumulator_is_large_enough(name: str) -> None:
    assert policy_for(CONFIGS[name]).memory_share <= MEMORY_SHARE


def test_a_bias_stays_while_it_takes_little_of_the_accumulator() -> None:
    policy = policy_for(ArrayConfig())
    assert policy.keeps_bias(2048) and not policy.keeps_bias(2049)


def test_buffers_that_hold_no_panel_are_refused_in_one_line() -> None:
    config = ArrayConfig(rows=64, cols=64, spm_bytes=2**14, acc_bytes=2**14)
    with pytest.raises(ModelError, match=re.escape("the buffers of this array are too small for products of unknown sizes")):
        policy_for(config)
