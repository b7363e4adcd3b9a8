"""Fuses the requantisation that follows a contraction into it.

The array's STORE engine multiplies, shifts, rounds, adds a zero point and
clamps on the way out, exactly as TOSA's RESCALE; so int32 results need not go
to memory. The importer keeps each rescale as one ``tosa.apply_scale`` in the
body of a ``linalg.generic``, and this pass reads that body backwards:

    %y = "hwacc.conv2d"(%x, %w, %bias) {...} : ... -> tensor<1x8x8x16xi32>
    %z = linalg.generic ins(%y, %multiplier, %shift) {
      %0 = tosa.apply_scale %in, %in_0, %in_1 {rounding_mode = DOUBLE_ROUND}
      %1 = arith.addi %0, %c-128
      %2 = arith.maxsi %1, %c-128
      %3 = arith.minsi %2, %c127
      linalg.yield (arith.trunci %3)

becomes

    %z = "hwacc.conv2d"(%x, %w, %bias, %multiplier, %shift) {double_round = true,
        zero_point = -128 : i32, clamp_min = -128 : i32, clamp_max = 127 : i32, ...} : ... -> tensor<1x8x8x16xi8>

Any order of clamps is accepted, and a clamp of the int8 result that follows as
a ``linalg.generic`` of its own (a ReLU6, say) is taken in as well. A body that
says anything else stays on the CPU, and the contraction gives int32.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import constant_array, constant_scalar, make_constant
from hwacc.compiler.dialects.hwacc import TENSOR_OPS, create, integer_attribute
from hwacc.compiler.transforms.build import defining, tensor_type, users
from hwacc.compiler.transforms.passes import Pass, walk

if TYPE_CHECKING:
    from mlir import ir

MIN_SHIFT, MAX_SHIFT = 2, 62
"""Shifts of TOSA's RESCALE, and of the hardware."""


class FuseRescale(Pass):
    """``fuse-rescale``: rescales and clamps of a contraction's only use become part of it."""

    name = "fuse-rescale"

    def run(self, module: ir.Operation) -> None:
        for op in walk(module):
            if op.name in TENSOR_OPS and len(op.operands) == 3:
                fuse(op)


@dataclass(frozen=True)
class Clamp:
    """``min(max(value + offset, low), high)``; ``source`` is what ``value`` is."""

    source: ir.Value
    low: int = -(2**31)
    high: int = 2**31 - 1
    offset: int = 0


@dataclass(frozen=True)
class Rescale:
    """A recognised requantisation to int8; multiplier and shift have 1 or N elements."""

    multiplier: NDArray[np.int32]
    shift: NDArray[np.int8]
    double_round: bool
    zero_point: int
    low: int
    high: int


def fuse(op: ir.Operation) -> None:
    """Replaces ``op`` and the rescale that uses it, with a clamp behind it, by one operation."""
    from mlir import ir

    generic = only_elementwise_user(op.results[0])
    rescale = match_rescale(generic, op.results[0]) if generic is not None else None
    if generic is None or rescale is None:
        return
    last, rescale = with_clamp(generic, rescale)
    channels = rescale.multiplier.size > 1 or rescale.shift.size > 1
    size = list(op.results[0].type.shape)[-1] if channels else 1
    with ir.InsertionPoint(last), op.location:
        multiplier = make_constant(np.broadcast_to(rescale.multiplier, size))
        shift = make_constant(np.broadcast_to(rescale.shift, size))
        attributes = {name: op.attributes[name] for name in op.attributes} | {
            "double_round": integer_attribute(int(rescale.double_round), 1),
            "zero_point": integer_attribute(rescale.zero_point),
            "clamp_min": integer_attribute(rescale.low),
            "clamp_max": integer_attribute(rescale.high),
        }
        result = tensor_type(list(op.results[0].type.shape), last.results[0].type.element_type)
        fused = create(op.name, [*op.operands, multiplier, shift], result, **attributes)
    last.results[0].replace_all_uses_with(fused.results[0])
    for dead in dict.fromkeys((last, generic, op)):
        dead.erase()


def only_elementwise_user(value: ir.Value) -> ir.Operation | None:
    """The single user of ``value``, if it is a ``linalg.generic`` over its very elements, all loops parallel."""
    found = users(value)
    if len(found) != 1 or found[0].name != "linalg.generic":
        return None
    op = found[0]
    maps = list(op.attributes["indexing_maps"])
    rank = len(value.type.shape)
    dims = ", ".join(f"d{i}" for i in range(rank))
    identity = f"affine_map<({dims}) -> ({dims})>"
    position = [operand == value for operand in op.operands].index(True)
    parallel = all("parallel" in str(kind) for kind in op.attributes["iterator_types"])
    same = str(maps[position]) == identity and str(maps[-1]) == identity
    return op if parallel and same and len(op.results) == 1 and position < len(maps) - 1 else None


