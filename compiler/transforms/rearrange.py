"""Puts the dimensions of a tensor in another order and another shape, at the least cost.

A constant is rearranged here and now. Where only dimensions of size 1 change places, a reshape does it, which is another name for the same
bytes. All else is a ``linalg.transpose``, work for the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwacc.compiler.constants import constant_array, make_constant
from hwacc.compiler.transforms.build import tensor_type
from hwacc.compiler.transforms.reasons import note

if TYPE_CHECKING:
    from mlir import ir


MOVES_FOR_ARRAY = "brings a contraction's operand or result into the order in which the array reads or writes it"
"""Why a transpose is there, and not the array's."""


def rearranged(value: ir.Value, order: Sequence[int], shape: Sequence[int]) -> ir.Value:
    """``value`` with its dimensions in this ``order``, then reshaped to ``shape``."""
    from mlir import ir

    array = constant_array(value)
    if array is None:
        return reshaped(transposed(value, order), shape)
    if list(shape) == list(array.shape) and not moves_bytes(array.shape, order):
        return value
    with ir.InsertionPoint(value.owner.operation), value.owner.location:
        return make_constant(np.ascontiguousarray(array.transpose(order)).reshape(shape))


def moves_bytes(shape: Sequence[int], order: Sequence[int]) -> bool:
    """Whether a transposition of a tensor of this shape moves any element in memory."""
    moved = [dim for dim in order if shape[dim] != 1]
    return moved != sorted(moved)


def transposed(value: ir.Value, order: Sequence[int]) -> ir.Value:
    """``value`` with its dimensions in this ``order``."""
    from mlir.dialects import linalg, tensor

    shape = list(value.type.shape)
    wanted = [shape[dim] for dim in order]
    if not moves_bytes(shape, order):
        return reshaped(value, wanted)
    empty = tensor.EmptyOp(wanted, value.type.element_type).result
    result = linalg.transpose(value, outs=[empty], permutation=list(order)).results[0]
    note(result.owner.operation, MOVES_FOR_ARRAY)
    return result


def reshaped(value: ir.Value, shape: Sequence[int]) -> ir.Value:
    """``value`` in another shape: by one view where dimensions are only joined, or only divided, else by two."""
    from mlir.dialects import tensor

    have, want = list(value.type.shape), list(shape)
    if have == want:
        return value
    assert prod(have) == prod(want), f"{have} does not hold as many elements as {want}"
    wanted = tensor_type(want, value.type.element_type)
    joined = joins(have, want)
    if joined is not None:
        return tensor.collapse_shape(wanted, value, joined)
    divided = joins(want, have)
    if divided is not None:
        return tensor.expand_shape(wanted, value, divided, [], want)
    return reshaped(reshaped(value, [prod(have)]), want)


def joins(fine: Sequence[int], coarse: Sequence[int]) -> list[list[int]] | None:
    """For each dimension of ``coarse`` the neighbours of ``fine`` that make it; None if it cannot be made so."""
    if not coarse:
        return [] if prod(fine) == 1 else None
    groups: list[list[int]] = []
    position = 0
    for size in coarse:
        group, product = list[int](), 1
        while position < len(fine) and (not group or product < size):
            product *= fine[position]
            group.append(position)
            position += 1
        if product != size or not group:
            return None
        groups.append(group)
    while position < len(fine) and fine[position] == 1:
        groups[-1].append(position)
        position += 1
    return groups if position == len(fine) and len(fine) > len(coarse) else None
