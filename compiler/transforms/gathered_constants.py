"""Evaluates a ``linalg.generic`` that reads the elements of a constant at indices computed from its loops: a reversal, say.

    linalg.generic outs(%e) { %i = linalg.index 0; %r = arith.subi %c2, %i; linalg.yield (tensor.extract %w[%r]) }

Front ends turn the kernels of transposed convolutions round in this way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import constant_array
from hwacc.compiler.transforms.build import defining
from hwacc.compiler.transforms.channel_values import is_identity
from hwacc.compiler.transforms.linalg_form import indexing_axes

if TYPE_CHECKING:
    from mlir import ir

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"arith.addi": np.add, "arith.subi": np.subtract, "arith.muli": np.multiply}
"""What may be done to an index."""


def gathered(op: ir.Operation) -> NDArray[Any] | None:
    """The result of ``op`` if all that it reads is one constant, at such indices; None if it does anything else, or gives more elements."""
    maps = indexing_axes(op)
    if len(op.operands) != 1 or maps is None or not is_identity(maps[-1]):
        return None
    shape = list(op.results[0].type.shape)
    known: dict[ir.Value, NDArray[Any] | None] = {}
    *body, last = [inner.operation for inner in op.regions[0].blocks[0].operations]
    source = defining(last.operands[0])
    if source is None or source.name != "tensor.extract" or prod(shape) > prod(source.operands[0].type.shape):
        return None
    for inner in body:
        if len(inner.results) != 1:
            return None
        known[inner.results[0]] = value_of(inner, [known[value] if value in known else number(value) for value in inner.operands], shape)
    result = known.get(last.operands[0])
    return None if result is None else np.broadcast_to(result, shape)


def value_of(op: ir.Operation, operands: Sequence[NDArray[Any] | None], shape: Sequence[int]) -> NDArray[Any] | None:
    """What an operation of the body gives for all turns of the loops, as far as it depends on these; None if it is not known."""
    if op.name == "linalg.index":
        axis = int(op.attributes["dim"].value)
        return np.arange(shape[axis]).reshape([-1 if each == axis else 1 for each in range(len(shape))])
    if op.name == "arith.constant":
        return number(op.results[0])
    if any(operand is None for operand in operands):
        return None
    if op.name in ARITHMETIC and str(op.results[0].type) == "index":
        result: NDArray[Any] = ARITHMETIC[op.name](*operands)
        return result
    return elements(operands) if op.name == "tensor.extract" else None


def elements(operands: Sequence[Any]) -> NDArray[Any] | None:
    """The elements of an array at the indices that follow it; None if one lies outside."""
    array, *indices = operands
    outside = any((index < 0).any() or (index >= size).any() for index, size in zip(indices, array.shape))
    return None if outside else array[tuple(indices)]


def number(value: ir.Value) -> NDArray[Any] | None:
    """The content of a constant, which may be an index."""
    op = defining(value)
    if op is not None and op.name == "arith.constant" and str(value.type) == "index":
        return np.array(op.attributes["value"].value)
    return constant_array(value)
