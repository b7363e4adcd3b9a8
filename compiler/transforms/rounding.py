"""From floats to int8, number by number, in the bodies of loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.transforms.build import integer, scalar

if TYPE_CHECKING:
    from mlir import ir

LOW, HIGH = -127, 127
"""Symmetric int8."""
LOWEST = -128
"""The least int8, used where there is a zero point."""
LEAST_SCALE = 2.0**-126
"""Smallest scale, the least normal float32: dividing by it gives 0 for 0."""


def rounded_to_int8(x: ir.Value, scale: ir.Value, low: int, zero_point: int) -> ir.Value:
    """``x / scale`` rounded, halves to even, plus the zero point, clamped to ``low``..127; what NaN becomes does not matter."""
    from mlir.dialects import arith, math

    counted = math.roundeven(arith.divf(x, scale))
    least, most = (limit - zero_point for limit in (low, HIGH))
    shifted = arith.addi(clamped_to_integer(counted, least, most), scalar(zero_point, integer(32)))
    return arith.trunci(integer(8), shifted)


def rounded_and_shifted(x: ir.Value, scale: ir.Value, zero_point: ir.Value) -> ir.Value:
    """The same with a zero point, an i32, that is not known before run time; -128..127."""
    from mlir.dialects import arith, math

    counted = math.roundeven(arith.divf(x, scale))
    shifted = arith.addf(counted, arith.sitofp(f32(), zero_point))
    return arith.trunci(integer(8), clamped_to_integer(shifted, LOWEST, HIGH))


def clamped_to_integer(x: ir.Value, low: int, high: int) -> ir.Value:
    """A float without a fraction as i32, clamped: as a float, because what lies outside int32, or is NaN, has no defined conversion."""
    from mlir.dialects import arith

    least, most = (scalar(float(limit), f32()) for limit in (low, high))
    return arith.fptosi(integer(32), arith.minnumf(arith.maxnumf(x, least), most))


def f32() -> ir.Type:
    """The type in which scales, and numbers that are scaled, are computed."""
    from mlir import ir

    return ir.F32Type.get()


def single(x: ir.Value) -> ir.Value:
    """A float of any width as float32."""
    return converted(x, f32())


def converted(x: ir.Value, kind: ir.Type) -> ir.Value:
    """A float as another kind of float."""
    from mlir.dialects import arith

    if x.type == kind:
        return x
    # Of two types with one width (f16, bf16) neither holds the other; they meet in float32 only.
    return arith.extf(kind, x) if x.type.width < kind.width else arith.truncf(kind, x)
