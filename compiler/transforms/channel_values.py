"""Constants that a tensor repeats: what a bias or a scale is, seen from the tensor to which it is added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import constant_array, constant_scalar
from hwacc.compiler.transforms.build import defining
from hwacc.compiler.transforms.linalg_form import Axis, indexing_axes

if TYPE_CHECKING:
    from mlir import ir


def repeated_constant(value: ir.Value) -> NDArray[Any] | None:
    """The content of a tensor that is a constant, or repeats one, as a view that takes no memory; None for others."""
    array = constant_array(value)
    if array is not None:
        return array
    op, shape = defining(value), known_sizes(value)
    if op is None or len(op.operands) != 2 or not op.name.startswith("linalg."):
        return None
    if op.name == "linalg.fill":
        number = constant_scalar(op.operands[0])
        return None if number is None else np.broadcast_to(np.array(number), shape)
    array = constant_array(op.operands[0])
    if array is None or (op.name != "linalg.broadcast" and not (op.name == "linalg.generic" and copies_element(op))):
        return None
    maps = indexing_axes(op)
    return None if maps is None or not is_identity(maps[-1]) else spread(array, maps[0], shape)


def known_sizes(value: ir.Value) -> list[int]:
    """The shape of a tensor; 1 for a size that is known only at run time, along which nothing constant can differ."""
    return [max(1, size) if size < 0 else size for size in value.type.shape]


def element_constant(generic: ir.Operation, value: ir.Value) -> NDArray[Any] | None:
    """What the body of an elementwise ``linalg.generic`` sees as ``value``, if constant: one number, or one for each element."""
    number = constant_scalar(value)
    if number is not None:
        return np.array(number)
    arguments = list(generic.regions[0].blocks[0].arguments)
    position = arguments.index(value) if value in arguments else len(arguments)
    array = constant_array(generic.operands[position]) if position < len(arguments) - 1 else None
    maps = indexing_axes(generic)
    if array is None or maps is None or not is_identity(maps[-1]):
        return None
    return spread(array, maps[position], known_sizes(generic.results[0])) if array.ndim else array


def is_identity(axes: Sequence[Axis]) -> bool:
    """Whether each loop moves along the axis of its own number."""
    return list(axes) == [((axis, 1),) for axis in range(len(axes))]


def copies_element(op: ir.Operation) -> bool:
    """Whether a ``linalg.generic`` yields elements of its only input as they are."""
    block = op.regions[0].blocks[0]
    body = list(block.operations)
    return len(body) == 1 and bool(body[0].operands[0] == block.arguments[0])


def spread(array: NDArray[Any], places: Sequence[Axis], shape: Sequence[int]) -> NDArray[Any] | None:
    """``array``, whose axes lie along those loops of a tensor of that shape, repeated along the others; None for other indices."""
    if any(len(place) > 1 or (place and place[0][1] != 1) for place in places):
        return None
    array = array[tuple(slice(None) if place else 0 for place in places)]
    axes = [place[0][0] for place in places if place]
    if len(set(axes)) < len(axes):
        return None
    order = sorted(range(len(axes)), key=lambda axis: axes[axis])
    along = np.expand_dims(array.transpose(order), [axis for axis in range(len(shape)) if axis not in axes])
    return np.broadcast_to(along, np.broadcast_shapes(along.shape, tuple(shape)))


def for_channels(array: NDArray[Any], others: Sequence[int]) -> NDArray[Any] | None:
    """What ``array`` has along the axes that are not among the ``others``, if it repeats along these; None if it does not."""
    first = array[tuple(slice(0, 1) if axis in others else slice(None) for axis in range(array.ndim))]
    changing = [axis for axis in others if array.strides[axis] and array.shape[axis] > 1]
    if changing and (array != first).any():
        return None
    return first
