"""Fuses the addition of a tensor to a contraction's int32 result into the contraction.

The accumulator may begin with any values, not only with a bias: the sum of a layer and of what went around it, or a product that is
added to what is there, as ``linalg.matmul`` does with its ``outs``:

    %y = "hwacc.gemm"(%x, %w, %zeros) {...} : ... -> tensor<4x3xi32>
    %z = linalg.generic ins(%y, %r) { linalg.yield (arith.addi %in, %in_0) }

becomes

    %z = "hwacc.gemm"(%x, %w, %r) {...} : (..., tensor<4x3xi32>) -> tensor<4x3xi32>

Only where the contraction has no bias, and nothing but views lies in between: the array adds one of the two. It moves behind what
computes the tensor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.constants import constant_array
from hwacc.compiler.dialects.hwacc import TENSOR_OPS, has_residual
from hwacc.compiler.transforms.build import VIEWS, replace
from hwacc.compiler.transforms.channel_values import is_identity
from hwacc.compiler.transforms.elementwise_match import is_element, only_elementwise_user
from hwacc.compiler.transforms.fuse_bias import addend
from hwacc.compiler.transforms.linalg_form import indexing_axes
from hwacc.compiler.transforms.moves import moves_after
from hwacc.compiler.transforms.passes import Pass
from hwacc.compiler.transforms.rearrange import reshaped
from hwacc.compiler.transforms.verify_hwacc import sound_ops

if TYPE_CHECKING:
    from mlir import ir


class FuseResidual(Pass):
    """``fuse-residual``: a tensor that is added to a contraction without bias is what its sums begin with."""

    name = "fuse-residual"

    def run(self, module: ir.Operation) -> None:
        for op in sound_ops(module, *TENSOR_OPS):
            if takes_residual(op):
                fuse(op)


def takes_residual(op: ir.Operation) -> bool:
    """Whether ``op`` gives int32, of sizes that are known, and adds nothing yet."""
    kind = op.results[0].type
    if has_residual(op) or op.attributes["input_zero_point"].value or not kind.has_static_shape:
        return False
    bias = constant_array(op.operands[2])
    return str(kind.element_type) == "i32" and bias is not None and not bias.any()


def fuse(op: ir.Operation) -> None:
    """Takes the addition behind ``op`` into it, if there is one."""
    from mlir import ir

    moves = moves_after(op.results[0])
    value = moves[-1].results[0] if moves else op.results[0]
    generic = only_elementwise_user(value)
    residual = added_tensor(generic, value) if generic is not None else None
    if generic is None or residual is None or any(move.name not in VIEWS for move in moves):
        return
    for each in (op, *moves):
        each.move_before(generic)
    with ir.InsertionPoint(op), op.location:
        op.operands[2] = reshaped(residual, list(op.results[0].type.shape))
    replace(generic, value)


def added_tensor(generic: ir.Operation, value: ir.Value) -> ir.Value | None:
    """The tensor, of the type of ``value``, whose elements ``generic`` adds to those of ``value``, if that is all it does."""
    element = addend(generic, value)
    if element is None or generic.results[0].type != value.type:
        return None
    maps = indexing_axes(generic) or []
    for operand, axes in zip(generic.operands, maps[:-1]):
        alike = operand.type == value.type and is_identity(axes)
        if operand != value and alike and is_element(generic, element, operand):
            return operand
    return None
