"""Fuses a clamp of the int8 result into the contraction.

An activation such as ReLU6 limits the result more than int8 does, and arrives
as a ``linalg.generic`` of its own, sometimes behind a reshape or a transpose. The STORE engine
clamps anyway; two clamps in a row are one:

    %y = "hwacc.gemm"(%x, %w, %bias, %multiplier, %shift) {clamp_min = -128 : i32, clamp_max = 127 : i32, ...}
    %z = tensor.collapse_shape %y ...
    %r = linalg.generic ins(%z) { linalg.yield (arith.minsi (arith.maxsi %in, %c9), %c24) }

becomes

    %y = "hwacc.gemm"(%x, %w, %bias, %multiplier, %shift) {clamp_min = 9 : i32, clamp_max = 24 : i32, ...}
    %r = tensor.collapse_shape %y ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwacc.compiler.dialects.hwacc import TENSOR_OPS, integer_attribute
from hwacc.compiler.transforms.build import replace
from hwacc.compiler.transforms.elementwise_match import is_element, match_clamp, only_elementwise_user, yielded
from hwacc.compiler.transforms.moves import moves_after
from hwacc.compiler.transforms.passes import Pass
from hwacc.compiler.transforms.verify_hwacc import sound_ops

if TYPE_CHECKING:
    from mlir import ir


class FuseClamp(Pass):
    """``fuse-clamp``: clamps that alone use the int8 result of a contraction become part of it."""

    name = "fuse-clamp"

    def run(self, module: ir.Operation) -> None:
        for op in sound_ops(module, *TENSOR_OPS):
            if str(op.results[0].type.element_type) == "i8":
                while fuse(op):
                    pass


def fuse(op: ir.Operation) -> bool:
    """Takes one clamp into ``op``; whether there was one."""
    moves = moves_after(op.results[0])
    value = moves[-1].results[0] if moves else op.results[0]
    generic = only_elementwise_user(value)
    if generic is None or generic.results[0].type != value.type:
        return False
    clamp = match_clamp(yielded(generic))
    if clamp.offset or not is_element(generic, clamp.source, value):
        return False
    for name in ("clamp_min", "clamp_max"):
        op.attributes[name] = integer_attribute(int(np.clip(op.attributes[name].value, clamp.low, clamp.high)))
    replace(generic, value)
    return True
