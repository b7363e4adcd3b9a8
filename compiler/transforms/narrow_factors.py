"""Sees through the widening of a contraction's operands: the array widens by itself.

Frameworks without a product of int8 by int8 into int32 write the widening, and the zero point with it, before the product:

    %wide = linalg.generic ins(%x : tensor<4x6xi8>) { linalg.yield (arith.subi (arith.extsi %in), %c3) } -> tensor<4x6xi32>
    %y = linalg.matmul ins(%wide, %w : tensor<4x6xi32>, tensor<6x5xi32>) ...

is a product of ``%x``, with the zero point 3; a constant of int32 whose elements all fit in int8 is one of int8.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hwacc.compiler.constants import constant_array, make_constant
from hwacc.compiler.transforms.build import defining
from hwacc.compiler.transforms.channel_values import is_identity
from hwacc.compiler.transforms.elementwise_match import yielded
from hwacc.compiler.transforms.linalg_form import Factor, Form, factor_of, indexing_axes

if TYPE_CHECKING:
    from mlir import ir


def narrowed(form: Form) -> Form:
    """``form`` with each int32 factor that holds widened int8 as the int8; others as they are."""
    return replace(form, left=narrow(form.left), right=narrow(form.right))


def narrow(factor: Factor) -> Factor:
    """The int8 factor that ``factor`` widens, else ``factor`` itself."""
    if factor.element != "i32" or not factor.signed:
        return factor
    array = constant_array(factor.value)
    if array is not None:
        fits = array.size and array.min() >= -128 and array.max() <= 127
        return replace(factor, value=make_constant(array.astype(np.int8))) if fits else factor
    return widened(factor, defining(factor.value)) or factor


def widened(factor: Factor, generic: ir.Operation | None) -> Factor | None:
    """The factor before ``generic``, which gives it, if that does no more than to widen int8 and to subtract a zero point."""
    if generic is None or generic.name != "linalg.generic" or len(generic.operands) != 2:
        return None
    source, maps = generic.operands[0], indexing_axes(generic)
    found = factor_of(generic, yielded(generic), list(generic.regions[0].blocks[0].arguments)[:-1])
    if maps is None or not all(map(is_identity, maps)) or found is None or str(source.type.element_type) != "i8":
        return None
    if factor.zero_point is not None and found[1] is not None:
        return None
    return replace(factor, value=source, zero_point=factor.zero_point or found[1], signed=found[2])
