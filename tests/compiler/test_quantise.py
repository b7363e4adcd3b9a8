"""Float models quantised to int8: how far they are from float, what runs where, and that the device does not matter."""

from __future__ import annotations

import tempfile
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from mlir import ir
from numpy.typing import NDArray
from onnx import TensorProto, helper

from hwacc.compiler.compilation import Compilation, import_model
from hwacc.compiler.context import new_context
from hwacc.compiler.options import Options
from hwacc.compiler.quantisation import ACTIVATIONS, FLOAT_RESULT, INT8_RESULT, LAYERS, WATCHED, Quantisation
from hwacc.config import TINY
from hwacc.coordinator.calibration import observed_ranges
from hwacc.coordinator.host_program import HostProgram
from hwacc.coordinator.quantisation_errors import ErrorMeter, QuantisationErrors
from hwacc.errors import ModelError
from hwacc.program import Program
from tests.compiler.execution import run_on_cpu, run_on_model
from tests.compiler.floats import written
from tests.compiler.test_onnx import expected, graph, random

SEED = 43
Arrays = list[NDArray[Any]]


def convnet() -> bytes:
    """Two convolutions with ReLU, pooling and a clamp, two dense layers."""
    rng = np.random.default_rng(SEED)
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "conv1", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("MaxPool", ["r1"], ["p1"], "pool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["p1", "w2", "b2"], ["c2"], "conv2", pads=[1, 0, 1, 0]),
        helper.make_node("Clip", ["c2", "zero", "six"], ["r2"], "relu2"),
        helper.make_node("Flatten", ["r2"], ["f"], "flat"),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["d1"], "dense1", transB=1),
        helper.make_node("Relu", ["d1"], ["r3"], "relu3"),
        helper.make_node("MatMul", ["r3", "w4"], ["y"], "dense2"),
    ]
    constants: dict[str, NDArray[Any]] = {"zero": np.array(0, np.float32), "six": np.array(6, np.float32)}
    constants |= {"w1": random(rng, 4, 3, 3, 3) / 5, "b1": random(rng, 4), "w2": random(rng, 6, 4, 3, 3) / 6, "b2": random(rng, 6)}
    constants |= {"w3": random(rng, 5, 48) / 7, "b3": random(rng, 5), "w4": random(rng, 5, 9)}
    return graph(nodes, {"x": [1, 3, 8, 8]}, ["y"], constants)


