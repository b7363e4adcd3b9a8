"""Fuses the addition of a constant to a contraction's int32 result into its bias.

Frameworks differ in where the bias is: TFLite starts the sum from it, JAX and PyTorch add it to the result, sometimes behind a reshape
or a transpose. Where it is one number, or one for each output channel, the array adds it for nothing:

    %y = "hwacc.gemm"(%x, %w, %bias) {...} : ... -> tensor<4x3xi32>
    %z = linalg.generic ins(%y, %c) { linalg.yield (arith.addi %in, %in_0) }

becomes, with ``%bias2 = %bias + %c`` computed here (modulo 2³², as the accumulator counts),

    %z = "hwacc.gemm"(%x, %w, %bias2) {...} : ... -> tensor<4x3xi32>
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import constant_array, make_constant
from hwacc.compiler.dialects.hwacc import TENSOR_OPS, has_residual
from hwacc.compiler.transforms.build import defining, replace
from hwacc.compiler.transforms.elementwise_match import is_element, only_elementwise_user, yielded
from hwacc.compiler.transforms.moves import moves_after, per_channel
from hwacc.compiler.transforms.passes import Pass
from hwacc.compiler.transforms.verify_hwacc import sound_ops
from hwacc.reference import wrap32

if TYPE_CHECKING:
    from mlir import ir


class FuseBias(Pass):
    """``fuse-bias``: a constant for each output channel that is added to a contraction becomes part of its bias."""

    name = "fuse-bias"

    def run(self, module: ir.Operation) -> None:
        for op in sound_ops(module, *TENSOR_OPS):
            if str(op.results[0].type.element_type) == "i32" and not has_residual(op):
                while fuse(op):
                    pass


def fuse(op: ir.Operation) -> bool:
    """Takes one addition into ``op``; whether there was one."""
    from mlir import ir

    moves = moves_after(op.results[0])
    value = moves[-1].results[0] if moves else op.results[0]
    generic, bias = only_elementwise_user(value), constant_array(op.operands[2])
    constant = addend(generic, value) if generic is not None else None
    if generic is None or constant is None or bias is None:
        return False
    added = per_channel(op, moves, generic, constant)
    if added is None:
        return False
    with ir.InsertionPoint(op), op.location:
        op.operands[2] = make_constant(total(bias, added))
    replace(generic, value)
    return True


def addend(generic: ir.Operation, value: ir.Value) -> ir.Value | None:
    """What the body of ``generic`` adds to the elements of ``value``, if that is all it does."""
    op = defining(yielded(generic))
    if op is None or op.name != "arith.addi" or len(generic.regions[0].blocks[0].operations) != 2:
        return None
    one, other = op.operands
    if is_element(generic, one, value):
        return other
    return one if is_element(generic, other, value) else None


def total(bias: NDArray[Any], added: NDArray[Any]) -> NDArray[np.int32]:
    """Their sum for each channel, modulo 2³²."""
    return wrap32(bias.astype(np.int64) + added.astype(np.int64))