def match_rescale(generic: ir.Operation, source: ir.Value) -> Rescale | None:
    """The requantisation of ``source`` to int8 that ``generic`` is, if that is what it is."""
    if str(generic.results[0].type.element_type) != "i8":
        return None
    clamp = match_clamp(yielded(generic))
    op = defining(clamp.source)
    if op is None or op.name != "tosa.apply_scale" or outer(generic, op.operands[0]) != source:
        return None
    multiplier, shift = (channel_constant(generic, op.operands[i]) for i in (1, 2))
    if multiplier is None or shift is None or shift.min() < MIN_SHIFT or shift.max() > MAX_SHIFT:
        return None
    if not (-128 <= clamp.low <= clamp.high <= 127 and -128 <= clamp.offset <= 127):
        return None
    double_round = "DOUBLE_ROUND" in str(op.attributes["rounding_mode"])
    if not double_round and "SINGLE_ROUND" not in str(op.attributes["rounding_mode"]):
        return None
    return Rescale(multiplier.astype(np.int32), shift.astype(np.int8), double_round, clamp.offset, clamp.low, clamp.high)


def with_clamp(generic: ir.Operation, rescale: Rescale) -> tuple[ir.Operation, Rescale]:
    """The last operation and the requantisation, with a clamp that alone uses the result of ``generic`` taken in."""
    following = only_elementwise_user(generic.results[0])
    if following is None or str(following.results[0].type.element_type) != "i8":
        return generic, rescale
    clamp = match_clamp(yielded(following))
    if clamp.offset or outer(following, clamp.source) != generic.results[0]:
        return generic, rescale
    low, high = (int(np.clip(bound, clamp.low, clamp.high)) for bound in (rescale.low, rescale.high))
    return following, replace(rescale, low=low, high=high)


def match_clamp(value: ir.Value) -> Clamp:
    """Reads back from ``value`` over a truncation, clamps by constants and one addition of a constant before them."""
    op = defining(value)
    if op is None:
        return Clamp(value)
    if op.name == "arith.trunci":
        return match_clamp(op.operands[0])
    number = constant_scalar(op.operands[1]) if len(op.operands) == 2 else None
    if number is None or op.name not in ("arith.maxsi", "arith.minsi", "arith.addi"):
        return Clamp(value)
    inner = match_clamp(op.operands[0])
    return after(op.name, inner, int(number)) or Clamp(value)


def after(name: str, inner: Clamp, number: int) -> Clamp | None:
    """``inner`` followed by one more operation with a constant; None when the two are no clamp any more."""
    if name == "arith.maxsi":
        return replace(inner, low=max(inner.low, number), high=max(inner.high, number))
    if name == "arith.minsi":
        return replace(inner, low=min(inner.low, number), high=min(inner.high, number))
    untouched = inner == Clamp(inner.source)
    return replace(inner, offset=number) if untouched else None


def yielded(generic: ir.Operation) -> ir.Value:
    """What the body of ``generic`` yields."""
    return list(generic.regions[0].blocks[0].operations)[-1].operands[0]


def outer(generic: ir.Operation, value: ir.Value) -> ir.Value | None:
    """The operand of ``generic`` whose elements the body sees as ``value``."""
    for argument, operand in zip(generic.regions[0].blocks[0].arguments, generic.operands):
        if argument == value:
            return operand
    return None


def channel_constant(generic: ir.Operation, value: ir.Value) -> NDArray[Any] | None:
    """The constant, one for all [1] or for each channel [N], that a body's ``value`` is; None if it is none."""
    number = constant_scalar(value)
    operand = outer(generic, value)
    if number is None and operand is not None:
        number = constant_scalar(operand)
    if number is not None:
        return np.array([number])
    array = None if operand is None else constant_array(operand)
    if array is None or operand is None:
        return None
    maps = list(generic.attributes["indexing_maps"])
    position = [each == operand for each in generic.operands].index(True)
    last = str(maps[-1]).rpartition("-> (")[2].rstrip(">)").rpartition(", ")[2]
    picked = str(maps[position]).rpartition("-> (")[2].rstrip(">)")
    return array if picked == last and array.ndim == 1 else None
