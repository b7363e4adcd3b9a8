"""Builds the ``hwacc.conv2d`` of a contraction with windows: 1-D or 2-D, in whichever layout, plain or in groups."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwacc.compiler.constants import make_constant
from hwacc.compiler.dialects.hwacc import CONV2D, NO_EPILOGUE, create, integer_attribute, list_attribute
from hwacc.compiler.transforms.build import integer, tensor_type
from hwacc.compiler.transforms.channel_values import for_channels, repeated_constant
from hwacc.compiler.transforms.conv_input import Image, without_padding, without_rest, without_slice
from hwacc.compiler.transforms.int8_operands import required_zero_point
from hwacc.compiler.transforms.linalg_form import Form
from hwacc.compiler.transforms.loop_roles import Roles
from hwacc.compiler.transforms.product_arrangement import axes_order, order_of
from hwacc.compiler.transforms.rearrange import rearranged, reshaped, transposed
from hwacc.compiler.transforms.reasons import NotForArray
from hwacc.compiler.transforms.to_gemm import added

if TYPE_CHECKING:
    from mlir import ir

Pairs = tuple[int, int]


def convolution(form: Form, roles: Roles) -> ir.Value:
    """The contraction as a convolution of an NHWC picture, with what it takes to bring the operands and the result into order."""
    if roles.is_depthwise(form):
        raise NotForArray("depthwise: each channel has its own input, so the columns of the array could share none")
    if len(roles.windows) > 2:
        raise NotForArray(f"a kernel of {len(roles.windows)} dimensions; the array reads windows of one or two")
    zero_point = required_zero_point(form)
    padded = without_padding(form.left.value, [each.axis for each in roles.windows])
    image = without_rest(without_slice(padded, form, roles.windows), form, roles.windows)
    picture = nhwc(form, roles, image.value)
    weights = ohwi(form, roles)
    result, bias = result_order(form, roles), channel_bias(form, roles)
    attributes = {
        "strides": list_attribute(both([each.stride for each in roles.windows])),
        "dilations": list_attribute(both([each.dilation for each in roles.windows])),
        "padding": list_attribute(around(image)),
        "pad_value": integer_attribute(image.pad_value),
        "input_zero_point": integer_attribute(zero_point),
    }
    epilogue = {key: integer_attribute(value, width) for key, (value, width) in NO_EPILOGUE.items()}
    pixels = both(form.shape(roles.pixels))
    channels = prod(form.shape(roles.batch + roles.columns))
    kind = tensor_type([prod(form.shape(roles.rows)), *pixels, channels], integer(32))
    start = make_constant(np.zeros(channels, np.int32) if bias is None else bias)
    made = create(CONV2D, [picture, weights, start], kind, **attributes, **epilogue)
    total = transposed(reshaped(made.results[0], form.shape(result)), order_of(form.out, result))
    return total if bias is not None else added(total, form.accumulator)


def both(values: Sequence[int]) -> tuple[int, int]:
    """One value for rows and one for columns: a 1-D convolution has a single row."""
    return (1, values[0]) if len(values) == 1 else (values[0], values[1])


def around(image: Image) -> tuple[int, int, int, int]:
    """The padding above, below, left and right."""
    first, second = both_pairs(image.padding)
    return (*first, *second)


def both_pairs(pairs: Sequence[Pairs]) -> tuple[Pairs, Pairs]:
    """Padding of rows, and of columns."""
    return ((0, 0), pairs[0]) if len(pairs) == 1 else (pairs[0], pairs[1])


def nhwc(form: Form, roles: Roles, value: ir.Value) -> ir.Value:
    """``value``, which the left factor pads or cuts, as a picture: groups and their channels last."""
    loose = [axis for axis, terms in enumerate(form.left.axes) if not terms]
    images, groups, channels = ([form.left.axis_of(loop) for loop in loops] for loops in (roles.rows, roles.batch, roles.inner))
    windows = [each.axis for each in roles.windows]
    sizes = list(value.type.shape)
    shape = [prod(form.shape(roles.rows)), *both([sizes[axis] for axis in windows]), prod(form.shape(roles.batch + roles.inner))]
    return rearranged(value, [*loose, *images, *windows, *groups, *channels], shape)


def ohwi(form: Form, roles: Roles) -> ir.Value:
    """The weights: groups and their output channels first, input channels last."""
    order = axes_order(form.right, [*roles.batch, *roles.columns, *roles.kernel, *roles.inner])
    kernel = both([1 if each.kernel is None else form.sizes[each.kernel] for each in roles.windows])
    shape = [prod(form.shape(roles.batch + roles.columns)), *kernel, prod(form.shape(roles.inner))]
    return rearranged(form.right.value, order, shape)


def result_order(form: Form, roles: Roles) -> list[int]:
    """The loops of an NHWC result."""
    return [*roles.rows, *roles.pixels, *roles.batch, *roles.columns]


def channel_bias(form: Form, roles: Roles) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]] | None:
    """The int32 constant, one for each output channel, that the accumulator repeats; None if it repeats none."""
    start = repeated_constant(form.accumulator)
    others = [form.out.index(loop) for loop in (*roles.rows, *roles.pixels)]
    found = None if start is None else for_channels(start, others)
    if found is None:
        return None
    order = order_of(result_order(form, roles), form.out)
    return np.ascontiguousarray(found.transpose(order)).astype(np.int32).ravel()
