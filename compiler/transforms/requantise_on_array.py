"""Lets the array give int8 where the next layer takes int8.

Between two layers with known ranges there often is nothing but what the array
does on its way out: scale, bias, ReLU, rounding. Then the floats between them
need not exist.

    %sum = linalg.matmul ins(%qx, %qw) outs(%zeros)                        : tensor<5x10xi32>
    %y = linalg.generic ins(%sum, %scales, %bias) { scale * sum + bias }   : tensor<5x10xf32>
    %r = linalg.generic ins(%y) { max(y, 0) }                              : tensor<5x10xf32>
    %q = linalg.generic ins(%r) { round(r / 0.02) - 128, clamped }         : tensor<5x10xi8>

becomes, with the bias in units of the sum and each channel's factor as a multiplier and a shift,

    %sum = linalg.matmul ins(%qx, %qw) outs(%bias)                         : tensor<5x10xi32>
    %q = linalg.generic ins(%sum, %multiplier, %shift) { tosa.apply_scale, - 128, clamped } : tensor<5x10xi8>

which ``normalise-contractions`` and ``fuse-rescale`` make one operation. The array rounds halves up where the CPU rounds them to
even, and its bias is an integer: results may differ by one from those of the floats. Transposes, reshapes and largest values of
windows on the way are taken of int8.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import constant_scalar, make_constant
from hwacc.compiler.transforms.build import defining, elementwise, integer, replace, scalar, users
from hwacc.compiler.transforms.chain_steps import STEPS, Stage, after, moved
from hwacc.compiler.transforms.channel_function import IDENTITY, ChannelFunction
from hwacc.compiler.transforms.fuse_rescale import MAX_SHIFT, MIN_SHIFT
from hwacc.compiler.transforms.passes import Pass, walk

if TYPE_CHECKING:
    from mlir import ir

CONTRACTIONS = ("linalg.matmul", "linalg.quantized_matmul", "linalg.conv_2d_nhwc_fhwc", "linalg.conv_2d_nhwc_fhwc_q")
"""Integer contractions whose last dimension counts channels."""
LOWEST, HIGHEST = -128, 127
"""Limits of int8."""


class RequantiseOnArray(Pass):
    """``requantise-on-array``: scaling, bias, ReLU and rounding between two integer contractions become the first one's epilogue."""

    name = "requantise-on-array"

    def run(self, module: ir.Operation) -> None:
        for op in walk(module, *CONTRACTIONS):
            chain = chain_behind(op)
            if chain:
                requantise(op, chain)


def chain_behind(op: ir.Operation) -> list[ir.Operation]:
    """The operations between an integer contraction and int8, each the only user of the one before; none if that is not what follows."""
    if not len(op.results) or str(op.results[0].type.element_type) != "i32" or not starts_at_zero(op):
        return []
    chain: list[ir.Operation] = []
    value = op.results[0]
    while str(value.type.element_type) != "i8":
        following = users(value)
        if len(following) != 1 or following[0].name not in STEPS or len(following[0].results) != 1:
            return []
        chain.append(following[0])
        value = following[0].results[0]
    return chain


def starts_at_zero(op: ir.Operation) -> bool:
    """Whether the accumulator of a contraction holds nothing else."""
    start = op.operands[len(op.operands) - 1]
    fill = defining(start)
    return constant_scalar(fill.operands[0] if fill is not None and fill.name == "linalg.fill" else start) == 0


def requantise(op: ir.Operation, chain: list[ir.Operation]) -> None:
    """Replaces the ``chain`` behind ``op``, if it is one function of each sum."""
    from mlir import ir

    stage: Stage | None = Stage(IDENTITY, len(op.results[0].type.shape) - 1)
    value = op.results[0]
    for step in chain:
        stage = after(stage, step, value) if stage is not None else None
        value = step.results[0]
    epilogue = epilogue_of(stage.function, list(op.results[0].type.shape)[-1], bias_room(op)) if stage is not None else None
    if epilogue is None:
        return
    with ir.InsertionPoint(op), op.location:
        op.operands[len(op.operands) - 1] = repeated(epilogue.bias, op.results[0].type)
    with ir.InsertionPoint(chain[0]), op.location:
        made = epilogue.applied(op.results[0])
    for step, before in zip(chain, (op, *chain)):
        with ir.InsertionPoint(chain[-1]), step.location:
            made = moved(step, before.results[0], made)
    replace(chain[-1], made)


@dataclass(frozen=True)
class Epilogue:
    """What the array does with a sum: bias and scale for each channel, zero point, clamp."""

    bias: NDArray[np.int32]
    multiplier: NDArray[np.int32]
    shift: NDArray[np.int8]
    zero_point: int
    low: int
    high: int

    def applied(self, total: ir.Value) -> ir.Value:
        """``total``, in which the bias is, as int8, in the form that ``fuse-rescale`` reads."""
        from mlir import ir
        from mlir.dialects import arith, tosa

        word = integer(32)

        def body(value: ir.Value, multiplier: ir.Value, shift: ir.Value) -> ir.Value:
            single = ir.Attribute.parse("#tosa.rounding_mode<SINGLE_ROUND>")
            shifted = arith.addi(tosa.apply_scale(word, value, multiplier, shift, single), scalar(self.zero_point, word))
            clamped = arith.minsi(arith.maxsi(shifted, scalar(self.low, word)), scalar(self.high, word))
            return arith.trunci(integer(8), clamped)

        return elementwise([total, make_constant(self.multiplier), make_constant(self.shift)], integer(8), body)


def epilogue_of(function: ChannelFunction, channels: int, most_bias: int) -> Epilogue | None:
    """How the array computes ``function``; None where its numbers do not suffice, or the clamp is not one for all channels."""
    low, high = np.unique(function.low), np.unique(function.high)
    if not function.is_rounded or low.size > 1 or high.size > 1 or low[0] < LOWEST or high[0] > HIGHEST:
        return None
    factor, offset = (np.broadcast_to(each, channels) for each in (function.factor, function.offset))
    bias = np.rint(offset / factor)
    fraction, exponent = np.frexp(factor)
    multiplier, shift = np.rint(fraction * 2**31), 31 - exponent
    multiplier, shift = np.where(multiplier == 2**31, 2**30, multiplier), np.where(multiplier == 2**31, shift - 1, shift)
    if shift.min() < MIN_SHIFT or shift.max() > MAX_SHIFT or np.abs(bias).max() >= most_bias or not LOWEST <= function.shift <= HIGHEST:
        return None
    values = bias.astype(np.int32), multiplier.astype(np.int32), shift.astype(np.int8)
    return Epilogue(*values, function.shift, int(low[0]), int(high[0]))


def bias_room(op: ir.Operation) -> int:
    """Largest bias with which no sum of an integer contraction leaves int32, whatever the zero point of its input."""
    channels = list(op.results[0].type.shape)[-1]
    length = prod(op.operands[1].type.shape) // channels
    return int(2**31 - length * (HIGHEST - LOWEST) * HIGHEST)


def repeated(bias: NDArray[np.int32], result: ir.RankedTensorType) -> ir.Value:
    """An accumulator with the bias of each channel."""
    from mlir.dialects import linalg, tensor

    shape = list(result.shape)
    empty = tensor.EmptyOp(shape, integer(32)).result
    return linalg.broadcast(make_constant(bias), outs=[empty], dimensions=range(len(shape) - 1)).results[0]
