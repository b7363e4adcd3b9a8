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

Any order of clamps is accepted, before the scale as well (a ReLU of the sums), and views and transposes between the two: they come
after. A body that says anything else stays on the CPU, and the contraction gives int32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import make_constant
from hwacc.compiler.dialects.hwacc import TENSOR_OPS, channel_count, create, integer_attribute
from hwacc.compiler.transforms.build import defining, replace, tensor_type
from hwacc.compiler.transforms.elementwise_match import Clamp, clamps_after, is_element, match_clamp, only_elementwise_user, yielded
from hwacc.compiler.transforms.moves import moved, moves_after, per_channel
from hwacc.compiler.transforms.passes import Pass, walk
from hwacc.compiler.transforms.reasons import note
from hwacc.compiler.transforms.verify_hwacc import sound_ops
from hwacc.reference import apply_scale

if TYPE_CHECKING:
    from mlir import ir

MIN_SHIFT, MAX_SHIFT = 2, 62
"""Shifts of TOSA's RESCALE, and of the hardware."""
INT32 = np.iinfo(np.int32)


class FuseRescale(Pass):
    """``fuse-rescale``: the rescale that alone uses a contraction becomes part of it."""

    name = "fuse-rescale"

    def run(self, module: ir.Operation) -> None:
        for op in sound_ops(module, *TENSOR_OPS):
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

    moves = moves_after(op.results[0])
    limits, clamps = clamps_after(moves[-1].results[0] if moves else op.results[0])
    value = clamps[-1].results[0] if clamps else limits.source
    generic = only_elementwise_user(value)
    rescale = match_rescale(op, moves, generic, value, limits) if generic is not None else None
    if generic is None or rescale is None:
        if generic is not None and walk(generic, "tosa.apply_scale"):
            note(generic, "a rescale that the requantiser of the array cannot do")
        return
    size = max(rescale.multiplier.size, rescale.shift.size)
    if size not in (1, channel_count(op)):
        return
    with ir.InsertionPoint(generic), op.location:
        multiplier = make_constant(np.broadcast_to(rescale.multiplier, size))
        shift = make_constant(np.broadcast_to(rescale.shift, size))
        attributes = {name: op.attributes[name] for name in op.attributes} | {
            "double_round": integer_attribute(int(rescale.double_round), 1),
            "zero_point": integer_attribute(rescale.zero_point),
            "clamp_min": integer_attribute(rescale.low),
            "clamp_max": integer_attribute(rescale.high),
        }
        kind = tensor_type(list(op.results[0].type.shape), generic.results[0].type.element_type)
        fused = create(op.name, [*op.operands, multiplier, shift], kind, **attributes)
        result = moved(fused.results[0], moves)
    replace(generic, result)
    for old in (*reversed(clamps), *reversed(moves), op):
        old.erase()


def match_rescale(
    op: ir.Operation, moves: Sequence[ir.Operation], generic: ir.Operation, source: ir.Value, limits: Clamp
) -> Rescale | None:
    """The requantisation to int8 that ``generic`` is of ``source``, the result of ``op`` after ``moves`` and ``limits``, if it is one."""
    if str(generic.results[0].type.element_type) != "i8":
        return None
    clamp = match_clamp(yielded(generic))
    scale = defining(clamp.source)
    if scale is None or scale.name != "tosa.apply_scale":
        return None
    before = match_clamp(scale.operands[0])
    if before.offset or not is_element(generic, before.source, source):
        return None
    multiplier, shift = (per_channel(op, moves, generic, scale.operands[i]) for i in (1, 2))
    if multiplier is None or shift is None or shift.min() < MIN_SHIFT or shift.max() > MAX_SHIFT:
        return None
    if not (-128 <= clamp.low <= clamp.high <= 127 and -128 <= clamp.offset <= 127):
        return None
    double_round = "DOUBLE_ROUND" in str(scale.attributes["rounding_mode"])
    if not double_round and "SINGLE_ROUND" not in str(scale.attributes["rounding_mode"]):
        return None
    rescale = Rescale(multiplier.astype(np.int32), shift.astype(np.int8), double_round, clamp.offset, clamp.low, clamp.high)
    ends = [min(max(number, before.low), before.high) for number in (limits.low, limits.high)]
    return rescale if ends == [INT32.min, INT32.max] else limited(rescale, *ends)


def limited(rescale: Rescale, low: int, high: int) -> Rescale | None:
    """``rescale`` of sums that are clamped before, as a ReLU does: a clamp of the result, if that is the same in each channel.

    None where larger sums might give smaller results: with a negative multiplier, or a shift so short that results wrap.
    """
    if rescale.multiplier.min() < 0 or rescale.shift.min() < INT32.bits - 1:
        return None
    parameters = rescale.multiplier.astype(np.int64), rescale.shift.astype(np.int64), rescale.double_round
    ends = []
    for end, extreme, own in ((low, INT32.min, rescale.low), (high, INT32.max, rescale.high)):
        results = np.clip(apply_scale(np.array(end, np.int32), *parameters) + rescale.zero_point, rescale.low, rescale.high)
        if end != extreme and (results != results.flat[0]).any():
            return None
        ends.append(own if end == extreme else int(results.flat[0]))
    return replace_fields(rescale, low=ends[0], high=ends[1])
