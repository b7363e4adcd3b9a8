"""Reshapes that merge and split dimensions by groups: views, which cost nothing."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from hwacc.compiler.transforms.build import tensor_type

if TYPE_CHECKING:
    from mlir import ir


def merged(value: ir.Value, counts: Sequence[int]) -> ir.Value:
    """``value`` with a dimension for each of ``counts``, the product of so many of its own in a row; 1 for a count of 0."""
    shape = list(value.type.shape)
    groups = consecutive([count for count in counts if count])
    value = collapsed(value, groups, [prod(shape[dim] for dim in group) for group in groups])
    sizes = iter(list(value.type.shape))
    return expanded(value, units_joined(counts), [next(sizes) if count else 1 for count in counts])


def split(value: ir.Value, parts: Sequence[Sequence[int]]) -> ir.Value:
    """The reverse of :func:`merged`: each dimension becomes those of its part, none where it has none."""
    filled = [part for part in parts if part]
    value = collapsed(value, units_joined([len(part) for part in parts]), [prod(part) for part in filled])
    return expanded(value, consecutive([len(part) for part in filled]), [size for part in filled for size in part])


def collapsed(value: ir.Value, groups: list[list[int]], shape: list[int]) -> ir.Value:
    """``value`` with each of ``groups`` as one dimension, of ``shape``."""
    from mlir.dialects import tensor

    if len(shape) == len(value.type.shape):
        return value
    return tensor.CollapseShapeOp(tensor_type(shape, value.type.element_type), value, groups).result


def expanded(value: ir.Value, groups: list[list[int]], shape: list[int]) -> ir.Value:
    """``value`` with its dimensions as ``groups`` of those of ``shape``."""
    from mlir import ir
    from mlir.dialects import tensor

    if len(shape) == len(value.type.shape):
        return value
    return tensor.ExpandShapeOp(tensor_type(shape, value.type.element_type), value, groups, [], ir.DenseI64ArrayAttr.get(shape)).result


def consecutive(counts: Sequence[int]) -> list[list[int]]:
    """Dimensions in a row in groups of ``counts``."""
    first, groups = 0, []
    for count in counts:
        groups.append(list(range(first, first + count)))
        first += count
    return groups


def units_joined(counts: Sequence[int]) -> list[list[int]]:
    """The dimensions 0, 1, ... in groups, one for each count that is not 0; the others, of size 1, go with a neighbour."""
    groups: list[list[int]] = []
    before: list[int] = []
    for dim, count in enumerate(counts):
        if count:
            groups.append([*before, dim])
            before = []
        elif groups:
            groups[-1].append(dim)
        else:
            before.append(dim)
    return groups
