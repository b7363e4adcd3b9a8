"""Quantises one float convolution: NHWC by OHWI, whatever it was."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwacc.compiler.constants import constant_array, constant_scalar
from hwacc.compiler.transforms.build import defining, integer, scalar, tensor_type
from hwacc.compiler.transforms.layers import CONVOLUTIONS, place_of, range_of
from hwacc.compiler.transforms.loop_nest import Read
from hwacc.compiler.transforms.quantised_operand import quantise
from hwacc.compiler.transforms.quantised_product import may_shift, require_length, scaled, shifts, zeros
from hwacc.compiler.transforms.reshapes import merged, split

if TYPE_CHECKING:
    from mlir import ir

N, H, W, C, F, Y, X = range(7)
"""Loops: pictures, rows and columns, channels, filters, rows and columns of the kernel."""
PICTURE = {"n": N, "h": H, "w": W, "c": C, "f": F}
KERNEL = {"f": F, "h": Y, "w": X, "c": C}
"""Loops of the dimensions, by the letters that linalg names them with."""


def quantised_convolution(op: ir.Operation) -> ir.Value:
    """The result of a float convolution, by an integer one; raises :class:`NotForArray`."""
    picture, kernel, result = ([loops[letter] for letter in form] for loops, form in zip((PICTURE, KERNEL, PICTURE), CONVOLUTIONS[op.name]))
    limits = range_of(op, 0)
    # Zeros become the zero point: a number that the array can pad with if it is one for all pictures, known beforehand.
    source, padding = without_padding(op.operands[0]) if limits is not None else (op.operands[0], [])
    image, weights = (Read(value, tuple(loops)).behind_moves() for value, loops in ((source, picture), (op.operands[1], kernel)))
    length = prod(weights.extents[loop] for loop in kernel if loop != F)
    require_length(length)
    left = quantise(image, ordered(N, H, W, C, loops=picture), (N,), limits, place_of(op), shifted=may_shift(length))
    taps = ordered(F, Y, X, C, loops=kernel)
    right = quantise(weights, taps, (F,), range_of(op, 1), place_of(op))
    padded = with_padding(left.value, dict(zip(picture, padding)), left.zero_point)
    folds = left.zero_points is None and constant_array(right.value) is not None
    with place_of(op):
        total = integer_convolution(op, padded, right.value, left.zero_point if folds else 0)
    with place_of(op, "scale"):
        shift = [] if folds else shifts(left, Read(right.value, taps), (F,))
        read = Read(total, ordered(N, H, W, F, loops=result))
        return scaled(read, (left, right), Read(op.operands[2], tuple(result)), op.results[0].type, shift)


def ordered(*wanted: int, loops: list[int]) -> tuple[int, ...]:
    """Those of the ``wanted`` that are among ``loops``."""
    return tuple(loop for loop in wanted if loop in loops)


def integer_convolution(op: ir.Operation, image: ir.Value, weights: ir.Value, zero_point: int) -> ir.Value:
    """The NHWC by OHWI convolution, int8 into int32, with strides and dilations as those of ``op``; NWC by OWI likewise."""
    from mlir import ir
    from mlir.dialects import linalg

    flat = len(image.type.shape) == len("nwc")
    image, weights = (merged(value, [1, 0, 1, 1]) if flat else value for value in (image, weights))
    steps = {}
    sizes = [next(iter(image.type.shape)), 0, 0, next(iter(weights.type.shape))]
    strides, dilations = ([1, *numbers(op, name)][-2:] for name in ("strides", "dilations"))
    for axis, (stride, dilation) in enumerate(zip(strides, dilations), 1):
        sizes[axis] = (image.type.shape[axis] - dilation * (weights.type.shape[axis] - 1) - 1) // stride + 1
    for name, values in (("strides", strides), ("dilations", dilations)):
        steps[name] = ir.DenseElementsAttr.get(np.array(values, np.int64))
    start = zeros(sizes)
    points = [scalar(zero_point, integer(32)), scalar(0, integer(32))] if zero_point else []
    kind = linalg.Conv2DNhwcFhwcQOp if zero_point else linalg.Conv2DNhwcFhwcOp
    made = kind([start.type], [image, weights, *points], [start], **steps)
    linalg.fill_builtin_region(made.operation)
    return split(made.results[0], [[size] if axis != 1 else [] for axis, size in enumerate(sizes)]) if flat else made.results[0]


def numbers(op: ir.Operation, name: str) -> list[int]:
    """The integers of a dense attribute, one for each dimension of the picture; 1 where it is absent, as linalg has it."""
    return [int(v) for v in np.array(op.attributes[name]).ravel()] if name in op.attributes else [1, 1]


def without_padding(value: ir.Value) -> tuple[ir.Value, list[tuple[int, int]]]:
    """What a ``tensor.pad`` pads with zeros, and how much before and after each dimension; else ``value`` and nothing."""
    pad = defining(value)
    nothing = [(0, 0)] * len(value.type.shape)
    if pad is None or pad.name != "tensor.pad" or len(pad.operands) != 1:
        return value, nothing
    low, high = ([int(v) for v in pad.attributes[name]] for name in ("static_low", "static_high"))
    filler = constant_scalar(list(pad.regions[0].blocks[0].operations)[-1].operands[0])
    return (pad.operands[0], list(zip(low, high))) if filler == 0 and min(low + high) >= 0 else (value, nothing)


def with_padding(value: ir.Value, padding: dict[int, tuple[int, int]], zero_point: int) -> ir.Value:
    """An NHWC (or NWC) tensor with so many zeros, as the zero point stands for them, before and after each loop."""
    from mlir import ir
    from mlir.dialects import arith, tensor

    if not any(map(any, padding.values())):
        return value
    low, high = ([padding[loop][end] for loop in ordered(N, H, W, C, loops=list(padding))] for end in (0, 1))
    shape = [size + before + after for size, before, after in zip(value.type.shape, low, high)]
    made = tensor.PadOp(tensor_type(shape, integer(8)), value, [], [], low, high)
    with ir.InsertionPoint(made.regions[0].blocks.append(*[ir.IndexType.get()] * len(shape))):
        tensor.YieldOp(arith.ConstantOp(integer(8), zero_point).result)
    return made.result
