"""Floats as int8: a scale, and numbers from -128 to 127 that count it.

A number x becomes q = round(x / scale) + zero point, halves to even, clamped
to int8; it stands for scale · (q - zero point). Three ways to a scale:

* a constant (weights): one for each channel, from the largest magnitude, here;
* an activation with a known range: one, a constant; its zero point makes use
  of both ends of int8 where the range is not symmetric;
* any other activation: one for each row, and a zero point where it may have
  one, from the row's least and largest value, in the task before.

Where there is no zero point, -128 is not used: the range is symmetric. A scale
is never 0: rows of zeros give zeros. A row with NaN or infinity gives results
that are not finite, and spoils no other row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import constant_array, make_constant
from hwacc.compiler.transforms.build import integer, scalar
from hwacc.compiler.transforms.loop_nest import Read, in_order, nest, reduction
from hwacc.compiler.transforms.reasons import NotForArray
from hwacc.compiler.transforms.rounding import (
    HIGH,
    LEAST_SCALE,
    LOW,
    LOWEST,
    clamped_to_integer,
    f32,
    rounded_and_shifted,
    rounded_to_int8,
    single,
)

if TYPE_CHECKING:
    from mlir import ir

Range = tuple[float, float]
"""Least and largest value that an activation takes."""


@dataclass(frozen=True)
class Scale:
    """Scales of a quantised tensor: one number, or one for each turn of ``loops``; constants as float32 arrays, else a tensor."""

    loops: tuple[int, ...]
    constant: NDArray[np.float32] | None = None
    value: ir.Value | None = None

    def read(self) -> Read:
        """How the scales are read."""
        return Read(make_constant(self.constant) if self.constant is not None else self.value, self.loops)


@dataclass(frozen=True)
class Quantised:
    """An int8 tensor with dimensions in the order that was asked for."""

    value: ir.Value
    scale: Scale
    zero_point: int = 0
    zero_points: Read | None = None
    """One for each row instead, int32, of the same loops as the scale."""


def quantise(
    read: Read, order: Sequence[int], kept: Sequence[int], limits: Range | None, place: ir.Location, *, shifted: bool = False
) -> Quantised:
    """``read`` as int8, its dimensions in ``order``.

    A constant, or an activation of which no ``limits`` are known, has a scale
    for each turn of the loops ``kept``. ``place`` is the location of weights; ``shifted`` allows a zero point.
    Raises :class:`NotForArray` for a constant that is not finite.
    """
    array = constant_array(read.value)
    if array is not None:
        with place:
            return quantised_constant(in_order(array, read.loops, order), order, kept)
    if limits is not None:
        return quantised_by_range(read, order, limits, shifted=shifted)
    return quantised_by_rows(read, order, kept, shifted=shifted)


def quantised_constant(array: NDArray[Any], order: Sequence[int], kept: Sequence[int]) -> Quantised:
    """A constant with a scale for each channel; raises :class:`NotForArray` if it is not finite."""
    if not np.isfinite(array).all():
        raise NotForArray("its weights hold infinities or NaN, which int8 cannot")
    others = tuple(axis for axis, loop in enumerate(order) if loop not in kept)
    largest = np.abs(array.astype(np.float32)).max(axis=others, keepdims=True, initial=0)
    scale = np.maximum(largest / np.float32(HIGH), np.float32(LEAST_SCALE))
    rounded = np.clip(np.rint(array / scale), LOW, HIGH).astype(np.int8)
    loops = tuple(loop for loop in order if loop in kept)
    return Quantised(make_constant(rounded), Scale(loops, scale.squeeze(axis=others).astype(np.float32)))


def quantised_by_range(read: Read, order: Sequence[int], limits: Range, *, shifted: bool) -> Quantised:
    """An activation of which the range is known: one scale."""
    scale, zero_point = scale_of(limits, shifted=shifted)
    low = LOWEST if shifted else LOW

    def body(x: ir.Value) -> ir.Value:
        return rounded_to_int8(single(x), scalar(float(scale), f32()), low, zero_point)

    return Quantised(nest([read], order, integer(8), body), Scale((), np.array(scale)), zero_point)


def scale_of(limits: Range, *, shifted: bool) -> tuple[np.float32, int]:
    """The scale and the zero point with which int8 covers ``limits`` and 0; 1 and 0 where they hold nothing but 0.

    The zero point is 0 unless ``shifted``. The number 0 is always exact, because padding is made of it.
    """
    low, high = min(limits[0], 0.0), max(limits[1], 0.0)
    if low == high:
        return np.float32(1), 0
    if not shifted:
        return np.float32(max(max(high, -low) / HIGH, LEAST_SCALE)), 0
    scale = np.float32(max((high - low) / (HIGH - LOWEST), LEAST_SCALE))
    return scale, int(np.clip(LOWEST - np.rint(low / float(scale)), LOWEST, HIGH))


def quantised_by_rows(read: Read, order: Sequence[int], kept: Sequence[int], *, shifted: bool) -> Quantised:
    """An activation of which nothing is known: a scale for each row, and a zero point if it may be ``shifted``, found at run time."""
    from mlir.dialects import arith, math

    loops = tuple(loop for loop in order if loop in kept)
    zero = scalar(0.0, f32())
    if shifted:
        low = Read(reduction(read, loops, zero, lambda x, least: arith.minimumf(least, single(x))), loops)
        high = Read(reduction(read, loops, zero, lambda x, most: arith.maximumf(most, single(x))), loops)
        scale = Read(nest([low, high], loops, f32(), lambda least, most: step(arith.subf(most, least), HIGH - LOWEST)), loops)
        points = Read(nest([low, scale], loops, integer(32), zero_point_of), loops)
        value = nest([read, scale, points], order, integer(8), lambda x, *row: rounded_and_shifted(single(x), *row))
        return Quantised(value, Scale(loops, value=scale.value), zero_points=points)
    largest = Read(reduction(read, loops, zero, lambda x, most: arith.maximumf(most, math.absf(single(x)))), loops)
    scale = Read(nest([largest], loops, f32(), lambda most: step(most, HIGH)), loops)
    value = nest([read, scale], order, integer(8), lambda x, scale: rounded_to_int8(single(x), scale, LOW, 0))
    return Quantised(value, Scale(loops, value=scale.value))


def step(extent: ir.Value, count: int) -> ir.Value:
    """The scale that covers ``extent`` in ``count`` steps."""
    from mlir.dialects import arith

    return arith.maximumf(arith.divf(extent, scalar(float(count), f32())), scalar(LEAST_SCALE, f32()))


def zero_point_of(low: ir.Value, scale: ir.Value) -> ir.Value:
    """What stands for 0 where -128 stands for ``low``."""
    from mlir.dialects import arith, math

    return clamped_to_integer(arith.subf(scalar(float(LOWEST), f32()), math.roundeven(arith.divf(low, scale))), LOWEST, HIGH)
