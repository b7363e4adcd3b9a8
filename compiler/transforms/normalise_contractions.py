"""Brings every convolution and matrix product to one form.

A contraction reaches linalg in many spellings: with and without zero points,
its padding a ``tensor.pad`` before it, its bias broadcast into the
accumulator. The array knows one: int8 by int8 plus a bias for each output
channel, padding folded into the way in which the input is read. Everything
after this pass deals with that form alone.

    %padded = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] { tensor.yield %c-128_i8 }
    %init = linalg.generic { linalg.yield %in } ins(%bias : tensor<16xi32>) outs(%empty)
    %y = linalg.conv_2d_nhwc_fhwc_q {strides = dense<2>} ins(%padded, %w, %c-128, %c0) outs(%init)

becomes

    %y = "hwacc.conv2d"(%x, %w, %bias) {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>,
        padding = array<i64: 1, 1, 1, 1>, pad_value = -128 : i32, input_zero_point = -128 : i32, ...}

and ``linalg.matmul``, ``linalg.quantized_matmul`` likewise ``hwacc.gemm``.
A convolution that reads the first rows and columns of a tensor, but would
visit the same ones without the ``tensor.extract_slice``, reads the tensor.
What does not fit keeps its form and gets a reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwacc.compiler.constants import constant_array, constant_scalar, make_constant
from hwacc.compiler.dialects.hwacc import CONV2D, GEMM, create, integer_attribute, list_attribute
from hwacc.compiler.transforms.build import defining, replace
from hwacc.compiler.transforms.contraction_size import contraction_size
from hwacc.compiler.transforms.conv_input import constant_list, without_padding, without_slice
from hwacc.compiler.transforms.passes import Pass, walk
from hwacc.compiler.transforms.reasons import NotForArray, note
from hwacc.config import ArrayConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlir import ir

NO_EPILOGUE = {"double_round": (False, 1), "zero_point": (0, 32), "clamp_min": (-128, 32), "clamp_max": (127, 32)}
"""Attributes of an operation that gives int32: value and width."""


class NormaliseContractions(Pass):
    """``normalise-contractions``: linalg convolutions and matrix products become ``hwacc.conv2d`` and ``hwacc.gemm``."""

    name = "normalise-contractions"

    def run(self, module: ir.Operation) -> None:
        from mlir import ir

        for op in walk(module, *REWRITES):
            if not len(op.results):
                note(op, "works on memrefs; the array takes operations on tensors")
                continue
            try:
                with ir.InsertionPoint(op), op.location:
                    replace(op, REWRITES[op.name](op))
            except NotForArray as reason:
                note(op, str(reason))


def convolution(op: ir.Operation) -> ir.Value:
    """The ``hwacc.conv2d`` for a 2-D convolution with NHWC input and OHWI weights."""
    require_int8(op)
    zero_point = zero_points(op)
    strides, dilations = (tuple(int(v) for v in constant_list(op, name)) for name in ("strides", "dilations"))
    image = without_slice(without_padding(op.operands[0]), op, strides)
    attributes = {
        "strides": list_attribute(strides),
        "dilations": list_attribute(dilations),
        "padding": list_attribute(image.padding),
        "pad_value": integer_attribute(image.pad_value),
        "input_zero_point": integer_attribute(zero_point),
    }
    return contraction(CONV2D, op, image.value, attributes)


def product(op: ir.Operation) -> ir.Value:
    """The ``hwacc.gemm`` for a matrix product [M, K] by [K, N], or by [N, K] where the maps say so."""
    require_int8(op)
    attributes = {
        "weights_kn": integer_attribute(int(not transposed(op)), 1),
        "input_zero_point": integer_attribute(zero_points(op)),
    }
    return contraction(GEMM, op, op.operands[0], attributes)


def batched(op: ir.Operation) -> ir.Value:
    """Refuses: nothing here splits a batch of products into tasks."""
    raise NotForArray("a batch of matrix products is not split into array tasks yet")


def depthwise(op: ir.Operation) -> ir.Value:
    """Refuses: a systolic array shares inputs between columns, a depthwise convolution has nothing to share."""
    raise NotForArray("depthwise: each channel has its own input, so the columns of the array could share none")


def other_layout(op: ir.Operation) -> ir.Value:
    """Refuses layouts that no importer gives so far."""
    raise NotForArray(f"{op.name.removeprefix('linalg.')}: only NHWC inputs with OHWI weights are supported")


REWRITES: dict[str, Callable[[ir.Operation], ir.Value]] = {
    "linalg.conv_2d_nhwc_fhwc": convolution,
    "linalg.conv_2d_nhwc_fhwc_q": convolution,
    "linalg.matmul": product,
    "linalg.quantized_matmul": product,
    "linalg.batch_matmul": batched,
    "linalg.quantized_batch_matmul": batched,
    "linalg.depthwise_conv_2d_nhwc_hwc": depthwise,
    "linalg.depthwise_conv_2d_nhwc_hwc_q": depthwise,
    "linalg.depthwise_conv_2d_nhwc_hwcm": depthwise,
    "linalg.depthwise_conv_2d_nhwc_hwcm_q": depthwise,
    "linalg.conv_2d_nhwc_hwcf": other_layout,
    "linalg.conv_2d_nhwc_hwcf_q": other_layout,
    "linalg.conv_2d_nchw_fchw": other_layout,
    "linalg.conv_2d_nchw_fchw_q": other_layout,
    "linalg.conv_3d_ndhwc_dhwcf": other_layout,
    "linalg.conv_3d_ndhwc_dhwcf_q": other_layout,
}


def contraction(name: str, op: ir.Operation, source: ir.Value, attributes: dict[str, ir.Attribute]) -> ir.Value:
    """The ``hwacc`` operation ``name`` in place of ``op``, whose last operand is the accumulator."""
    bias = channel_bias(op.operands[len(op.operands) - 1])
    epilogue = {key: integer_attribute(value, width) for key, (value, width) in NO_EPILOGUE.items()}
    created = create(name, [source, op.operands[1], bias], op.results[0].type, **attributes, **epilogue)
    return created.results[0]


def require_int8(op: ir.Operation) -> None:
    """Raises :class:`NotForArray` unless ``op`` multiplies int8 by int8 into int32, in one accumulator tensor."""
    operands = list(op.operands)
    kinds = [str(value.type.element_type) for value in (operands[0], operands[1], operands[-1])]
    if kinds != ["i8", "i8", "i32"]:
        raise NotForArray(f"multiplies {kinds[0]} by {kinds[1]} into {kinds[2]}; the array multiplies i8 by i8 into i32")
    if any(not value.type.has_static_shape for value in (operands[0], operands[1])):
        raise NotForArray("has dynamic sizes")
    length, limit = contraction_size(op).k, ArrayConfig().max_k
    if length > limit:
        raise NotForArray(f"a reduction of {length} products can overflow int32; at most {limit} are supported")


def zero_points(op: ir.Operation) -> int:
    """The input's zero point; raises :class:`NotForArray` unless it is constant and the weights' is 0."""
    if len(op.operands) < 5:
        return 0
    points = [constant_scalar(op.operands[i]) for i in (2, 3)]
    if points[0] is None or points[1] is None:
        raise NotForArray("its zero points are not constant")
    if points[1] != 0:
        raise NotForArray(f"its weights have the zero point {points[1]}; the array takes symmetric weights only")
    if points[0] != 0 and constant_array(op.operands[1]) is None:
        raise NotForArray(f"its input has the zero point {points[0]}, and the weights to fold it into are not constant")
    return int(points[0])


def transposed(op: ir.Operation) -> bool:
    """Whether a product's second operand is [N, K]; raises :class:`NotForArray` for other maps than that or the plain ones."""
    if "indexing_maps" not in op.attributes:
        return False
    maps = [str(each) for each in op.attributes["indexing_maps"]]
    plain = ["affine_map<(d0, d1, d2) -> (d0, d2)>", "affine_map<(d0, d1, d2) -> (d2, d1)>", "affine_map<(d0, d1, d2) -> (d0, d1)>"]
    swapped = [plain[0], "affine_map<(d0, d1, d2) -> (d1, d2)>", plain[2]]
    if maps not in (plain, swapped):
        raise NotForArray("its operands are broadcast, or transposed in a way that is not supported")
    return maps == swapped


