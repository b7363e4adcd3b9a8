"""Builds the ``hwacc.gemm`` of a matrix product some of whose sizes are known only at run time.

Nothing is brought into order here: the operands are [M, K] and [K, N] or [N, K] already, or the CPU computes the product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import make_constant
from hwacc.compiler.dialects.hwacc import GEMM, NO_EPILOGUE, create, integer_attribute
from hwacc.compiler.transforms.build import integer, tensor_type
from hwacc.compiler.transforms.channel_values import for_channels, repeated_constant
from hwacc.compiler.transforms.int8_operands import required_zero_point
from hwacc.compiler.transforms.linalg_form import Form
from hwacc.compiler.transforms.loop_roles import Roles, roles_of
from hwacc.compiler.transforms.reasons import NotForArray

if TYPE_CHECKING:
    from mlir import ir


def product_of_open_sizes(form: Form, roles: Roles) -> ir.Value:
    """The product; raises :class:`NotForArray` for one that would have to be rearranged first, and for other contractions."""
    if roles.windows or roles.batch or {len(loops) for loops in (roles.rows, roles.columns, roles.inner)} != {1}:
        raise NotForArray("has sizes that are known only at run time; of contractions, matrix products may")
    if (*roles.rows, *roles.columns) != form.out:
        form, roles = form.swapped, roles_of(form.swapped, ())
    right = form.right.loops
    if form.left.loops != [*roles.rows, *roles.inner] or len(form.left.axes) != 2 or len(form.right.axes) != 2:
        raise NotForArray("has sizes that are known only at run time, and an input that would have to be transposed")
    attributes = {
        "input_km": integer_attribute(0, 1),
        "weights_kn": integer_attribute(int(right == [*roles.inner, *roles.columns]), 1),
        "input_zero_point": integer_attribute(required_zero_point(form)),
    }
    epilogue = {key: integer_attribute(value, width) for key, (value, width) in NO_EPILOGUE.items()}
    bias = make_constant(bias_of(form, form.sizes[roles.columns[0]]))
    kind = tensor_type(list(form.accumulator.type.shape), integer(32))
    return create(GEMM, [form.left.value, form.right.value, bias], kind, **attributes, **epilogue).results[0]


def bias_of(form: Form, channels: int) -> NDArray[np.int32]:
    """What the result starts from, for each channel; a single 0 where the number of ``channels`` is known only at run time."""
    start = repeated_constant(form.accumulator)
    found = None if start is None else for_channels(start, [0])
    if found is None:
        raise NotForArray("what it adds is not a constant for each output channel")
    if channels < 0 and found.any():
        raise NotForArray("what it adds must be 0, for the number of its channels is known only at run time")
    return np.ascontiguousarray(np.broadcast_to(found.ravel(), max(1, channels))).astype(np.int32)
