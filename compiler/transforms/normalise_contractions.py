"""Brings every convolution and matrix product to one form.

A contraction reaches linalg in many spellings: as an operation of its own name or a ``linalg.generic``, its dimensions in any
order, with and without zero points, its padding a ``tensor.pad`` before it, its bias broadcast into the accumulator. The array
knows two: an NHWC convolution and a matrix product (or a batch of them), int8 by int8 plus a bias for each output channel, padding
folded into the way in which the input is read. Everything after this pass deals with those alone.

    %padded = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] { tensor.yield %c-128_i8 }
    %init = linalg.generic { linalg.yield %in } ins(%bias : tensor<16xi32>) outs(%empty)
    %y = linalg.conv_2d_nhwc_fhwc_q {strides = dense<2>} ins(%padded, %w, %c-128, %c0) outs(%init)

becomes

    %y = "hwacc.conv2d"(%x, %w, %bias) {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>,
        padding = array<i64: 1, 1, 1, 1>, pad_value = -128 : i32, input_zero_point = -128 : i32, ...}

and a contraction without windows ``hwacc.gemm``:

    %y = linalg.generic {indexing_maps = [(b, i, j, k) -> (b, i, k), (b, i, j, k) -> (b, j, k), (b, i, j, k) -> (b, i, j)], ...}
    %y = "hwacc.gemm"(%q, %k, %zeros) {input_km = false, weights_kn = false, ...} : (tensor<12x9x64xi8>, tensor<12x9x64xi8>, ...)

What a contraction says is read from its maps and its body, see :mod:`.linalg_form`, never from its name. Dimensions in an order that
the DMA cannot follow are transposed on the CPU; constants are here. A convolution that reads the first rows and columns of a tensor,
but would visit the same ones without the ``tensor.extract_slice``, reads the tensor. What does not fit keeps its form and gets a
reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.transforms.build import replace
from hwacc.compiler.transforms.int8_operands import require_int8, require_short
from hwacc.compiler.transforms.linalg_form import LIKE_A_PRODUCT, Form, read_form, resembles_product
from hwacc.compiler.transforms.loop_roles import with_roles
from hwacc.compiler.transforms.narrow_factors import narrowed
from hwacc.compiler.transforms.open_sizes import product_of_open_sizes
from hwacc.compiler.transforms.passes import Pass, walk
from hwacc.compiler.transforms.reasons import NotForArray, note, noted, require_in_function
from hwacc.compiler.transforms.to_conv2d import convolution
from hwacc.compiler.transforms.to_gemm import product

if TYPE_CHECKING:
    from mlir import ir


class NormaliseContractions(Pass):
    """``normalise-contractions``: contractions of linalg, named or generic, become ``hwacc.conv2d`` and ``hwacc.gemm``."""

    name = "normalise-contractions"

    def run(self, module: ir.Operation) -> None:
        from mlir import ir

        for op in [each for each in walk(module) if each.name.startswith("linalg.") and len(each.regions)]:
            form = read_form(op)
            if form is None:
                if resembles_product(op):
                    note_unless_noted(op, LIKE_A_PRODUCT)
                continue
            try:
                require_in_function(op)
                if not len(op.results):
                    raise NotForArray("works on memrefs; the array takes operations on tensors")
                with ir.InsertionPoint(op), op.location:
                    replace(op, for_array(form))
            except NotForArray as reason:
                note_unless_noted(op, str(reason))


def note_unless_noted(op: ir.Operation, reason: str) -> None:
    """Notes ``reason`` on ``op``, unless a pass before this one, which saw more of the source, noted another."""
    if not noted(op):
        note(op, reason)


def for_array(form: Form) -> ir.Value:
    """What computes the form with an operation of the array; raises :class:`NotForArray`."""
    form = narrowed(form)
    require_int8(form)
    form, roles = with_roles(form)
    require_short(form, roles)
    if not form.has_known_sizes:
        return product_of_open_sizes(form, roles)
    return convolution(form, roles) if roles.windows else product(form)