def channel_bias(accumulator: ir.Value) -> ir.Value:
    """The int32 constant, one for each output channel, that ``accumulator`` repeats; raises :class:`NotForArray`."""
    op = defining(accumulator)
    number = constant_scalar(accumulator)
    if number is None and op is not None and (op.name == "linalg.fill" or copies_element(op)):
        number = constant_scalar(op.operands[0])
    if number is not None:
        return make_constant(np.full(list(accumulator.type.shape)[-1], number, np.int32))
    if op is None or not broadcasts_channels(op) or constant_array(op.operands[0]) is None:
        raise NotForArray("what it adds is not a constant for each output channel")
    return op.operands[0]


def broadcasts_channels(op: ir.Operation) -> bool:
    """Whether ``op`` repeats a vector along the last dimension of its result."""
    rank = len(op.results[0].type.shape)
    if op.name == "linalg.broadcast":
        return list(op.attributes["dimensions"]) == list(range(rank - 1))
    dims = ", ".join(f"d{i}" for i in range(rank))
    return copies_element(op) and str(next(iter(op.attributes["indexing_maps"]))) == f"affine_map<({dims}) -> (d{rank - 1})>"


def copies_element(op: ir.Operation) -> bool:
    """Whether ``op`` is a ``linalg.generic`` that yields elements of its only input as they are."""
    if op.name != "linalg.generic" or len(op.operands) != 2:
        return False
    block = op.regions[0].blocks[0]
    body = list(block.operations)
    return len(body) == 1 and bool(body[0].operands[0] == block.arguments[0])
