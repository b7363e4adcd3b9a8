"""Reads a contraction, on tensors or on memrefs: what the planner is to plan, and the constants that go with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import constant_array
from hwacc.compiler.dialects.hwacc import channel_count, group_count, has_residual, is_conv2d, operands_of, result_of
from hwacc.compiler.emit.pack import pack_bias, pack_parameters
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.compiler.writer.product import Product
from hwacc.config import ArrayConfig

if TYPE_CHECKING:
    from mlir import ir


@dataclass(frozen=True)
class Contraction:
    """A planner's specification, and the content of its bias and parameters buffers."""

    spec: ContractionSpec
    packed: dict[str, NDArray[Any]]


def read_contraction(op: ir.Operation, config: ArrayConfig) -> Contraction:
    """The contraction that ``hwacc.conv2d`` or ``hwacc.gemm`` is; a bias of zeros is left out."""
    epilogue, packed = read_epilogue(op, config)
    bias = None if has_residual(op) else required_constant(op, 2)
    has_bias = bias is not None and bool(bias.any())
    if bias is not None and has_bias:
        packed["bias"] = np.concatenate([pack_bias(part, config) for part in np.split(bias, group_count(op))])
    geometry = convolution_geometry(op) if is_conv2d(op) else product_geometry(op)
    return Contraction(
        ContractionSpec(**geometry, **epilogue, groups=group_count(op), has_bias=has_bias, has_residual=bias is None), packed
    )


def read_product(op: ir.Operation, config: ArrayConfig) -> tuple[Product, dict[str, NDArray[Any]]]:
    """The product that a ``hwacc.gemm`` is whose sizes are not all known, and the content of its bias and parameters buffers."""
    bias, (m, n), k = required_constant(op, 2), list(result_of(op).type.shape), list(op.operands[0].type.shape)[1]
    epilogue, packed = read_epilogue(op, config)
    if bias.any():
        packed["bias"] = pack_bias(bias, config)
    m, k, n = (size if size >= 0 else None for size in (m, k, n))
    return Product(m, k, n, **epilogue, weights_layout=layout_of(op), has_bias=bool(bias.any())), packed


def required_constant(op: ir.Operation, index: int) -> NDArray[Any]:
    """The constant operand ``index``; the verifier has seen that it is one."""
    array = constant_array(op.operands[index])
    assert array is not None, f"operand {index} of {op.name} is not constant"
    return array


def convolution_geometry(op: ir.Operation) -> dict[str, Any]:
    """Sizes of a convolution as the planner names them."""
    batch, height, width, _ = list(op.operands[0].type.shape)
    out_channels, kernel_h, kernel_w, channels = list(op.operands[1].type.shape)
    return {
        "divides_channels": group_count(op) > 1,
        "batch": batch,
        "height": height,
        "width": width,
        "channels": channels,
        "kernel_h": kernel_h,
        "kernel_w": kernel_w,
        "out_channels": out_channels // group_count(op),
        "stride": tuple(op.attributes["strides"]),
        "dilation": tuple(op.attributes["dilations"]),
        "padding": tuple(op.attributes["padding"]),
        "pad_value": op.attributes["pad_value"].value,
    }


def product_geometry(op: ir.Operation) -> dict[str, Any]:
    """Sizes of a matrix product: a 1×1 convolution over one row of M pixels."""
    across = bool(op.attributes["input_km"].value)
    rows, channels = list(op.operands[0].type.shape)[-2:][:: -1 if across else 1]
    layouts = {"input_layout": "km" if across else "mk", "weights_layout": layout_of(op)}
    return {"width": rows, "channels": channels, "out_channels": list(result_of(op).type.shape)[-1], **layouts}


def layout_of(op: ir.Operation) -> str:
    """How the weights of a matrix product lie in memory."""
    return "kn" if op.attributes["weights_kn"].value else "nk"


def read_epilogue(op: ir.Operation, config: ArrayConfig) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The requantisation as the planner names it, and the parameters buffer where it has one."""
    if len(operands_of(op)) == 3:
        return {"output": "int32"}, {}
    epilogue = {name: op.attributes[name].value for name in ("zero_point", "clamp_min", "clamp_max")}
    epilogue |= {"output": "int8", "double_round": bool(op.attributes["double_round"].value)}
    multiplier, shift = np.broadcast_arrays(required_constant(op, 3), required_constant(op, 4))
    if multiplier.size == 1:
        return {**epilogue, "multiplier": int(multiplier[0]), "shift": int(shift[0])}, {}
    multipliers, shifts = (np.split(np.broadcast_to(each, channel_count(op)), group_count(op)) for each in (multiplier, shift))
    tables = [pack_parameters(*each, config) for each in zip(multipliers, shifts)]
    return {**epilogue, "per_channel": True}, {"parameters": np.concatenate(tables)}
