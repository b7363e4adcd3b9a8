"""What each operation means, in NumPy: the living definition.

Hardware, functional model, compiler and CPU code are all held against these
functions. They are written to be read, not to be fast.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Int8 = NDArray[np.int8]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Scale = Int64 | np.int64 | int
"""One value, or one for each channel."""


def gemm(a: Int8, b: Int8, bias: Int32 | None = None) -> Int32:
    """``a @ b + bias`` with int8 [M, K] and [K, N], int32 [N]; the result is int32 [M, N] and wraps."""
    product = a.astype(np.int64) @ b.astype(np.int64)
    if bias is not None:
        product = product + bias.astype(np.int64)
    return wrap32(product)


def wrap32(values: Int64) -> Int32:
    """Low 32 bits, read as two's complement."""
    return (values & 0xFFFFFFFF).astype(np.uint32).view(np.int32)


def apply_scale(values: Int32, multiplier: Scale, shift: Scale, double_round: bool) -> Int64:
    """TOSA ``apply_scale_32``: ``(value * multiplier + round) >> shift``.

    ``multiplier`` and ``shift`` broadcast against ``values``; shift is 2 to 62.
    The source is the pseudo-code of ``apply_scale_32`` in the TOSA
    specification 1.0, section "RESCALE".
    """
    wide = values.astype(np.int64)
    places: Int64 = np.asarray(shift, dtype=np.int64)
    rounding: Int64 = np.left_shift(np.int64(1), places - 1)
    if double_round:
        step = np.where(wide >= 0, np.int64(1) << 30, -(np.int64(1) << 30))
        rounding = rounding + np.where(places > 31, step, 0)
    scaled: Int64 = np.right_shift(wide * np.asarray(multiplier, dtype=np.int64) + rounding, places)
    return scaled


def requantise(
    values: Int32,
    multiplier: Scale,
    shift: Scale,
    zero_point: int = 0,
    clamp_min: int = -128,
    clamp_max: int = 127,
    double_round: bool = False,
) -> Int8:
    """int32 [..., N] to int8: TOSA RESCALE with per-tensor or per-channel [N] parameters, then a clamp.

    The scaled value is taken modulo 2³², as TOSA's int32 result, before the zero point is added.
    """
    scaled = wrap32(apply_scale(values, multiplier, shift, double_round)).astype(np.int64)
    return np.clip(scaled + zero_point, clamp_min, clamp_max).astype(np.int8)


def conv2d(
    image: Int8,
    weights: Int8,
    bias: Int32 | None,
    *,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: tuple[int, int, int, int] = (0, 0, 0, 0),
    pad_value: int = 0,
) -> Int32:
    """Convolution of int8 NHWC by int8 OHWI weights; int32 NHWC.

    ``padding`` is (top, bottom, left, right) of ``pad_value``, the input's zero point.
    """
    top, bottom, left, right = padding
    padded = np.pad(image, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=pad_value)
    out_channels, kernel_h, kernel_w, _ = weights.shape
    height = (padded.shape[1] - dilation[0] * (kernel_h - 1) - 1) // stride[0] + 1
    width = (padded.shape[2] - dilation[1] * (kernel_w - 1) - 1) // stride[1] + 1
    total = np.zeros((image.shape[0], height, width, out_channels), np.int64)
    for y in range(kernel_h):
        for x in range(kernel_w):
            rows = slice(y * dilation[0], y * dilation[0] + (height - 1) * stride[0] + 1, stride[0])
            columns = slice(x * dilation[1], x * dilation[1] + (width - 1) * stride[1] + 1, stride[1])
            total += padded[:, rows, columns, :].astype(np.int64) @ weights[:, y, x, :].T.astype(np.int64)
    if bias is not None:
        total += bias.astype(np.int64)
    return wrap32(total)