def attention() -> bytes:
    """Two heads of attention over five tokens, with projections and a residual."""
    rng = np.random.default_rng(SEED)
    nodes = []
    for name in "qkv":
        nodes += [
            helper.make_node("MatMul", ["x", f"w{name}"], [f"p{name}"], name),
            helper.make_node("Reshape", [f"p{name}", "heads"], [f"h{name}"]),
            helper.make_node("Transpose", [f"h{name}"], [f"t{name}"], perm=[0, 2, 3, 1] if name == "k" else [0, 2, 1, 3]),
        ]
    nodes += [
        helper.make_node("MatMul", ["tq", "tk"], ["s"], "scores"),
        helper.make_node("Softmax", ["s"], ["a"], axis=-1),
        helper.make_node("MatMul", ["a", "tv"], ["m"], "mixed"),
        helper.make_node("Transpose", ["m"], ["mt"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["mt", "whole"], ["mr"]),
        helper.make_node("MatMul", ["mr", "wo"], ["o"], "joined"),
        helper.make_node("Add", ["o", "x"], ["y"]),
    ]
    constants: dict[str, NDArray[Any]] = {f"w{name}": random(rng, 8, 8) / 3 for name in "qkvo"}
    constants |= {"heads": np.array([1, 5, 2, 4]), "whole": np.array([1, 5, 8])}
    return graph(nodes, {"x": [1, 5, 8]}, ["y"], constants)


MODELS = {"convnet": convnet, "attention": attention}
KINDS = ("rows", "ranges")
DECIBELS = {("convnet", "rows"): 30, ("convnet", "ranges"): 30, ("attention", "rows"): 35, ("attention", "ranges"): 30}
"""Least ratio of signal to error of the outputs: by how much the numbers of int8 are to be trusted."""


LAYER_DECIBELS = {"rows": 30, "ranges": 26}
"""The same for each layer."""


@cache
def imported(name: str) -> bytes:
    """A model of ours as MLIR, with the names of its layers: reading ONNX takes a second each time."""
    with tempfile.TemporaryDirectory() as folder, new_context() as context, ir.Location.unknown():
        module = import_model(written(Path(folder), MODELS[name](), f"{name}.onnx"), context)
        output = BytesIO()
        module.operation.write_bytecode(output)
        return output.getvalue()


def model_file(name: str, folder: Path) -> Path:
    return written(folder, imported(name), f"{name}.mlirbc")


def compiled(path: Path, quantisation: Quantisation, backends: tuple[str, ...] = ("hwacc", "cpu")) -> Program:
    return Compilation(path, TINY, Options(backends=backends, quantisation=quantisation)).program


def samples(program: Program, count: int, seed: int) -> list[Arrays]:
    rng = np.random.default_rng(seed)
    buffers = [program.buffers[i] for i in program.indices("input")]
    return [[random(rng, *buffer.shape) for buffer in buffers] for _ in range(count)]


def calibrated(path: Path, keep: tuple[str, ...] = ()) -> Quantisation:
    """With ranges from 20 samples."""
    program = compiled(path, Quantisation(keep=keep, watch=ACTIVATIONS), ("cpu",))
    return Quantisation(observed_ranges(program, WATCHED, samples(program, 20, SEED)), keep)


def quantisation_of(kind: str, path: Path) -> Quantisation:
    return calibrated(path) if kind == "ranges" else Quantisation()


def measured(path: Path, quantisation: Quantisation, sets: list[Arrays], results: list[Arrays]) -> QuantisationErrors:
    watch = Quantisation(quantisation.ranges, quantisation.keep, LAYERS)
    meter = ErrorMeter(compiled(path, watch, ("cpu",)), WATCHED, (FLOAT_RESULT, INT8_RESULT))
    for inputs, outputs in zip(sets, results):
        meter.add(inputs, outputs)
    return meter.result()


def on_array(program: Program) -> list[str]:
    """The tasks of the array, by name."""
    return [task.name for task in program.tasks if task.implementations[0].backend == "hwacc"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODELS)
def test_int8_is_near_float_and_the_same_on_every_device(name: str, kind: str, tmp_path: Path) -> None:
    """The errors are against the float program, and that is what ONNX Runtime computes."""
    path = model_file(name, tmp_path)
    quantisation = quantisation_of(kind, path)
    program = compiled(path, quantisation)
    sets = samples(program, 5, SEED + 1)
    results = run_on_model(program, sets)
    for one, other in zip(results, run_on_cpu(program, sets)):
        np.testing.assert_array_equal(one[0], other[0])
    errors = measured(path, quantisation, sets, results)
    (output,) = errors.outputs
    assert output.sqnr_db is not None and output.sqnr_db > DECIBELS[name, kind] and output.cosine > 0.999
    assert all(layer.sqnr_db is not None and layer.sqnr_db > LAYER_DECIBELS[kind] for layer in errors.layers)
    onnx_file = written(tmp_path, MODELS[name](), f"{name}.onnx")
    np.testing.assert_allclose(results[0][0], expected(onnx_file, x=sets[0][0])[0], atol=1.01 * output.max_abs)


def test_every_layer_is_named_and_reported_in_order(tmp_path: Path) -> None:
    path = model_file("convnet", tmp_path)
    program = compiled(path, Quantisation())
    sets = samples(program, 1, SEED)
    errors = measured(path, Quantisation(), sets, run_on_cpu(program, sets))
    assert [layer.name for layer in errors.layers] == ["conv1", "conv2", "dense1", "dense2"] == on_array(program)
    assert [layer.shape for layer in errors.layers] == [(1, 4, 4, 4), (1, 6, 4, 2), (1, 5), (1, 9)]
    assert errors.samples == 1 and [output.name for output in errors.outputs] == ["y"]


def test_attention_has_batched_products_in_int8(tmp_path: Path) -> None:
    program = compiled(model_file("attention", tmp_path), Quantisation())
    sizes = {task.name: task.macs for task in program.tasks if task.kind in ("dense", "gemm")}
    assert sizes == {**dict.fromkeys("qkv", 5 * 8 * 8), "scores": 2 * 5 * 4 * 5, "mixed": 2 * 5 * 5 * 4, "joined": 5 * 8 * 8}
    assert set(on_array(program)) >= {"q", "k", "v", "joined"}


def test_between_calibrated_layers_the_array_gives_int8(tmp_path: Path) -> None:
    path = model_file("convnet", tmp_path)
    program = compiled(path, calibrated(path))
    made = {task.name: program.buffers[task.writes[0]].dtype for task in program.tasks}
    int8 = ("conv1.quantise", "conv1", "conv2.quantise", "conv2", "relu2", "dense1")
    assert made == {**dict.fromkeys(int8, "int8"), "dense2": "int32", "dense2.scale": "float32"}
    assert on_array(program) == ["conv1", "conv2", "dense1", "dense2"]


def test_a_layer_that_is_kept_stays_float(tmp_path: Path) -> None:
    path = model_file("convnet", tmp_path)
    quantisation = calibrated(path, ("conv2",))
    program = compiled(path, quantisation)
    assert on_array(program) == ["conv1", "dense1", "dense2"]
    sets = samples(program, 2, SEED)
    assert [layer.name for layer in measured(path, quantisation, sets, run_on_cpu(program, sets)).layers] == ["conv1", "dense1", "dense2"]


def test_an_unknown_layer_to_keep_is_named_with_those_that_are(tmp_path: Path) -> None:
    path = model_file("convnet", tmp_path)
    with pytest.raises(ModelError) as caught:
        compiled(path, Quantisation(keep=("conv3",)))
    assert str(caught.value) == f"{path}: there is no layer 'conv3' to keep in float; there are: conv1, conv2, dense1, dense2"


def test_ranges_of_another_model_are_refused(tmp_path: Path) -> None:
    path = model_file("convnet", tmp_path)
    with pytest.raises(ModelError) as caught:
        compiled(path, Quantisation({"conv1.input": (0, 1), "fc.input": (0, 1)}))
    assert str(caught.value) == f"{path}: a range is given for fc.input, which is no activation of this model; calibrate it again"


def test_watching_does_not_change_what_the_model_returns(tmp_path: Path) -> None:
    path = model_file("attention", tmp_path)
    plain = Compilation(path, TINY, Options(backends=("cpu",))).program
    (inputs,) = samples(plain, 1, SEED)
    (right,) = HostProgram(plain).run(inputs)
    for watch in (ACTIVATIONS, LAYERS):
        host = HostProgram(compiled(path, Quantisation(watch=watch), ("cpu",)))
        outputs = dict(zip(host.names, host.run(inputs)))
        np.testing.assert_array_equal(outputs.pop("y"), right)
        assert outputs and all(name.startswith(WATCHED) for name in outputs)


PRODUCT = """
func.func @main(%x: tensor<4x6xf32>) -> tensor<4x3xf32> {{
  %w = arith.constant dense<{weights}> : tensor<6x3xf32>
  %z = arith.constant dense<0.0> : tensor<4x3xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x6xf32>, tensor<6x3xf32>) outs(%z : tensor<4x3xf32>) -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}}
"""


@pytest.mark.parametrize(
    "quantisation", [Quantisation(), Quantisation({"matmul_0.input": (0.0, 0.0)}), Quantisation({"matmul_0.input": (3.0, 3.0)})]
)
def test_zeros_and_constants_give_what_they_should(quantisation: Quantisation, tmp_path: Path) -> None:
    program = compiled(written(tmp_path, PRODUCT.format(weights="0.5")), quantisation)
    range_of = quantisation.ranges.get("matmul_0.input")
    for value in (0.0, 3.0) if range_of != (0.0, 0.0) else (0.0,):
        ((result,),) = run_on_model(program, [[np.full((4, 6), value, np.float32)]])
        np.testing.assert_allclose(result, np.full((4, 3), value * 3), rtol=1e-6)


def test_weights_of_zeros_give_zeros(tmp_path: Path) -> None:
    program = compiled(written(tmp_path, PRODUCT.format(weights="0.0")), Quantisation())
    ((result,),) = run_on_model(program, [[random(np.random.default_rng(SEED), 4, 6)]])
    np.testing.assert_array_equal(result, np.zeros((4, 3), np.float32))


def test_a_row_that_is_not_finite_spoils_no_other_row(tmp_path: Path) -> None:
    program = compiled(written(tmp_path, PRODUCT.format(weights="0.5")), Quantisation())
    x = random(np.random.default_rng(SEED), 4, 6)
    ((clean,),) = run_on_model(program, [[x]])
    x[1, 2], x[3, 0], x[2] = np.nan, np.inf, 1e-44
    ((result,),) = run_on_model(program, [[x]])
    assert not np.isfinite(result[[1, 3]]).any()
    np.testing.assert_array_equal(result[0], clean[0])
    np.testing.assert_array_equal(result[2], np.zeros(3, np.float32))


def test_ranges_beyond_what_was_seen_saturate(tmp_path: Path) -> None:
    program = compiled(written(tmp_path, PRODUCT.format(weights="1.0")), Quantisation({"matmul_0.input": (-1.0, 3.0)}))
    x = np.tile(np.array([[-1e30], [-1.0], [3.0], [1e30]], np.float32), 6)
    ((result,),) = run_on_model(program, [[x]])
    np.testing.assert_allclose(result[:, 0], [-6, -6, 18, 18], atol=6 * 4 / 255)


def test_a_model_without_float_layers_is_refused(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMulInteger", ["x", "w"], ["y"], "product")]
    weights = np.random.default_rng(SEED).integers(-128, 128, (7, 6)).astype(np.int8)
    model = onnx.load_from_string(graph(nodes, {"x": [5, 7]}, ["y"], {"w": weights}, TensorProto.INT8))
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT32
    path = written(tmp_path, model.SerializeToString(), "int8.onnx")
    with pytest.raises(ModelError) as caught:
        compiled(path, Quantisation())
    assert (
        str(caught.value) == f"{path}: there is nothing to quantise: no matrix product of floats, and no convolution in one group, "
        "whose sizes are known and that stands in no loop or branch"
    )


def test_weights_that_two_layers_share_are_quantised_once(tmp_path: Path) -> None:
    weights = random(np.random.default_rng(SEED), 6, 6)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"], "first"), helper.make_node("MatMul", ["h", "w"], ["y"], "second")]
    program = compiled(written(tmp_path, graph(nodes, {"x": [5, 6]}, ["y"], {"w": weights}), "shared.onnx"), Quantisation())
    stored = [array.shape for array in program.constants.values() if array.dtype == np.int8]
    assert stored == [(6, 6)]
