"""What may stand between an integer contraction and the int8 input of the next, step by step: read as a function, and done to int8.

Elementwise loops change the function that each sum goes through. Reshapes, transposes and the largest values of windows do not: as
the function never falls, the largest number stays the largest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hwacc.compiler.constants import constant_array, constant_scalar
from hwacc.compiler.transforms.build import VIEWS, defining, integer, scalar, tensor_type
from hwacc.compiler.transforms.channel_function import ChannelFunction, Term, read_body
from hwacc.compiler.transforms.loop_nest import Read, dims_of, nest

if TYPE_CHECKING:
    from mlir import ir

PAD = "tensor.pad"
POOLINGS = ("linalg.pooling_nchw_max", "linalg.pooling_nhwc_max")
STEPS = (*VIEWS, "linalg.generic", "linalg.transpose", PAD, *POOLINGS)
"""Operations that may be steps."""
LEAST = -128
"""The least int8."""


@dataclass(frozen=True)
class Stage:
    """A value in a chain: its function of the sum, and the dimension that counts channels; None where it is mixed with others."""

    function: ChannelFunction
    channel: int | None


def after(stage: Stage, step: ir.Operation, value: ir.Value) -> Stage | None:
    """The stage behind one more operation, whose operand is ``value``; None where it is not of the kind."""
    if step.name in VIEWS:
        return Stage(stage.function, behind_view(step, stage.channel))
    if step.name in (PAD, *POOLINGS):
        return stage if fills_with_least(step) and step.operands[0] == value else None
    if step.name == "linalg.transpose":
        order = list(step.attributes["permutation"])
        return Stage(stage.function, None if stage.channel is None else order.index(stage.channel))
    maps = [dims_of(each.value) for each in step.attributes["indexing_maps"]]
    position = list(step.operands).index(value)
    source, result = maps[position], maps[-1]
    if (
        source is None
        or result is None
        or len(source) != len(result)
        or any("parallel" not in str(k) for k in step.attributes["iterator_types"])
    ):
        return None
    loop = None if stage.channel is None else source[stage.channel]
    inputs = [stage.function if i == position else operand_term(operand, maps[i], loop) for i, operand in enumerate(step.operands)]
    function = read_body(step, [*inputs[:-1], None])
    return None if function is None else Stage(function, None if loop is None else result.index(loop))


def operand_term(operand: ir.Value, dims: tuple[int, ...] | None, channel: int | None) -> Term:
    """A constant operand that holds one number, or one for each turn of the loop ``channel``."""
    number = constant_scalar(operand)
    if number is not None:
        return np.array([number], np.float64)
    array = constant_array(operand)
    return array.astype(np.float64) if array is not None and channel is not None and dims == (channel,) else None


def behind_view(view: ir.Operation, channel: int | None) -> int | None:
    """The dimension that counts channels after a reshape; None where it merges them with others, or divides them."""
    if channel is None:
        return None
    groups = [[dim.value for dim in group] for group in view.attributes["reassociation"]]
    sizes = list((view.operands[0] if view.name == "tensor.collapse_shape" else view.results[0]).type.shape)
    if view.name == "tensor.collapse_shape":
        index = next(i for i, group in enumerate(groups) if channel in group)
        return index if all(sizes[dim] == 1 for dim in groups[index] if dim != channel) else None
    real = [dim for dim in groups[channel] if sizes[dim] != 1] or groups[channel][-1:]
    return real[0] if len(real) == 1 else None


def moved(step: ir.Operation, source: ir.Value, value: ir.Value) -> ir.Value:
    """The int8 numbers ``value``, moved as ``step`` moves those of ``source``."""
    if step.name in VIEWS:
        return viewed(step, value)
    if step.name == PAD:
        return padded(step, value)
    if step.name in POOLINGS:
        return pooled(step, value)
    if step.name == "linalg.transpose":
        order = list(step.attributes["permutation"])
        read, result = tuple(order.index(dim) for dim in range(len(order))), tuple(range(len(order)))
    else:
        maps = [dims_of(each.value) or () for each in step.attributes["indexing_maps"]]
        read, result = maps[list(step.operands).index(source)], maps[-1]
    found = Read(value, read).behind_moves()
    return found.value if found.loops == result else nest([found], result, integer(8), lambda number: number)


def viewed(view: ir.Operation, value: ir.Value) -> ir.Value:
    """int8 numbers, reshaped as ``view`` reshapes others."""
    from mlir import ir
    from mlir.dialects import tensor

    shape, groups = list(view.results[0].type.shape), view.attributes["reassociation"]
    if view.name == "tensor.collapse_shape":
        return tensor.CollapseShapeOp(tensor_type(shape, integer(8)), value, groups).result
    return tensor.ExpandShapeOp(tensor_type(shape, integer(8)), value, groups, [], ir.DenseI64ArrayAttr.get(shape)).result


def fills_with_least(step: ir.Operation) -> bool:
    """Whether what a pad puts around a tensor, or where a pooling starts, is less than all numbers."""
    if step.name == PAD:
        filler = constant_scalar(list(step.regions[0].blocks[0].operations)[-1].operands[0]) if len(step.operands) == 1 else None
    else:
        fill = defining(step.operands[2])
        filler = constant_scalar(fill.operands[0]) if fill is not None and fill.name == "linalg.fill" else None
    return filler is not None and filler <= float(np.finfo(np.float32).min)


def padded(pad: ir.Operation, value: ir.Value) -> ir.Value:
    """int8 numbers with the least of them around, as ``pad`` has it of floats."""
    from mlir import ir
    from mlir.dialects import arith, tensor

    low, high = (list(pad.attributes[name]) for name in ("static_low", "static_high"))
    shape = list(pad.results[0].type.shape)
    made = tensor.PadOp(tensor_type(shape, integer(8)), value, [], [], low, high)
    with ir.InsertionPoint(made.regions[0].blocks.append(*[ir.IndexType.get()] * len(shape))):
        tensor.YieldOp(arith.ConstantOp(integer(8), LEAST).result)
    return made.result


def pooled(pooling: ir.Operation, value: ir.Value) -> ir.Value:
    """The largest int8 of each window of ``pooling``."""
    from mlir.dialects import linalg, tensor

    shape = list(pooling.results[0].type.shape)
    start = linalg.fill(scalar(LEAST, integer(8)), outs=[tensor.EmptyOp(shape, integer(8)).result])
    steps = {name: pooling.attributes[name] for name in ("strides", "dilations") if name in pooling.attributes}
    kind = linalg.PoolingNchwMaxOp if "nchw" in pooling.name else linalg.PoolingNhwcMaxOp
    made = kind([start.type], [value, pooling.operands[1]], [start], **steps)
    linalg.fill_builtin_region(made.operation)
    return made.results[0]
