"""Convolutions of quantised ONNX models in a form that torch-mlir gets right, and the array can compute.

torch-mlir knows a convolution of integers only where one scale is for all channels of the weights, and the padding the same on both
sides. It makes a float convolution of another one between ``DequantizeLinear`` nodes; of a ``QLinearConv`` with scales for each channel one
that adds the bias unscaled, which is wrong; and of unsigned numbers with scales for each channel signed ones. Here

    QLinearConv(x, sx, zx, w, sw, zw, sy, zy, b)

becomes a ``Conv`` between ``DequantizeLinear`` and ``QuantizeLinear`` nodes, and such a ``Conv``, if its weights are int8 without zero
point,

    Conv(DequantizeLinear(x, sx, zx), DequantizeLinear(w, sw), b)

integers, for the array, and the scales behind them:

    Mul(Cast(Add(ConvInteger(Pad(x, zx), w, zx), round(b / (sx * sw)))), sx * sw)

A bias that is no whole number of ``sx * sw`` is added behind the scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

PER_AXIS_OPSET = 13
"""The first version in which ``DequantizeLinear`` has an axis."""
IMAGE_RANK = 4
NO_AUTO_PAD = b"NOTSET"
INT32_LIMIT = 2.0**31


class Rewriter:
    """A graph whose nodes are replaced one by one: what its constants are, and which node gives which tensor."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        from onnx import numpy_helper

        self.graph = graph
        self.constants: dict[str, NDArray[Any]] = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        self.makers: dict[str, onnx.NodeProto] = {name: node for node in graph.node for name in node.output}
        self.nodes: list[onnx.NodeProto] = []

    def add(self, kind: str, inputs: list[str], source: onnx.NodeProto, *, output: str = "", **attributes: Any) -> str:
        """Appends a node that stands for ``source``; the name of its output."""
        from onnx import helper

        name = output or f"{source.output[0]}/{kind}_{len(self.nodes)}"
        node = helper.make_node(kind, inputs, [name], source.name, **attributes)
        self.nodes.append(node)
        self.makers[name] = node
        return name

    def constant(self, array: NDArray[Any], source: onnx.NodeProto, what: str, *, name: str = "") -> str:
        """Adds a constant that belongs to ``source``; its name."""
        from onnx import numpy_helper

        name = name or f"{source.output[0]}/{what}"
        self.graph.initializer.append(numpy_helper.from_array(array, name))
        self.constants[name] = array
        return name

    def rank(self, name: str) -> int | None:
        """The number of dimensions of a tensor; None where the graph does not say."""
        if name in self.constants:
            return self.constants[name].ndim
        known = (each for each in (*self.graph.input, *self.graph.value_info) if each.name == name)
        found = next((each for each in known if each.type.tensor_type.HasField("shape")), None)
        return None if found is None else len(found.type.tensor_type.shape.dim)

    def value(self, name: str) -> NDArray[Any] | None:
        """The constant of that name, dequantised where a node does so; None for what is no constant."""
        node = self.makers.get(name)
        if node is None or node.op_type != "DequantizeLinear":
            return self.constants.get(name)
        parts = [self.constants.get(each) for each in node.input]
        if any(part is None for part in parts) or parts[0] is None or parts[0].ndim > 1:
            return None
        number, scale, point = (*parts, np.zeros(1))[:3]
        return ((number - point) * scale).astype(np.float64)  # type: ignore[operator]


def integer_convolutions(model: onnx.ModelProto) -> onnx.ModelProto:
    """``model``, changed in place: quantised convolutions that torch-mlir does not know are integer ones, or of floats."""
    if not any(not each.domain and each.version >= PER_AXIS_OPSET for each in model.opset_import):
        return model
    for rewrite in (dequantised, with_floats, with_integers):
        rewriter = Rewriter(model.graph)
        for node in model.graph.node:
            if not rewrite(rewriter, node):
                rewriter.nodes.append(node)
        del model.graph.node[:]
        model.graph.node.extend(used(rewriter.nodes, {each.name for each in model.graph.output}))
    return model


def used(nodes: list[onnx.NodeProto], wanted: set[str]) -> list[onnx.NodeProto]:
    """Those of ``nodes``, which are in order, that the results ``wanted`` need."""
    kept = []
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]


