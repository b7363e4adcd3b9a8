"""Small models, one for each way of writing an operator: bit-exact on the array's model and on the CPU alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.options import Options
from hwacc.config import TINY
from tests.compiler.execution import assert_exact, random_sets, run_on_cpu, run_on_model
from tests.compiler.tflite_models import RELU, RELU6, SAME, VALID, ModelBuilder

Build = Callable[[ModelBuilder], bytes]
Shape = tuple[int, ...]
SEED = 20


def conv(shape: Shape, out: Shape, kernel: tuple[int, int], **options: Any) -> Build:
    """One convolution, per-channel quantised."""

    def build(model: ModelBuilder) -> bytes:
        source = model.tensor(shape, "int8", 0.05, -3)
        return model.build([source], [model.conv2d(source, out, kernel, **options)])

    return build


def dense(batch: int, outputs: int, **options: Any) -> Build:
    """One fully connected layer, per-tensor quantised."""

    def build(model: ModelBuilder) -> bytes:
        source = model.tensor((batch, 19), "int8", 0.05, -3)
        return model.build([source], [model.dense(source, outputs, **options)])

    return build


def elementwise(
    name: str, inputs: list[Shape], out: Shape, options: tuple[str, dict[str, Any]] | None = None, result: tuple[float, int] = (0.07, 1)
) -> Build:
    """One operator on int8 tensors of different scales; ``result`` are scale and zero point of what it gives."""

    def build(model: ModelBuilder) -> bytes:
        sources = [model.tensor(shape, "int8", 0.05 * (i + 1), 3 - i) for i, shape in enumerate(inputs)]
        target = model.tensor(out, "int8", *result)
        model.operator(name, sources, [target], options)
        return model.build(sources, [target])

    return build


def softmax(model: ModelBuilder) -> bytes:
    source, result = model.tensor((3, 10), "int8", 0.1, 5), model.tensor((3, 10), "int8", 1 / 256, -128)
    model.operator("SOFTMAX", [source], [result], ("SoftmaxOptions", {"beta": 1.0}))
    return model.build([source], [result])


def explicit_padding(model: ModelBuilder) -> bytes:
    """A PAD before a convolution without padding."""
    source = model.tensor((1, 5, 7, 2), "int8", 0.1, 3)
    amounts = model.tensor((4, 2), "int32", data=np.array([[0, 0], [1, 2], [0, 1], [0, 0]], np.int32))
    padded = model.tensor((1, 8, 8, 2), "int8", 0.1, 3)
    model.operator("PAD", [source, amounts], [padded], ("PadOptions", {}))
    return model.build([source], [model.conv2d(padded, (1, 6, 6, 5), (3, 3), padding=VALID)])


def residual(model: ModelBuilder) -> bytes:
    """Two convolutions of one input, added, pooled, reshaped and classified; inner results are outputs, too, one of them twice."""
    source = model.tensor((1, 6, 6, 4), "int8", 0.05, -3)
    left = model.conv2d(source, (1, 6, 6, 4), (3, 3))
    right = model.conv2d(source, (1, 6, 6, 4), (1, 1))
    total = model.tensor((1, 6, 6, 4), "int8", 0.5, 2)
    model.operator("ADD", [left, right], [total], ("AddOptions", {"fusedActivationFunction": RELU}))
    pooled = model.tensor((1, 3, 3, 4), "int8", 0.5, 2)
    pool = {"padding": VALID, "strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2}
    model.operator("MAX_POOL_2D", [total], [pooled], ("Pool2DOptions", pool))
    flat = model.reshape(pooled, (1, 36))
    return model.build([source], [model.dense(flat, 10), left, total, left])


def passed_through(model: ModelBuilder) -> bytes:
    """An input that is an output, as it came and reshaped."""
    source = model.tensor((1, 8), "int8", 0.05, -3)
    return model.build([source], [model.reshape(source, (2, 4)), source])


def quantise(model: ModelBuilder) -> bytes:
    source, result = model.tensor((1, 400), "float32"), model.tensor((1, 400), "int8", 0.7, -11)
    model.operator("QUANTIZE", [source], [result])
    return model.build([source], [result])


def dequantise(model: ModelBuilder) -> bytes:
    source, result = model.tensor((1, 40), "int8", 0.3, 7), model.tensor((1, 40), "float32")
    model.operator("DEQUANTIZE", [source], [result])
    return model.build([source], [result])


POOL = ("Pool2DOptions", {"padding": SAME, "strideH": 2, "strideW": 2, "filterHeight": 3, "filterWidth": 3})
PICTURE: Shape = (1, 7, 8, 3)

ON_ARRAY: dict[str, Build] = {
    "3x3 same": conv((1, 7, 5, 3), (1, 7, 5, 6), (3, 3)),
    "3x3 stride 2": conv((1, 7, 5, 3), (1, 4, 3, 6), (3, 3), strideH=2, strideW=2),
    "3x3 dilated, valid": conv((1, 9, 8, 3), (1, 5, 4, 6), (3, 3), padding=VALID, dilationHFactor=2, dilationWFactor=2),
    "3x3 dilated, same": conv((1, 9, 8, 3), (1, 9, 8, 6), (3, 3), dilationHFactor=2, dilationWFactor=2),
    "4x2, stride 1x2": conv((1, 7, 5, 3), (1, 7, 3, 5), (4, 2), strideW=2),
    "1x1, stride 2": conv((1, 7, 5, 3), (1, 4, 3, 6), (1, 1), strideH=2, strideW=2),
    "1x1, two pictures": conv((2, 4, 5, 3), (2, 4, 5, 6), (1, 1)),
    "3x3, two pictures": conv((2, 4, 5, 3), (2, 4, 5, 6), (3, 3)),
    "single pixels": conv((3, 1, 1, 8), (3, 1, 1, 6), (1, 1)),
    "convolution with ReLU": conv((1, 7, 5, 3), (1, 7, 5, 6), (3, 3), fusedActivationFunction=RELU),
    "convolution with ReLU6": conv((1, 7, 5, 3), (1, 7, 5, 6), (3, 3), fusedActivationFunction=RELU6),
    "padding of its own": explicit_padding,
    "dense": dense(1, 11),
    "dense, five rows": dense(5, 11),
    "dense without bias": dense(2, 3, bias=False),
    "dense with ReLU6": dense(2, 7, activation=RELU6),
}

ON_CPU: dict[str, Build] = {
    "depthwise": conv((1, 7, 5, 6), (1, 7, 5, 6), (3, 3), depthwise=1),
    "depthwise, multiplier 2, stride 2": conv((1, 7, 5, 3), (1, 4, 3, 6), (3, 3), depthwise=2, strideH=2, strideW=2),
    "add": elementwise("ADD", [(1, 5, 7, 3), (1, 1, 1, 3)], (1, 5, 7, 3), ("AddOptions", {})),
    "sub": elementwise("SUB", [(1, 5, 7), (1, 5, 7)], (1, 5, 7), ("SubOptions", {})),
    "mul": elementwise("MUL", [(1, 5, 7), (1, 5, 7)], (1, 5, 7), ("MulOptions", {})),
    "average pooling": elementwise("AVERAGE_POOL_2D", [PICTURE], (1, 4, 4, 3), POOL, (0.05, 3)),
    "maximum pooling": elementwise("MAX_POOL_2D", [PICTURE], (1, 4, 4, 3), POOL, (0.05, 3)),
    "hard swish": elementwise("HARD_SWISH", [(1, 5, 7)], (1, 5, 7)),
    "requantise": elementwise("QUANTIZE", [(1, 5, 7)], (1, 5, 7)),
    "softmax": softmax,
    "quantise": quantise,
    "dequantise": dequantise,
    "passed through": passed_through,
}


def check(build: Build, folder: Path) -> Compilation:
    """Compiles for array and CPU, and compares both with tflite-micro."""
    path = folder / "model.tflite"
    path.write_bytes(build(ModelBuilder(SEED)))
    compilation = Compilation(path, TINY, Options(backends=("hwacc", "cpu")))
    sets = random_sets(compilation.program, 3, SEED)
    assert_exact(path, sets, run_on_cpu(compilation.program, sets))
    assert_exact(path, sets, run_on_model(compilation.program, sets))
    return compilation


@pytest.mark.parametrize("name", ON_ARRAY)
def test_operator_is_one_exact_task_of_the_array(name: str, tmp_path: Path) -> None:
    (task,) = check(ON_ARRAY[name], tmp_path).program.tasks
    assert [code.backend for code in task.implementations] == ["hwacc", "cpu"]
    assert task.kind in ("conv2d", "dense") and task.macs > 0 and not task.reason


@pytest.mark.parametrize("name", ON_CPU)
def test_operator_is_exact_on_the_cpu_and_says_why(name: str, tmp_path: Path) -> None:
    for task in check(ON_CPU[name], tmp_path).program.tasks:
        assert [code.backend for code in task.implementations] == ["cpu"]
        assert task.reason


def test_residual_network_is_exact_with_its_inner_results(tmp_path: Path) -> None:
    program = check(residual, tmp_path).program
    assert [task.kind for task in program.tasks].count("conv2d") == 2
    assert len(program.indices("output")) == 4


def test_booleans_are_bytes_from_input_to_output(tmp_path: Path) -> None:
    model = ModelBuilder(SEED)
    source, result = model.tensor((1, 5), "bool"), model.tensor((1, 5), "bool")
    model.operator("LOGICAL_NOT", [source], [result])
    path = tmp_path / "model.tflite"
    path.write_bytes(model.build([source], [result]))
    flags = np.array([[True, False, False, True, True]])
    ((inverted,),) = run_on_cpu(Compilation(path, TINY).program, [[flags]])
    np.testing.assert_array_equal(inverted, ~flags)


def test_quantise_rounds_halves_away_from_zero(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(quantise(ModelBuilder(SEED)))
    program = Compilation(path, TINY).program
    halves = ((np.arange(-200, 200, dtype=np.float32) + np.float32(0.5)) * np.float32(0.7)).reshape(1, 400)
    sets = [[values] for values in (halves, np.nextafter(halves, np.float32(np.inf)), np.nextafter(halves, np.float32(-np.inf)))]
    assert_exact(path, sets, run_on_cpu(program, sets))


def test_quantise_saturates_what_no_integer_holds(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(quantise(ModelBuilder(SEED)))
    program = Compilation(path, TINY).program
    values = np.zeros((1, 400), np.float32)
    values[0, :6] = [1e30, -1e30, np.inf, -np.inf, np.nan, 1.4]
    ((result,),) = run_on_cpu(program, [[values]])
    assert result[0, :7].tolist() == [127, -128, 127, -128, -128, -9, -11]
