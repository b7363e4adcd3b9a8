"""Builds the ``hwacc.gemm`` of a contraction without windows."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwacc.compiler.constants import make_constant
from hwacc.compiler.dialects.hwacc import GEMM, NO_EPILOGUE, create, integer_attribute
from hwacc.compiler.transforms.build import elementwise, integer, tensor_type
from hwacc.compiler.transforms.int8_operands import can_fold, zero_points
from hwacc.compiler.transforms.linalg_form import Form
from hwacc.compiler.transforms.product_arrangement import axes_order, cheapest, order_of
from hwacc.compiler.transforms.rearrange import rearranged, reshaped, transposed
from hwacc.compiler.transforms.zero_point_terms import with_zero_points

if TYPE_CHECKING:
    from mlir import ir


def product(form: Form) -> ir.Value:
    """The contraction as a matrix product, or as a batch of them, with what it takes to bring the operands and the result into order."""
    found = cheapest(form)
    form = found.form
    points = zero_points(form)
    folds = can_fold(form)
    batch, rows, columns, inner = (form.shape(loops) for loops in (found.batch, found.rows, found.columns, found.inner))
    m, n, k, in_front = prod(rows), prod(columns), prod(inner), [prod(batch)] if prod(batch) > 1 else []
    left = rearranged(form.left.value, axes_order(form.left, found.input_loops), [*in_front, *((k, m) if found.input_km else (m, k))])
    right = rearranged(
        form.right.value, axes_order(form.right, found.weights_loops), [*in_front, *((k, n) if found.weights_kn else (n, k))]
    )
    bias = make_constant(np.zeros(prod(batch) * n, np.int32) if found.bias is None else found.bias)
    attributes = {
        "input_km": integer_attribute(int(found.input_km), 1),
        "weights_kn": integer_attribute(int(found.weights_kn), 1),
        "input_zero_point": integer_attribute(points[0] if folds else 0),
    }
    epilogue = {key: integer_attribute(value, width) for key, (value, width) in NO_EPILOGUE.items()}
    made = create(GEMM, [left, right, bias], tensor_type([*in_front, m, n], integer(32)), **attributes, **epilogue)
    total = made.results[0]
    if not folds:
        summed = (len(in_front) + int(not found.input_km), len(in_front) + int(not found.weights_kn))
        total = with_zero_points(total, (left, right), summed, points)
    total = transposed(reshaped(total, [*batch, *rows, *columns]), order_of(form.out, found.result_loops))
    return total if found.bias is not None else added(total, form.accumulator)


def added(total: ir.Value, start: ir.Value) -> ir.Value:
    """``total`` plus what the operation starts from, element by element, where that is no bias."""
    from mlir.dialects import arith

    return elementwise([total, start], integer(32), lambda one, other: arith.addi(one, other))
