"""Builds small quantised ``.tflite`` models for tests, with random weights: what a converter would write, in a few lines."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

TYPES = {
    "int8": schema.TensorType.INT8,
    "int32": schema.TensorType.INT32,
    "float32": schema.TensorType.FLOAT32,
    "bool": schema.TensorType.BOOL,
}


SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
RELU, RELU6 = schema.ActivationFunctionType.RELU, schema.ActivationFunctionType.RELU6
ONE_BY_ONE = {"padding": SAME, "strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
"""Options of a convolution, unless told otherwise."""


class ModelBuilder:
    """Collects tensors and operators; indices are what the flatbuffer calls them."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(
        self,
        shape: tuple[int, ...],
        dtype: str = "int8",
        scale: float | list[float] | None = None,
        zero_point: int = 0,
        data: NDArray[Any] | None = None,
        axis: int = 0,
    ) -> int:
        """A tensor; constant if it has ``data``. A list of scales counts channels along ``axis``."""
        tensor = schema.TensorT()
        tensor.name = f"tensor_{len(self.graph.tensors)}".encode()
        tensor.shape, tensor.type = list(shape), TYPES[dtype]
        tensor.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        if scale is not None:
            tensor.quantization = quantisation(scale, zero_point, axis)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(
        self, name: str, inputs: list[int], outputs: list[int], options: tuple[str, dict[str, Any]] | None = None, version: int = 3
    ) -> None:
        """An operator such as ``CONV_2D``, with the fields of its options, such as ``("Conv2DOptions", {...})``."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = version
        self.model.operatorCodes.append(code)
        op = schema.OperatorT()
        op.opcodeIndex = len(self.model.operatorCodes) - 1
        op.inputs, op.outputs = inputs, outputs
        if options is not None:
            op.builtinOptionsType = getattr(schema.BuiltinOptions, options[0])
            op.builtinOptions = getattr(schema, options[0] + "T")()
            for key, value in options[1].items():
                assert hasattr(op.builtinOptions, key), key
                setattr(op.builtinOptions, key, value)
        self.graph.operators.append(op)

    def build(self, inputs: list[int], outputs: list[int]) -> bytes:
        """The file's content."""
        self.graph.inputs, self.graph.outputs = inputs, outputs
        builder = flatbuffers.Builder(1 << 12)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def weights(self, shape: tuple[int, ...], scale: float | list[float], axis: int = 0) -> int:
        """Constant int8 weights, symmetric, with scales for all or for each channel."""
        return self.tensor(shape, "int8", scale, data=self.random.integers(-127, 128, shape).astype(np.int8), axis=axis)

    def bias(self, channels: int, scales: NDArray[Any] | np.floating[Any]) -> int:
        """A constant int32 bias."""
        data = self.random.integers(-5000, 5000, channels).astype(np.int32)
        return self.tensor((channels,), "int32", [float(s) for s in np.broadcast_to(scales, channels)], data=data)

    def channel_scales(self, channels: int) -> list[float]:
        """A different weight scale for each channel."""
        return [float(s) for s in self.random.uniform(0.002, 0.02, channels).astype(np.float32)]

    def conv2d(self, source: int, out: tuple[int, ...], kernel: tuple[int, int], *, depthwise: int = 0, **options: Any) -> int:
        """A CONV_2D, or with ``depthwise`` as multiplier a DEPTHWISE_CONV_2D, of ``source`` into the shape ``out``; per-channel int8."""
        options = {**ONE_BY_ONE, **options}
        tensor = self.graph.tensors[source]
        scales = self.channel_scales(out[3])
        shape = (1, *kernel, out[3]) if depthwise else (out[3], *kernel, tensor.shape[3])
        weights = self.weights(shape, scales, axis=3 if depthwise else 0)
        bias = self.bias(out[3], np.array(scales, np.float32) * np.float32(tensor.quantization.scale[0]))
        result = self.tensor(out, "int8", 0.3, -17)
        if depthwise:
            self.operator(
                "DEPTHWISE_CONV_2D",
                [source, weights, bias],
                [result],
                ("DepthwiseConv2DOptions", {"depthMultiplier": depthwise, **options}),
            )
        else:
            self.operator("CONV_2D", [source, weights, bias], [result], ("Conv2DOptions", options))
        return result

    def reshape(self, source: int, shape: tuple[int, ...]) -> int:
        """A RESHAPE."""
        tensor = self.graph.tensors[source]
        sizes = self.tensor((len(shape),), "int32", data=np.array(shape, np.int32))
        quantised = tensor.quantization
        result = self.tensor(shape, "int8", float(quantised.scale[0]), int(quantised.zeroPoint[0]))
        self.operator("RESHAPE", [source, sizes], [result], ("ReshapeOptions", {"newShape": list(shape)}))
        return result

    def dense(self, source: int, outputs: int, *, bias: bool = True, activation: int = 0) -> int:
        """A FULLY_CONNECTED of a [batch, features] ``source``; per-tensor int8."""
        tensor = self.graph.tensors[source]
        batch, features = tensor.shape
        inputs = [source, self.weights((outputs, features), 0.011)]
        inputs.append(self.bias(outputs, np.float32(0.011) * np.float32(tensor.quantization.scale[0])) if bias else -1)
        result = self.tensor((batch, outputs), "int8", 0.41, 9)
        self.operator("FULLY_CONNECTED", inputs, [result], ("FullyConnectedOptions", {"fusedActivationFunction": activation}), version=4)
        return result


def quantisation(scale: float | list[float], zero_point: int, axis: int) -> Any:
    """Quantisation parameters, of the tensor or of each channel."""
    scales = scale if isinstance(scale, list) else [scale]
    parameters = schema.QuantizationParametersT()
    parameters.scale = np.array(scales, np.float32)
    parameters.zeroPoint = np.full(len(scales), zero_point, np.int64)
    parameters.quantizedDimension = axis if len(scales) > 1 else 0
    return parameters
