"""What a convolution really reads: the tensor behind its padding, and behind slices that take nothing away from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hwacc.compiler.constants import constant_scalar
from hwacc.compiler.transforms.build import defining

if TYPE_CHECKING:
    from mlir import ir


@dataclass(frozen=True)
class Image:
    """What a convolution reads: a tensor and the padding around it (top, bottom, left, right)."""

    value: ir.Value
    padding: tuple[int, int, int, int]
    pad_value: int


def without_padding(value: ir.Value) -> Image:
    """``value`` without the ``tensor.pad`` of its rows and columns by a constant."""
    pad = defining(value)
    if pad is None or pad.name != "tensor.pad" or len(pad.operands) != 1:
        return Image(value, (0, 0, 0, 0), 0)
    low, high = ([int(v) for v in pad.attributes[name]] for name in ("static_low", "static_high"))
    block = pad.regions[0].blocks[0]
    filler = constant_scalar(list(block.operations)[-1].operands[0])
    if len(low) != 4 or min(low + high) < 0 or low[0] or high[0] or low[3] or high[3] or filler is None:
        return Image(value, (0, 0, 0, 0), 0)
    return Image(pad.operands[0], (low[1], high[1], low[2], high[2]), int(filler))


def without_slice(image: Image, op: ir.Operation, strides: tuple[int, ...]) -> Image:
    """``image`` without a slice that only cuts off rows and columns which no window of ``op`` would reach."""
    cut = defining(image.value)
    if cut is None or cut.name != "tensor.extract_slice" or any(image.padding) or len(cut.operands) != 1:
        return image
    source = cut.operands[0]
    if any(cut.attributes["static_offsets"]) or any(step != 1 for step in cut.attributes["static_strides"]):
        return image
    old, new = list(image.value.type.shape), list(source.type.shape)
    if len(new) != len(old) or (new[0], new[3]) != (old[0], old[3]):
        return image
    out = list(op.results[0].type.shape)
    same = all(new[axis] - old[axis] < strides[axis - 1] - slack(op, axis, old[axis], out[axis]) for axis in (1, 2))
    return Image(source, image.padding, image.pad_value) if same else image


def slack(op: ir.Operation, axis: int, size: int, out: int) -> int:
    """Rows (or columns) after the last window of ``op``, in an input of ``size``."""
    kernel = list(op.operands[1].type.shape)[axis]
    stride, dilation = constant_list(op, "strides")[axis - 1], constant_list(op, "dilations")[axis - 1]
    return int(size - ((out - 1) * stride + (kernel - 1) * dilation + 1))


def constant_list(op: ir.Operation, name: str) -> list[int]:
    """The integers of a dense attribute such as ``strides``; linalg's default of 1 where it is absent."""
    return [int(v) for v in np.array(op.attributes[name]).ravel()] if name in op.attributes else [1, 1]
