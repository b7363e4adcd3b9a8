"""Rewrites float contractions so that the array can run them: int8 by int8 into int32, and floats again.

The array multiplies int8. A float product is close to an integer product of
rounded numbers, if each row of the left operand and each column of the right
one has a scale of its own, because a scale then is a factor of whole sums:

    y[m, n] = sum(x[m, k] * w[k, n]) + bias[n]
            ≈ sx[m] * sw[n] * (sum(qx[m, k] * qw[k, n]) - zx[m] * sum(qw[k, n])) + bias[n]

where zx is the number that stands for 0 in a row: it lets int8 span rows that
are not symmetric. Only the sum needs the array. What comes before (finding
scales, rounding) and after (multiplying by the scales) is elementwise and
merges with the float code around it.

    %y = linalg.matmul ins(%x, %w : tensor<5x24xf32>, tensor<24x10xf32>) outs(%bias)

becomes

    %low, %high = linalg.generic ins(%x) { arith.minimumf }, { arith.maximumf }  : tensor<5xf32>
    %scale, %zero = linalg.generic ins(%low, %high) { (high - low) / 255 }, ...  : tensor<5xf32>, tensor<5xi32>
    %qx = linalg.generic ins(%x, %scale, %zero) { round(x / scale) + zero }      : tensor<5x24xi8>
    %sum = linalg.matmul ins(%qx, %qw) outs(%zeros)                              : tensor<5x10xi32>
    %y = linalg.generic ins(%sum, %zero, %sums, %scale, %sw, %bias) { scale * sw * (sum - zero * sums) + bias } : tensor<5x10xf32>

With a range noted on the operation (see :mod:`.layers`) the scale of ``%x`` is
a constant, and the product a ``linalg.quantized_matmul`` where a zero point
helps. Whatever the order of dimensions was, the integer product has the plain
one; the loops that round and that scale move the elements on their way. A
convolution becomes NHWC by OHWI, with a scale for each picture. What cannot be
quantised stays as it is, with the reason noted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.transforms.build import replace
from hwacc.compiler.transforms.layers import CONVOLUTIONS, FLOAT, place_of, sound_layers
from hwacc.compiler.transforms.linalg_form import is_shaped, read_form
from hwacc.compiler.transforms.passes import Pass, walk
from hwacc.compiler.transforms.quantised_convolution import quantised_convolution
from hwacc.compiler.transforms.quantised_product import quantised_product
from hwacc.compiler.transforms.reasons import NotForArray, is_in_function, note

if TYPE_CHECKING:
    from mlir import ir


KEPT = "stays float, as was asked for"
OPEN_SIZES = "stays float: its sizes are known only at run time"
OTHER_FORM = "stays float: matrix products, and convolutions of one group and at most two dimensions, become int8"


class QuantiseContractions(Pass):
    """``quantise-contractions``: float products and convolutions become integer ones between rounding and scaling."""

    name = "quantise-contractions"

    def run(self, module: ir.Operation) -> None:
        found = sound_layers(module, named=False)
        for op in walk(module):
            if op not in found and is_float_contraction(op) and is_in_function(op):
                note(op, OTHER_FORM if has_known_sizes(op) else OPEN_SIZES)
        for op in found:
            if FLOAT in op.attributes:
                note(op, KEPT)
                continue
            result = quantised(op)
            if result is not None:
                replace(op, result)


def is_float_contraction(op: ir.Operation) -> bool:
    """Whether ``op`` is a contraction of floats on tensors, of whatever form."""
    from mlir import ir

    form = read_form(op)
    return form is not None and bool(len(op.results)) and isinstance(form.accumulator.type.element_type, ir.FloatType)


def has_known_sizes(op: ir.Operation) -> bool:
    """Whether the sizes of its operands and its result are known before run time."""
    return all(value.type.has_static_shape for value in (*op.operands, *op.results) if is_shaped(value))


def quantised(op: ir.Operation) -> ir.Value | None:
    """The result of a layer, computed with int8; None, with the reason noted on it, where that is not possible."""
    from mlir import ir

    try:
        with ir.InsertionPoint(op), place_of(op, "quantise"):
            return quantised_convolution(op) if op.name in CONVOLUTIONS else quantised_product(op)
    except NotForArray as reason:
        note(op, str(reason))
        return None
