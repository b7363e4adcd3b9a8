"""Computes what only moves the elements of constants: transposes, slices, reshapes, reversals, padding.

Frameworks store weights in one order and multiply by another. Done at compile
time, the multiplication sees weights that are constant, and no task moves them
at every run. Upstream folds constants only where they repeat one number.

    %w = arith.constant dense<...> : tensor<384x1536xf32>
    %t = linalg.transpose ins(%w) outs(%empty) permutation = [1, 0]

becomes

    %t = arith.constant dense<...> : tensor<1536x384xf32>
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import constant_array, constant_scalar, make_constant
from hwacc.compiler.transforms.build import VIEWS, replace
from hwacc.compiler.transforms.gathered_constants import gathered, number
from hwacc.compiler.transforms.passes import Pass, walk

if TYPE_CHECKING:
    from mlir import ir

MOVES = ("linalg.generic", "linalg.transpose", "tensor.extract_slice", "tensor.pad", *VIEWS)


class FoldConstants(Pass):
    """``fold-constants``: an operation that rearranges the elements of a constant becomes a constant."""

    name = "fold-constants"

    def run(self, module: ir.Operation) -> None:
        from mlir import ir

        for op in walk(module, *MOVES):
            moved = rearranged(op)
            if moved is not None:
                with ir.InsertionPoint(op), op.location:
                    replace(op, make_constant(np.ascontiguousarray(moved)))


def rearranged(op: ir.Operation) -> NDArray[Any] | None:
    """The result of ``op`` if it rearranges a constant, else None."""
    if len(op.results) != 1 or not len(op.operands) or not op.results[0].type.has_static_shape:
        return None
    if op.name == "linalg.generic" and len(op.operands) == 1:
        return gathered(op)
    order = permutation(op) if op.name.startswith("linalg.") else ()
    if order is None:
        return None
    array = constant_array(op.operands[0])
    if array is None or array.ndim == 0:
        return None
    if op.name.startswith("linalg."):
        return array.transpose(order)
    part = CUTS[op.name](op, array) if op.name in CUTS else array
    return None if part is None else part.reshape(list(op.results[0].type.shape))


def permutation(op: ir.Operation) -> tuple[int, ...] | None:
    """For each dimension of the result of a linalg operation the one of its input, if that is all it does."""
    from mlir import ir

    if op.name == "linalg.transpose":
        return tuple(op.attributes["permutation"])
    if len(op.operands) != 2:
        return None
    block = op.regions[0].blocks[0]
    source, result = (each.value for each in op.attributes["indexing_maps"])
    if len(block.operations) != 1 or block.operations[0].operands[0] != block.arguments[0]:
        return None
    if not source.is_permutation or result != ir.AffineMap.get_identity(result.n_dims, op.context):
        return None
    dims = [ir.AffineDimExpr(each).position for each in source.results]
    return tuple(dims.index(position) for position in range(len(dims)))


def sliced(op: ir.Operation, array: NDArray[Any]) -> NDArray[Any] | None:
    """The part of ``array`` that a ``tensor.extract_slice`` takes, if all its numbers are static."""
    offsets, sizes, strides = (list(op.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides"))
    if len(op.operands) > 1:
        return None
    return array[tuple(slice(o, o + (n - 1) * s + 1, s) for o, n, s in zip(offsets, sizes, strides))]


def padded(op: ir.Operation, array: NDArray[Any]) -> NDArray[Any] | None:
    """``array`` with what a ``tensor.pad`` puts around it, if that is one number and all amounts are constant."""
    from mlir import ir

    filler = constant_scalar(list(op.regions[0].blocks[0].operations)[-1].operands[0])
    amounts, others = [], iter(list(op.operands)[1:])
    for static in (*op.attributes["static_low"], *op.attributes["static_high"]):
        amount = number(next(others)) if static == ir.ShapedType.get_dynamic_size() else np.array(static)
        if amount is None:
            return None
        amounts.append(int(amount))
    if filler is None or min(amounts) < 0:
        return None
    return np.pad(array, list(zip(amounts[: array.ndim], amounts[array.ndim :])), constant_values=filler)


CUTS = {"tensor.extract_slice": sliced, "tensor.pad": padded}
"""Operations that take something away from a tensor, or put something around it."""
