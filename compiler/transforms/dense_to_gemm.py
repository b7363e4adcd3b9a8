"""Turns convolutions that are matrix products into ``hwacc.gemm``.

A fully connected layer arrives as a 1×1 convolution over a picture of one
pixel. As a matrix product [batch, channels] by [outputs, channels] it is what
its author wrote, and the planner may choose operand roles freely.

    %y = "hwacc.conv2d"(%x, %w, %b, %m, %s) : (tensor<4x1x1x64xi8>, tensor<10x1x1x64xi8>, ...) -> tensor<4x1x1x10xi8>

becomes

    %x2 = tensor.collapse_shape %x [[0], [1, 2, 3]] : tensor<4x1x1x64xi8> into tensor<4x64xi8>
    %y2 = "hwacc.gemm"(%x2, %w2, %b, %m, %s) {weights_kn = false, ...} : (tensor<4x64xi8>, tensor<10x64xi8>, ...) -> tensor<4x10xi8>
    %y = tensor.expand_shape %y2 [[0], [1, 2, 3]] output_shape [4, 1, 1, 10] : tensor<4x10xi8> into tensor<4x1x1x10xi8>

Reshapes are views: they cost nothing, and canonicalisation cancels them
between layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.constants import constant_array, make_constant
from hwacc.compiler.dialects.hwacc import CONV2D, GEMM, create, group_count, has_residual, integer_attribute
from hwacc.compiler.transforms.build import replace, tensor_type
from hwacc.compiler.transforms.passes import Pass
from hwacc.compiler.transforms.verify_hwacc import sound_ops

if TYPE_CHECKING:
    from mlir import ir

KEPT = ("input_zero_point", "double_round", "zero_point", "clamp_min", "clamp_max")
"""Attributes that both operations have."""

GROUPS = [[0], [1, 2, 3]]
"""NHWC dimensions that become rows and columns of the matrix."""


class DenseToGemm(Pass):
    """``dense-to-gemm``: ``hwacc.conv2d`` over single pixels becomes ``hwacc.gemm``."""

    name = "dense-to-gemm"

    def run(self, module: ir.Operation) -> None:
        for op in sound_ops(module, CONV2D):
            if single_pixel(op):
                rewrite(op)


def single_pixel(op: ir.Operation) -> bool:
    """Whether picture and kernel are 1×1, without padding, in one group."""
    image, weights = (list(op.operands[i].type.shape) for i in (0, 1))
    return [*image[1:3], *weights[1:3]] == [1, 1, 1, 1] and not any(op.attributes["padding"]) and group_count(op) == 1


def rewrite(op: ir.Operation) -> None:
    """Replaces ``op`` by reshapes around a ``hwacc.gemm``."""
    from mlir import ir
    from mlir.dialects import tensor

    result = op.results[0].type
    batch, _, _, channels = list(result.shape)
    attributes = {name: op.attributes[name] for name in KEPT}
    with ir.InsertionPoint(op), op.location:
        matrices = 3 if has_residual(op) else 2
        operands = [*map(as_matrix, list(op.operands)[:matrices]), *list(op.operands)[matrices:]]
        flat = tensor_type([batch, channels], result.element_type)
        gemm = create(GEMM, operands, flat, input_km=integer_attribute(0, 1), weights_kn=integer_attribute(0, 1), **attributes)
        replace(op, tensor.expand_shape(result, gemm.results[0], GROUPS, [], list(result.shape)))


def as_matrix(value: ir.Value) -> ir.Value:
    """A tensor [N, 1, 1, C] as [N, C]; a constant stays one."""
    from mlir import ir
    from mlir.dialects import tensor

    rows, _, _, columns = list(value.type.shape)
    array = constant_array(value)
    if array is None:
        return tensor.collapse_shape(tensor_type([rows, columns], value.type.element_type), value, GROUPS)
    with ir.InsertionPoint.at_block_begin(value.owner.operation.block), value.owner.location:
        return make_constant(array.reshape(rows, columns))
