"""What only moves or renames the elements of a result, on its way to whoever computes with it: views and transposes.

Arithmetic on single elements does not care about the order in which they lie, so an epilogue behind such moves may be computed before
them. What it takes for each output channel is then looked up from the other side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.dialects.hwacc import channel_count, group_count
from hwacc.compiler.transforms.build import VIEWS, users
from hwacc.compiler.transforms.channel_values import element_constant, for_channels
from hwacc.compiler.transforms.rearrange import reshaped, transposed

if TYPE_CHECKING:
    from mlir import ir

MOVES = (*VIEWS, "linalg.transpose")


def moves_after(value: ir.Value) -> list[ir.Operation]:
    """The moves behind ``value``, each the only user of the one before."""
    found: list[ir.Operation] = []
    while True:
        following = users(value)
        if len(following) != 1 or following[0].name not in MOVES or following[0].operands[0] != value:
            return found
        found.append(following[0])
        value = following[0].results[0]


def moved(value: ir.Value, moves: Sequence[ir.Operation]) -> ir.Value:
    """``value`` after the same moves, made anew."""
    for move in moves:
        if move.name == "linalg.transpose":
            value = transposed(value, list(move.attributes["permutation"]))
        else:
            value = reshaped(value, list(move.results[0].type.shape))
    return value


def per_channel(op: ir.Operation, moves: Sequence[ir.Operation], generic: ir.Operation, value: ir.Value) -> NDArray[Any] | None:
    """What ``generic``, behind ``moves`` of the result of ``op``, knows as the constant ``value``.

    One number [1], or one for each output channel of ``op``; None if it is no constant, or differs within a channel.
    """
    array = element_constant(generic, value)
    if array is None or array.ndim == 0 or not (array != array.flat[0]).any():
        return None if array is None else np.array([array.flat[0]])
    for move in reversed(moves):
        if move.name == "linalg.transpose":
            array = array.transpose(np.argsort(list(move.attributes["permutation"])))
        else:
            array = array.reshape(list(move.operands[0].type.shape))
    others = range(1 if array.ndim == 3 and group_count(op) > 1 else 0, array.ndim - 1)
    found = for_channels(array, others)
    return None if found is None else np.broadcast_to(found.ravel(), channel_count(op))
