"""Quantised ONNX convolutions: what ONNX Runtime computes, on the array where they fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from hwacc.program import Program
from tests.compiler.floats import compiled, outputs, written
from tests.compiler.test_onnx import expected, graph

SEED = 43
SHAPES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "strides and padding": ((2, 3, 8, 7), (4, 3, 3, 2), {"pads": [1, 0, 2, 1], "strides": [2, 1]}),
    "groups": ((1, 4, 6, 6), (6, 2, 3, 3), {"group": 2}),
    "depthwise": ((1, 3, 6, 6), (6, 1, 3, 3), {"group": 3}),
    "automatic padding": ((1, 3, 6, 6), (4, 3, 3, 3), {"auto_pad": "SAME_UPPER"}),
    "one dimension": ((1, 3, 9), (4, 3, 3), {}),
}
ON_ARRAY = ("strides and padding", "groups")


def constants(weights: tuple[int, ...], point: int = 0) -> dict[str, NDArray[Any]]:
    """Weights of int8 with a scale for each channel, their zero points, a bias that counts in steps of the sum."""
    rng, channels = np.random.default_rng(SEED), weights[0]
    scales = np.linspace(0.01, 0.03, channels).astype(np.float32)
    sx = np.float32(0.02)
    return {
        "w": rng.integers(-127, 128, weights).astype(np.int8),
        "sw": scales,
        "zw": np.full(channels, point, np.int8),
        "b": rng.integers(-900, 900, channels).astype(np.int32),
        "sb": scales * sx,
        "zb": np.zeros(channels, np.int32),
        "sx": np.array(sx),
        "zx": np.array(-4, np.int8),
        "sy": np.array(0.3, np.float32),
        "zy": np.array(7, np.int8),
    }


def qlinear(shape: tuple[int, ...], weights: tuple[int, ...], attributes: dict[str, Any], point: int = 0) -> bytes:
    """One ``QLinearConv``."""
    names = ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy", "b"]
    values = constants(weights, point)
    node = helper.make_node("QLinearConv", names, ["y"], "conv", **attributes)
    return graph([node], {"x": shape}, ["y"], {name: values[name] for name in names[1:]}, TensorProto.INT8)


def between(shape: tuple[int, ...], weights: tuple[int, ...], bias: NDArray[np.float32] | None = None) -> bytes:
    """A ``Conv`` of floats, its inputs dequantised; with a ``bias`` of floats, or one that is dequantised, too."""
    values = constants(weights)
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "sx", "zx"], ["xf"]),
        helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["wf"], axis=0),
        helper.make_node("DequantizeLinear", ["b", "sb", "zb"], ["bf"], axis=0),
        helper.make_node("Conv", ["xf", "wf", "bf"], ["y"], "conv"),
    ]
    if bias is not None:
        del nodes[2]
        values["bf"] = bias
    used = {name for node in nodes for name in node.input} & values.keys()
    model = onnx.load_from_string(graph(nodes, {"x": shape}, ["y"], {name: values[name] for name in sorted(used)}, TensorProto.INT8))
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
    return bytes(model.SerializeToString())


def on_array(program: Program) -> list[str]:
    """The tasks that the array computes."""
    return [task.name for task in program.tasks if any(code.backend == "hwacc" for code in task.implementations)]


def random(shape: tuple[int, ...]) -> NDArray[np.int8]:
    return np.random.default_rng(SEED + 1).integers(-128, 128, shape).astype(np.int8)


@pytest.mark.parametrize("point", [0, 3])
@pytest.mark.parametrize("name", SHAPES)
def test_a_qlinearconv_with_a_scale_for_each_channel_is_what_onnx_runtime_computes(name: str, point: int, tmp_path: Path) -> None:
    shape, weights, attributes = SHAPES[name]
    path = written(tmp_path, qlinear(shape, weights, attributes, point), "q.onnx")
    program, x = compiled(path), random(shape)
    (found,), (wanted,) = outputs(program, x), expected(path, x=x)
    steps = np.abs(found.astype(np.int32) - wanted.astype(np.int32))
    assert steps.max() <= 1 and steps.mean() < 0.02, "more than a rounding here and there"
    assert bool(on_array(program)) == (name in ON_ARRAY and not point)


def test_padding_on_one_side_with_one_scale_is_read_by_the_array(tmp_path: Path) -> None:
    shape, weights, attributes = SHAPES["strides and padding"]
    model = onnx.load_from_string(qlinear(shape, weights, attributes))
    for each in model.graph.initializer:
        if each.name in ("sw", "zw"):
            dtype = np.float32 if each.name == "sw" else np.int8
            each.CopyFrom(numpy_helper.from_array(np.array(0.02 if each.name == "sw" else 0, dtype), each.name))
    path = written(tmp_path, model.SerializeToString(), "one.onnx")
    program, x = compiled(path), random(shape)
    np.testing.assert_array_equal(outputs(program, x)[0], expected(path, x=x)[0])
    assert on_array(program) and not any("tensor.pad" in task.operations for task in program.tasks)


@pytest.mark.parametrize("is_constant", [True, False])
def test_unsigned_numbers_with_a_scale_for_each_channel_are_unsigned(is_constant: bool, tmp_path: Path) -> None:
    numbers = np.random.default_rng(SEED).integers(0, 256, (3, 4, 5)).astype(np.uint8)
    nodes = [helper.make_node("DequantizeLinear", ["w", "s", "z"], ["d"], axis=-2), helper.make_node("Add", ["d", "x"], ["y"])]
    values: dict[str, NDArray[Any]] = {"s": np.array([0.1, 0.2, 0.3, 0.4], np.float32), "z": np.array([0, 128, 200, 255], np.uint8)}
    inputs: dict[str, Any] = {"x": [3, 4, 5]}
    model = onnx.load_from_string(graph(nodes, inputs if is_constant else {**inputs, "w": [3, 4, 5]}, ["y"], values))
    if is_constant:
        model.graph.initializer.append(numpy_helper.from_array(numbers, "w"))
    else:
        model.graph.input[1].type.tensor_type.elem_type = TensorProto.UINT8
    path = written(tmp_path, model.SerializeToString(), "unsigned.onnx")
    x = np.linspace(-1, 1, 60, dtype=np.float32).reshape(3, 4, 5)
    given: dict[str, NDArray[Any]] = {"x": x} if is_constant else {"x": x, "w": numbers}
    found = outputs(compiled(path), *(each if each.dtype == np.float32 else each.view(np.int8) for each in given.values()))
    np.testing.assert_allclose(found[0], expected(path, **given)[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("bias", [None, np.array([0.1, -2.7, 3.3, 0], np.float32)], ids=["integer", "float"])
def test_a_convolution_between_dequantisations_sums_int8_on_the_array(bias: NDArray[np.float32] | None, tmp_path: Path) -> None:
    path = written(tmp_path, between((1, 3, 7, 6), (4, 3, 3, 3), bias), "qdq.onnx")
    program, x = compiled(path), random((1, 3, 7, 6))
    np.testing.assert_allclose(outputs(program, x)[0], expected(path, x=x)[0], rtol=1e-5, atol=1e-5)
    assert on_array(program)