def is_known(node: onnx.NodeProto, scales: NDArray[Any]) -> bool:
    """Whether torch-mlir knows the integer form of a convolution by weights with these scales."""
    pads = attributes_of(node).get("pads", [])
    return bool(scales.size == 1) and pads[: len(pads) // 2] == pads[len(pads) // 2 :]


def dequantised(rewriter: Rewriter, node: onnx.NodeProto) -> bool:
    """Replaces a ``QLinearConv`` that torch-mlir does not know; whether ``node`` is one."""
    if node.op_type != "QLinearConv":
        return False
    x, sx, zx, w, sw, zw, sy, zy, *bias = node.input
    input_scale, scales = rewriter.constants.get(sx), rewriter.constants.get(sw)
    if input_scale is None or scales is None or is_known(node, scales):
        return False
    operands = [rewriter.add("DequantizeLinear", [x, sx, zx], node), rewriter.add("DequantizeLinear", [w, sw, zw], node, axis=0)]
    if any(bias):
        scale = rewriter.constant((input_scale * scales).astype(np.float32).reshape(scales.shape), node, "bias_scale")
        point = rewriter.constant(np.zeros(scales.shape, np.int32), node, "bias_point")  # torch-mlir wants one
        operands.append(rewriter.add("DequantizeLinear", [bias[0], scale, point], node, axis=0))
    result = rewriter.add("Conv", operands, node, **attributes_of(node))
    rewriter.add("QuantizeLinear", [result, sy, zy], node, output=node.output[0])
    return True


def with_floats(rewriter: Rewriter, node: onnx.NodeProto) -> bool:
    """Replaces a ``DequantizeLinear`` of unsigned numbers with several scales, which torch-mlir takes for signed; whether it is one."""
    from onnx import TensorProto

    if node.op_type != "DequantizeLinear":
        return False
    source, scale, *rest = node.input
    numbers, scales = (rewriter.constants.get(name) for name in (source, scale))
    point = rewriter.constants.get(rest[0]) if rest else None
    typed = numbers if point is None else point
    if scales is None or scales.size == 1 or typed is None or typed.dtype.kind != "u":
        return False
    axis = attributes_of(node).get("axis", 1)
    rank = rewriter.rank(source)
    if rank is None:
        return False
    shape = [-1 if each == axis % rank else 1 for each in range(rank)]
    start = np.zeros(scales.shape, np.float32) if point is None else point.astype(np.float32)
    if numbers is not None:
        rewriter.constant((numbers - start.reshape(shape)) * scales.reshape(shape), node, "", name=node.output[0])
        return True
    value = rewriter.add("Cast", [source], node, to=TensorProto.FLOAT)
    value = rewriter.add("Sub", [value, rewriter.constant(start.reshape(shape), node, "point")], node)
    rewriter.add("Mul", [value, rewriter.constant(scales.reshape(shape), node, "scales")], node, output=node.output[0])
    return True


def with_integers(rewriter: Rewriter, node: onnx.NodeProto) -> bool:
    """Replaces a ``Conv`` of dequantised pictures and weights that torch-mlir does not know as one of integers; whether ``node`` is one."""
    if node.op_type != "Conv" or attributes_of(node).get("auto_pad", NO_AUTO_PAD) != NO_AUTO_PAD:
        return False
    picture, weights = (rewriter.makers.get(name) for name in node.input[:2])
    if picture is None or weights is None or {picture.op_type, weights.op_type} != {"DequantizeLinear"} or len(picture.input) < 3:
        return False
    numbers, scales, *points = (rewriter.constants.get(name) for name in weights.input)
    scale = rewriter.constants.get(picture.input[1])
    if numbers is None or scales is None or scale is None or scale.size > 1 or is_known(node, scales):
        return False
    channels = numbers.shape[:1]
    symmetric = numbers.dtype == np.int8 and all(point is not None and not point.any() for point in points)
    if not symmetric or numbers.ndim != IMAGE_RANK or scales.shape not in ((), (1,), channels):
        return False
    bias = rewriter.value(node.input[2]) if len(node.input) > 2 and node.input[2] else np.zeros(channels)
    if bias is None:
        return False
    scales = np.broadcast_to(scale.reshape(-1) * scales, channels)
    write_integers(rewriter, node, [picture.input[0], weights.input[0], picture.input[2]], scales, bias)
    return True


def padded(rewriter: Rewriter, node: onnx.NodeProto, picture: str, point: str) -> str:
    """The ``picture``, padded with its zero point as ``node`` says."""
    before, after = np.array(attributes_of(node).get("pads", [0] * 4), np.int64).reshape(2, 2)
    pads = np.concatenate([[0, 0], before, [0, 0], after])
    return rewriter.add("Pad", [picture, rewriter.constant(pads, node, "pads"), point], node) if pads.any() else picture


def write_integers(rewriter: Rewriter, node: onnx.NodeProto, operands: list[str], scale: NDArray[Any], bias: NDArray[Any]) -> None:
    """The integer convolution of picture, weights and zero point, times ``scale``, plus ``bias``, in place of ``node``."""
    from onnx import TensorProto

    shape = [1, -1, 1, 1]
    steps = np.rint(bias / scale)
    is_whole = bool(np.allclose(steps * scale, bias, rtol=1e-6, atol=1e-12) and (np.abs(steps) < INT32_LIMIT).all())
    picture, weights, point = operands
    attributes = {key: value for key, value in attributes_of(node).items() if key != "pads"}
    total = rewriter.add("ConvInteger", [padded(rewriter, node, picture, point), weights, point], node, **attributes)
    if is_whole and steps.any():
        total = rewriter.add("Add", [total, rewriter.constant(steps.astype(np.int32).reshape(shape), node, "bias")], node)
    total = rewriter.add("Cast", [total], node, to=TensorProto.FLOAT)
    factor = rewriter.constant(scale.astype(np.float32).reshape(shape), node, "scale")
    result = rewriter.add("Mul", [total, factor], node, output=node.output[0] if is_whole else "")
    if not is_whole:
        rewriter.add("Add", [result, rewriter.constant(bias.astype(np.float32).reshape(shape), node, "bias")], node, output=node.output[0])


def attributes_of(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes, as :func:`onnx.helper.make_node` takes them."""
    from onnx import helper

    return {each.name: helper.get_attribute_value(each) for each in node.attribute}
