"""Quantises floats exactly as the interpreter does.

TOSA has no division and no saturating cast to int8: the converter writes a
QUANTIZE as a multiplication by a rounded reciprocal, a cast that rounds halves
to even, and a cast to int8 that wraps. TensorFlow Lite Micro (``AffineQuantize``
in ``quantize.h``) divides by the scale in float32, rounds halves away from
zero, adds the zero point and saturates. So the sequence is replaced, with the
scale that the importer noted from the file:

    %1 = tosa.mul %x, %reciprocal, %shift : (tensor<4xf32>, tensor<1xf32>, tensor<1xi8>) -> tensor<4xf32>
    %2 = tosa.cast %1 : (tensor<4xf32>) -> tensor<4xi32>
    %3 = tosa.add %2, %zero_point : (tensor<4xi32>, tensor<1xi32>) -> tensor<4xi32>
    %4 = tosa.cast %3 {hwacc.scale = 0.1 : f32, hwacc.zero_point = 83 : i32} : (tensor<4xi32>) -> tensor<4xi8>

becomes one ``linalg.generic`` on ``%x`` that holds

    %0 = arith.divf %in, %scale : f32
    %1 = math.round %0 : f32
    %2 = arith.maxnumf %1, %low : f32        // -128 - 83
    %3 = arith.minnumf %2, %high : f32       //  127 - 83
    %4 = arith.fptosi %3 : f32 to i32
    %5 = arith.addi %4, %zero_point : i32
    %6 = arith.trunci %5 : i32 to i8

Clamping before the conversion to an integer gives the same numbers and leaves
nothing undefined: what lies outside int32 saturates, and NaN becomes the
smallest value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.context import source_name
from hwacc.compiler.transforms.build import defining, elementwise, replace, scalar
from hwacc.compiler.transforms.passes import Pass, walk

if TYPE_CHECKING:
    from mlir import ir

SCALE = "hwacc.scale"
"""Attribute of a marked cast: the float32 scale."""

ZERO_POINT = "hwacc.zero_point"
"""Attribute of a marked cast: the zero point."""


class ExactQuantise(Pass):
    """``exact-quantise``: marked casts of floats to integers, with their sequence, become division, rounding and saturation."""

    name = "exact-quantise"

    def run(self, module: ir.Operation) -> None:
        for op in walk(module, "tosa.cast"):
            if SCALE in op.attributes:
                rewrite(op)


def rewrite(cast: ir.Operation) -> None:
    """Replaces the sequence that ends in ``cast``, if it starts from floats."""
    from mlir import ir

    source = quantised_value(cast)
    if not isinstance(source.type.element_type, ir.F32Type):
        return
    scale, zero_point = cast.attributes[SCALE].value, cast.attributes[ZERO_POINT].value
    with ir.InsertionPoint(cast), cast.location:
        result = quantise(source, cast.results[0].type.element_type, scale, zero_point)
    replace(cast, result)


def quantised_value(cast: ir.Operation) -> ir.Value:
    """What the sequence quantises: the first operand outside the operations that bear the same name as ``cast``."""
    value = cast.operands[0]
    while True:
        op = defining(value)
        if op is None or op.name not in ("tosa.cast", "tosa.add", "tosa.mul") or source_name(op.location) != source_name(cast.location):
            return value
        value = op.operands[0]


def quantise(source: ir.Value, element: ir.IntegerType, scale: float, zero_point: int) -> ir.Value:
    """``saturate(round(source / scale) + zero_point)``."""
    from mlir import ir
    from mlir.dialects import arith, math

    real, word = ir.F32Type.get(), ir.IntegerType.get_signless(32)
    low, high = -(1 << (element.width - 1)), (1 << (element.width - 1)) - 1

    def body(value: ir.Value) -> ir.Value:
        rounded = math.round(arith.divf(value, scalar(scale, real)))
        above = arith.maxnumf(rounded, scalar(float(low - zero_point), real))
        inside = arith.minnumf(above, scalar(float(high - zero_point), real))
        shifted = arith.addi(arith.fptosi(word, inside), scalar(zero_point, word))
        return arith.trunci(element, shifted)

    return elementwise([source], element, body)
