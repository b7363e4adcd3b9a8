"""Bias and requantisation parameters as the array reads them from memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.config import PARAMETER_BYTES, ArrayConfig
from hwacc.errors import ModelError

SHIFTS = (2, 62)
"""Smallest and largest shift that TOSA's ``apply_scale_32``, and the hardware, define."""


def pack_bias(bias: NDArray[Any], config: ArrayConfig) -> NDArray[np.int32]:
    """int32 [N] to int32 [ceil(N / cols) * cols]; the rest is 0."""
    if bias.ndim != 1 or bias.dtype != np.int32:
        raise ModelError(f"a bias must be int32 of one dimension, not {bias.dtype} {list(bias.shape)}")
    return np.pad(bias, (0, -len(bias) % config.cols))


def pack_parameters(multiplier: NDArray[Any], shift: NDArray[Any], config: ArrayConfig) -> NDArray[np.uint8]:
    """Multipliers and shifts, [N] each, to uint8 [ceil(N / cols) * cols, 8]: i32 multiplier, u8 shift, 3 zeros; little-endian.

    Channels beyond N get a shift that the hardware accepts. Raises :class:`ModelError` for values out of range.
    """
    if multiplier.ndim != 1 or multiplier.shape != shift.shape:
        raise ModelError(f"multipliers and shifts must be one for each channel, not {list(multiplier.shape)} and {list(shift.shape)}")
    low, high = SHIFTS
    if len(shift) and not low <= int(shift.min()) <= int(shift.max()) <= high:
        raise ModelError(f"shifts must be from {low} to {high}, not {int(shift.min())} to {int(shift.max())}")
    if len(multiplier) and not -(2**31) <= int(multiplier.min()) <= int(multiplier.max()) < 2**31:
        raise ModelError(f"multipliers must fit in 32 signed bits, not {int(multiplier.min())} to {int(multiplier.max())}")
    table = np.zeros((len(shift) + -len(shift) % config.cols, PARAMETER_BYTES), np.uint8)
    table[: len(shift), :4] = multiplier.astype("<i4").view(np.uint8).reshape(-1, 4)
    table[:, 4] = low
    table[: len(shift), 4] = shift
    return table
