"""Bias and parameters in the layout that the array reads."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hwacc.compiler.emit.pack import pack_bias, pack_parameters
from hwacc.config import TINY
from hwacc.errors import ModelError


def test_bias_is_padded_to_whole_column_tiles() -> None:
    assert pack_bias(np.array([1, -2, 3, 4, 5], np.int32), TINY).tolist() == [1, -2, 3, 4, 5, 0, 0, 0]


def test_parameters_are_eight_bytes_a_channel_and_padding_has_a_legal_shift() -> None:
    table = pack_parameters(np.array([-2, 0x12345678]), np.array([2, 62]), TINY)
    assert table.tolist() == [
        [0xFE, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0],
        [0x78, 0x56, 0x34, 0x12, 62, 0, 0, 0],
        [0, 0, 0, 0, 2, 0, 0, 0],
        [0, 0, 0, 0, 2, 0, 0, 0],
    ]


@pytest.mark.parametrize(
    ("multiplier", "shift", "sentence"),
    [
        ([1], [1], "shifts must be from 2 to 62, not 1 to 1"),
        ([1, 1], [2, 63], "shifts must be from 2 to 62, not 2 to 63"),
        ([2**31], [30], "multipliers must fit in 32 signed bits, not 2147483648 to 2147483648"),
        ([1, 2], [30], "multipliers and shifts must be one for each channel, not [2] and [1]"),
    ],
)
def test_parameters_out_of_range_are_refused(multiplier: list[int], shift: list[int], sentence: str) -> None:
    with pytest.raises(ModelError, match=f"^{re.escape(sentence)}$"):
        pack_parameters(np.array(multiplier), np.array(shift), TINY)


def test_a_bias_of_another_type_is_refused() -> None:
    with pytest.raises(ModelError, match=re.escape("a bias must be int32 of one dimension, not int64 [2]")):
        pack_bias(np.array([1, 2], np.int64), TINY)
