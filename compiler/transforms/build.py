"""Small builders of linalg operations that several passes share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlir import ir

VIEWS = ("tensor.collapse_shape", "tensor.expand_shape")
"""Operations that only rename the elements of a row-major buffer."""

Body = Callable[..., "ir.Value"]
"""Gets the scalar inputs of one element, gives the scalar result."""


def tensor_type(shape: Sequence[int], element: ir.Type) -> ir.RankedTensorType:
    """A static tensor type."""
    from mlir import ir

    return ir.RankedTensorType.get(list(shape), element)


def integer(width: int) -> ir.IntegerType:
    """The signless integer type of that width, in the current context."""
    from mlir import ir

    return ir.IntegerType.get_signless(width)


def scalar(value: int | float, kind: ir.Type) -> ir.Value:
    """A scalar ``arith.constant``."""
    from mlir.dialects import arith

    return arith.ConstantOp(kind, value).result


def elementwise(inputs: Sequence[ir.Value], element: ir.Type, body: Body) -> ir.Value:
    """A ``linalg.generic`` that computes ``body`` for every element of the first input.

    Inputs of rank 1 beside a first one of higher rank are indexed by its last
    dimension: one value for each channel. The result has the first input's
    shape and elements of type ``element``.
    """
    from mlir import ir
    from mlir.dialects import linalg, tensor

    shape = list(inputs[0].type.shape)
    rank = len(shape)
    identity = ir.AffineMap.get_identity(rank)
    channel = ir.AffineMap.get(rank, 0, [ir.AffineExpr.get_dim(rank - 1)] if rank else [])
    maps = [identity if len(value.type.shape) == rank else channel for value in inputs] + [identity]
    result = tensor_type(shape, element)
    generic = linalg.GenericOp(
        [result],
        list(inputs),
        [tensor.EmptyOp(shape, element).result],
        ir.ArrayAttr.get([ir.AffineMapAttr.get(each) for each in maps]),
        ir.ArrayAttr.get([ir.Attribute.parse("#linalg.iterator_type<parallel>")] * rank),
    )
    kinds = [value.type.element_type for value in inputs] + [element]
    block = generic.regions[0].blocks.append(*kinds)
    with ir.InsertionPoint(block):
        linalg.YieldOp([body(*list(block.arguments)[:-1])])
    return generic.results[0]


def replace(op: ir.Operation, value: ir.Value) -> None:
    """Replaces the only result of ``op`` and erases it."""
    op.results[0].replace_all_uses_with(value)
    op.erase()


def users(value: ir.Value) -> list[ir.Operation]:
    """The operations that use ``value``, each once for every use."""
    return [use.owner.operation for use in value.uses]


def defining(value: ir.Value) -> ir.Operation | None:
    """The operation that defines ``value``; None for an argument of a block."""
    from mlir import ir

    owner = value.owner
    return None if isinstance(owner, ir.Block) else owner.operation


def view_root(value: ir.Value) -> ir.Value:
    """What ``value`` is a view of."""
    op = defining(value)
    return view_root(op.operands[0]) if op is not None and op.name in VIEWS else value
