"""Fuses a clamp of the int8 result into the contraction.

An activation such as ReLU6 limits the result more than int8 does, and arrives
as a ``linalg.generic`` of its own, sometimes behind a reshape. The STORE engine
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
from hwacc.compiler.transforms.build import VIEWS, replace, users
from hwacc.compiler.transforms.elementwise_match import match_clamp, only_elementwise_user, outer, yielded
from hwacc.compiler.transforms.passes import Pass, walk

if TYPE_CHECKING:
    from mlir import ir


class FuseClamp(Pass):
    """``fuse-clamp``: clamps that alone use the int8 result of a contraction become part of it."""

    name = "fuse-clamp"

    def run(self, module: ir.Operation) -> None:
        for op in walk(module, *TENSOR_OPS):
            if str(op.results[0].type.element_type) == "i8":
                while fuse(op):
                    pass


def fuse(op: ir.Operation) -> bool:
    """Takes one clamp into ``op``; whether there was one."""
    value = behind_views(op.results[0])
    generic = only_elementwise_user(value)
    if generic is None or generic.results[0].type != value.type:
        return False
    clamp = match_clamp(yielded(generic))
    if clamp.offset or outer(generic, clamp.source) != value:
        return False
    for name in ("clamp_min", "clamp_max"):
        op.attributes[name] = integer_attribute(int(np.clip(op.attributes[name].value, clamp.low, clamp.high)))
    replace(generic, value)
    return True


def behind_views(value: ir.Value) -> ir.Value:
    """``value`` as the last of the views that alone use it, one after the other."""
    following = users(value)
    if len(following) == 1 and following[0].name in VIEWS:
        return behind_views(following[0].results[0])
    return value
