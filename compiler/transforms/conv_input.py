"""What a convolution really reads: the tensor behind its padding, and behind slices that take nothing away from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwacc.compiler.constants import constant_scalar
from hwacc.compiler.transforms.build import defining, tensor_type
from hwacc.compiler.transforms.linalg_form import Form
from hwacc.compiler.transforms.loop_roles import Window

if TYPE_CHECKING:
    from mlir import ir


@dataclass(frozen=True)
class Image:
    """What a convolution reads: a tensor, and the padding before and after it along each axis that a window moves along."""

    value: ir.Value
    padding: tuple[tuple[int, int], ...]
    pad_value: int


def without_padding(value: ir.Value, axes: Sequence[int]) -> Image:
    """``value`` without the ``tensor.pad`` by a constant, if that pads ``axes`` only."""
    plain = Image(value, ((0, 0),) * len(axes), 0)
    pad = defining(value)
    if pad is None or pad.name != "tensor.pad" or len(pad.operands) != 1:
        return plain
    low, high = ([int(v) for v in pad.attributes[name]] for name in ("static_low", "static_high"))
    filler = constant_scalar(list(pad.regions[0].blocks[0].operations)[-1].operands[0])
    others = [amount for axis, pair in enumerate(zip(low, high)) if axis not in axes for amount in pair]
    if min(low + high) < 0 or any(others) or filler is None:
        return plain
    return Image(pad.operands[0], tuple((low[axis], high[axis]) for axis in axes), int(filler))


def without_slice(image: Image, form: Form, windows: Sequence[Window]) -> Image:
    """``image`` without a slice that only cuts off rows and columns which no window would reach."""
    cut = defining(image.value)
    if cut is None or cut.name != "tensor.extract_slice" or any(map(any, image.padding)) or len(cut.operands) != 1:
        return image
    source = cut.operands[0]
    if any(cut.attributes["static_offsets"]) or any(step != 1 for step in cut.attributes["static_strides"]):
        return image
    old, new = list(image.value.type.shape), list(source.type.shape)
    axes = [each.axis for each in windows]
    if len(new) != len(old) or any(a != b for axis, (a, b) in enumerate(zip(old, new)) if axis not in axes):
        return image
    same = all(new[each.axis] - old[each.axis] < each.stride - slack(form, each, old[each.axis]) for each in windows)
    return Image(source, image.padding, image.pad_value) if same else image


def without_rest(image: Image, form: Form, windows: Sequence[Window]) -> Image:
    """``image`` without what lies behind the last windows, where another window would fit: less padding, and what is left cut off."""
    from mlir.dialects import tensor

    shape, padding = list(image.value.type.shape), list(image.padding)
    for number, (each, (low, high)) in enumerate(zip(windows, image.padding)):
        rest = slack(form, each, shape[each.axis] + low + high)
        if rest >= each.stride:
            padding[number] = low, max(high - rest, 0)
            shape[each.axis] -= max(rest - high, 0)
    if min(shape) < 1:  # the windows reach nothing but the padding before the picture
        return without_rest(Image(form.left.value, ((0, 0),) * len(windows), 0), form, windows)
    value = image.value
    if shape != list(value.type.shape):
        kind, ones = tensor_type(shape, value.type.element_type), [1] * len(shape)
        value = tensor.ExtractSliceOp(kind, value, [], [], [], [0] * len(shape), shape, ones).result
    return Image(value, tuple(padding), image.pad_value)


def slack(form: Form, window: Window, size: int) -> int:
    """Rows (or columns) after the last window, in an input of ``size``."""
    kernel = 1 if window.kernel is None else form.sizes[window.kernel]
    return size - ((form.sizes[window.pixel] - 1) * window.stride + (kernel - 1) * window.dilation + 1)
