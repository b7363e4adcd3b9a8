"""Small builders of linalg operations that several passes share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlir import ir

VIEWS = ("tensor.collapse_shape", "tensor.expand_shape")
"""Operations that only rename the elements of a row-major buffer."""

CONSTANTS = ("arith.constant", "linalg.fill", "tensor.empty")
"""Operations of ``main`` whose results are the same at every run."""

Body = Callable[..., "ir.Value"]
"""Gets the scalar inputs of one element, gives the scalar result."""


def tensor_type(shape: Sequence[int], element: ir.Type) -> ir.RankedTensorType:
    """A tensor type; sizes that MLIR has as dynamic stay so."""
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

    Inputs of a lower rank than the first one are indexed by its first
    dimensions and its last: one value for each channel, of each product of a
    batch. The result has the first input's shape and elements of type ``element``.
    """
    from mlir import ir
    from mlir.dialects import linalg

    shape = list(inputs[0].type.shape)
    rank = len(shape)
    picked = [list(range(rank))[: max(len(value.type.shape) - 1, 0)] + [rank - 1][: len(value.type.shape)] for value in inputs]
    identity = ir.AffineMap.get_identity(rank)
    maps = [ir.AffineMap.get(rank, 0, [ir.AffineExpr.get_dim(dim) for dim in dims]) for dims in picked] + [identity]
    result = tensor_type(shape, element)
    generic = linalg.GenericOp(
        [result],
        list(inputs),
        [empty_like(inputs[0], element)],
        ir.ArrayAttr.get([ir.AffineMapAttr.get(each) for each in maps]),
        ir.ArrayAttr.get([ir.Attribute.parse("#linalg.iterator_type<parallel>")] * rank),
    )
    kinds = [value.type.element_type for value in inputs] + [element]
    block = generic.regions[0].blocks.append(*kinds)
    with ir.InsertionPoint(block):
        linalg.YieldOp([body(*list(block.arguments)[:-1])])
    return generic.results[0]


def empty_like(value: ir.Value, element: ir.Type) -> ir.Value:
    """An empty tensor of the shape of ``value``, with other elements."""
    from mlir.dialects import tensor

    return tensor.EmptyOp(sizes_of(value), element).result


def sizes_of(value: ir.Value) -> list[int | ir.Value]:
    """The sizes of a tensor; those known only at run time are made ``tensor.dim``."""
    return [size if size >= 0 else size_of(value, axis) for axis, size in enumerate(value.type.shape)]


def size_of(value: ir.Value, axis: int) -> ir.Value:
    """A ``tensor.dim``."""
    from mlir import ir
    from mlir.dialects import tensor

    return tensor.DimOp(value, scalar(axis, ir.IndexType.get())).result


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
