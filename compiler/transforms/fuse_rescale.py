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

Any order of clamps is accepted. A body that says anything else stays on the
CPU, and the contraction gives int32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import make_constant
from hwacc.compiler.dialects.hwacc import TENSOR_OPS, create, integer_attribute
from hwacc.compiler.transforms.build import defining, replace, tensor_type
from hwacc.compiler.transforms.elementwise_match import channel_constant, match_clamp, only_elementwise_user, outer, yielded
from hwacc.compiler.transforms.passes import Pass, walk
from hwacc.compiler.transforms.reasons import note

if TYPE_CHECKING:
    from mlir import ir

MIN_SHIFT, MAX_SHIFT = 2, 62
"""Shifts of TOSA's RESCALE, and of the hardware."""


class FuseRescale(Pass):
    """``fuse-rescale``: the rescale that alone uses a contraction becomes part of it."""

    name = "fuse-rescale"

    def run(self, module: ir.Operation) -> None:
        for op in walk(module, *TENSOR_OPS):
            if len(op.operands) == 3:
                fuse(op)


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
    """Replaces ``op`` and the rescale that uses it by one operation."""
    from mlir import ir

    generic = only_elementwise_user(op.results[0])
    rescale = match_rescale(generic, op.results[0]) if generic is not None else None
    if generic is None or rescale is None:
        if generic is not None and walk(generic, "tosa.apply_scale"):
            note(generic, "a rescale that the requantiser of the array cannot do")
        return
    channels = rescale.multiplier.size > 1 or rescale.shift.size > 1
    size = list(op.results[0].type.shape)[-1] if channels else 1
    with ir.InsertionPoint(generic), op.location:
        multiplier = make_constant(np.broadcast_to(rescale.multiplier, size))
        shift = make_constant(np.broadcast_to(rescale.shift, size))
        attributes = {name: op.attributes[name] for name in op.attributes} | {
            "double_round": integer_attribute(int(rescale.double_round), 1),
            "zero_point": integer_attribute(rescale.zero_point),
            "clamp_min": integer_attribute(rescale.low),
            "clamp_max": integer_attribute(rescale.high),
        }
        result = tensor_type(list(op.results[0].type.shape), generic.results[0].type.element_type)
        fused = create(op.name, [*op.operands, multiplier, shift], result, **attributes)
    replace(generic, fused.results[0])
    op.erase()


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
