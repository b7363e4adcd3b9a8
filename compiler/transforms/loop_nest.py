"""Loops over tensors by number: what reads which element, whatever the order in which it lies.

Passes that rebuild contractions think in the loops of the contraction. A
:class:`Read` says which loop walks along each dimension of a tensor; what only
moves elements before the contraction (a transpose, a broadcast) then is
another way of reading, and needs no operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.transforms.build import Body, defining, tensor_type

if TYPE_CHECKING:
    from mlir import ir


@dataclass(frozen=True)
class Read:
    """``value``, whose dimension i is walked by loop ``loops[i]``; each loop occurs once."""

    value: ir.Value
    loops: tuple[int, ...]

    @property
    def extents(self) -> dict[int, int]:
        """How often each of its loops runs."""
        return dict(zip(self.loops, self.value.type.shape))

    def behind_moves(self) -> Read:
        """The tensor that a chain of transposes and broadcasts rearranges, and how it is read."""
        op = defining(self.value)
        source = moved(op) if op is not None else None
        if op is None or source is None:
            return self
        return Read(op.operands[0], tuple(self.loops[dim] for dim in source)).behind_moves()


def moved(op: ir.Operation) -> tuple[int, ...] | None:
    """For each dimension of the operand of ``op`` the dimension of its result, if all it does is to move or to repeat elements."""
    if op.name == "linalg.transpose":
        order = [int(dim) for dim in op.attributes["permutation"]]
        return tuple(order.index(dim) for dim in range(len(order)))
    if op.name == "linalg.broadcast":
        added = list(op.attributes["dimensions"])
        return tuple(dim for dim in range(len(op.results[0].type.shape)) if dim not in added)
    return moved_by_loops(op) if op.name == "linalg.generic" and len(op.operands) == 2 and len(op.results) == 1 else None


def moved_by_loops(op: ir.Operation) -> tuple[int, ...] | None:
    """:func:`moved` for a ``linalg.generic`` with one input."""
    block = op.regions[0].blocks[0]
    source, result = (dims_of(each.value) for each in op.attributes["indexing_maps"])
    if len(block.operations) != 1 or block.operations[0].operands[0] != block.arguments[0] or source is None or result is None:
        return None
    return tuple(result.index(dim) for dim in source) if set(source) <= set(result) else None


def dims_of(mapping: ir.AffineMap) -> tuple[int, ...] | None:
    """The loops that an indexing map names, if it names nothing else and none twice."""
    from mlir import ir

    if not all(isinstance(each, ir.AffineDimExpr) for each in mapping.results):
        return None
    dims = tuple(each.position for each in mapping.results)
    return dims if len(set(dims)) == len(dims) else None


def nest(reads: Sequence[Read], order: Sequence[int], element: ir.Type, body: Body) -> ir.Value:
    """A ``linalg.generic`` whose result has elements ``body`` and a dimension for each loop of ``order``, in that order."""
    return loops(reads, order, order, None, element, body)


def reduction(read: Read, kept: Sequence[int], start: ir.Value, body: Body) -> ir.Value:
    """The elements of ``read`` reduced by ``body(element, sum)`` from the number ``start`` to one for each turn of the loops ``kept``."""
    order = [*kept, *(loop for loop in read.loops if loop not in kept)]
    return loops([read], order, kept, start, start.type, body)


def loops(
    reads: Sequence[Read], order: Sequence[int], written: Sequence[int], start: ir.Value | None, element: ir.Type, body: Body
) -> ir.Value:
    """A ``linalg.generic`` over the loops ``order``, the outermost first; its result has a dimension for each that is ``written``."""
    from mlir import ir
    from mlir.dialects import linalg, tensor

    extents: dict[int, int] = {}
    for read in reads:
        extents.update(read.extents)
    shape = [extents[loop] for loop in written]
    result = tensor.EmptyOp(shape, element).result
    if start is not None:
        result = linalg.fill(start, outs=[result])
    kinds = ["parallel" if loop in written else "reduction" for loop in order]
    generic = linalg.GenericOp(
        [tensor_type(shape, element)],
        [read.value for read in reads],
        [result],
        ir.ArrayAttr.get([ir.AffineMapAttr.get(map_of(each, order)) for each in (*(read.loops for read in reads), written)]),
        ir.ArrayAttr.get([ir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in kinds]),
    )
    block = generic.regions[0].blocks.append(*(read.value.type.element_type for read in reads), element)
    with ir.InsertionPoint(block):
        arguments = list(block.arguments) if start is not None else list(block.arguments)[:-1]
        linalg.YieldOp([body(*arguments)])
    return generic.results[0]


def map_of(dims: Sequence[int], order: Sequence[int]) -> ir.AffineMap:
    """The indexing map that names the loops ``dims`` of a nest with the loops ``order``."""
    from mlir import ir

    return ir.AffineMap.get(len(order), 0, [ir.AffineDimExpr.get(list(order).index(dim)) for dim in dims])


def in_order(array: NDArray[Any], loops: Sequence[int], order: Sequence[int]) -> NDArray[Any]:
    """``array``, whose dimensions are walked by ``loops``, with its dimensions as in ``order``."""
    return np.ascontiguousarray(array.transpose([list(loops).index(loop) for loop in order]))
