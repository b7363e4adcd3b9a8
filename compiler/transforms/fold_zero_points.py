"""Folds the input's zero point into the bias.

The array multiplies plain int8. With zero point z the sum over a window is
``sum((x - z) * w) = sum(x * w) - z * sum(w)``, and the last term is a constant
for each output channel. It holds at the edges of the picture as well, because
what the padding inserts goes through the same sum.

    %y = "hwacc.conv2d"(%x, %w, %bias) {input_zero_point = -128 : i32, ...}

becomes, with ``%bias2 = %bias + 128 * sum(%w)`` computed here (modulo 2³², as
the accumulator counts),

    %y = "hwacc.conv2d"(%x, %w, %bias2) {input_zero_point = 0 : i32, ...}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import constant_array, make_constant
from hwacc.compiler.dialects.hwacc import GEMM, TENSOR_OPS, has_residual, integer_attribute
from hwacc.compiler.transforms.passes import Pass
from hwacc.compiler.transforms.verify_hwacc import sound_ops
from hwacc.reference import wrap32

if TYPE_CHECKING:
    from mlir import ir


class FoldZeroPoints(Pass):
    """``fold-zero-points``: ``input_zero_point`` becomes 0 where the weights are constant."""

    name = "fold-zero-points"

    def run(self, module: ir.Operation) -> None:
        from mlir import ir

        for op in sound_ops(module, *TENSOR_OPS):
            if op.attributes["input_zero_point"].value == 0 or has_residual(op):
                continue
            weights, bias = constant_array(op.operands[1]), constant_array(op.operands[2])
            if weights is None or bias is None:
                continue
            folded = fold(bias, weights, op.attributes["input_zero_point"].value, channel_axes(op))
            with ir.InsertionPoint(op), op.location:
                op.operands[2] = make_constant(folded)
                op.attributes["input_zero_point"] = integer_attribute(0)


def channel_axes(op: ir.Operation) -> tuple[int, ...]:
    """The axes of the weights that count output channels."""
    rank = len(op.operands[1].type.shape)
    return (*range(rank - 2), rank - 1 if op.attributes["weights_kn"].value else rank - 2) if op.name == GEMM else (0,)


def fold(bias: NDArray[Any], weights: NDArray[Any], zero_point: int, axes: tuple[int, ...]) -> NDArray[np.int32]:
    """``bias - zero_point * sum(weights)`` for each channel, int32."""
    others = tuple(i for i in range(weights.ndim) if i not in axes)
    sums = weights.astype(np.int64).sum(axis=others).ravel()
    return wrap32(bias.astype(np.int64) - zero_point * sums)
