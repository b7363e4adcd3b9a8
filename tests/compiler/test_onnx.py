"""ONNX models, held against ONNX Runtime; and what is refused, in one line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from hwacc.compiler.importers.fixed import Fixed
from hwacc.compiler.options import Options
from hwacc.compiler.pipeline import compile_model
from hwacc.config import TINY
from hwacc.errors import InputError, MissingToolError, ModelError
from hwacc.program import Program
from tests.compiler.floats import assert_near, compiled, outputs, reasons, written

SEED = 41
Shape = Sequence["int | str"]


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, Shape],
    results: Sequence[str],
    constants: dict[str, NDArray[Any]] | None = None,
    kind: int = TensorProto.FLOAT,
    opset: int = 17,
) -> bytes:
    """An ONNX file; the shapes of its results are left open."""
    made = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name in results],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    return bytes(helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8).SerializeToString())


def expected(path: Path, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
    """What ONNX Runtime computes."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return [np.asarray(array) for array in session.run(None, inputs)]


def random(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.standard_normal(shape).astype(np.float32)


def network(opset: int = 17) -> bytes:
    """Convolution, ReLU, pooling, a dense layer and a softmax; the batch is open."""
    rng = np.random.default_rng(SEED)
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], "conv", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["r"], "relu"),
        helper.make_node("MaxPool", ["r"], ["p"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["f"], "flat"),
        helper.make_node("Gemm", ["f", "d", "e"], ["g"], "dense", transB=1),
        helper.make_node("Softmax", ["g"], ["y"], "softmax", axis=1),
    ]
    constants = {"w": random(rng, 4, 3, 3, 3), "b": random(rng, 4), "d": random(rng, 5, 16), "e": random(rng, 5)}
    return graph(nodes, {"x": ["batch", 3, 8, 8]}, ["y"], constants, opset=opset)


@pytest.mark.parametrize("opset", [11, 13, 17, 19])
def test_a_network_computes_what_onnx_runtime_does(opset: int, tmp_path: Path) -> None:
    path = written(tmp_path, network(opset), "net.onnx")
    program = compiled(path, Fixed(shapes={"x": (2, 3, 8, 8)}))
    x = random(np.random.default_rng(SEED + 1), 2, 3, 8, 8)
    assert_near(outputs(program, x), expected(path, x=x), 1e-6)
    assert "multiplies f32 by f32 into f32; the array multiplies i8 by i8 into i32" in reasons(program)


def test_ends_and_tasks_have_the_names_of_the_graph(tmp_path: Path) -> None:
    program = compiled(written(tmp_path, network(), "net.onnx"), Fixed(shapes={"x": (1, 3, 8, 8)}))
    assert [program.buffers[i].name for i in (*program.indices("input"), *program.indices("output"))] == ["x", "y"]
    assert {"conv", "dense"} <= {task.name for task in program.tasks}


def test_a_node_without_a_name_is_called_by_its_operator_and_number(tmp_path: Path) -> None:
    model = onnx.load_from_string(network())
    for node in model.graph.node:
        node.name = ""
    program = compiled(written(tmp_path, model.SerializeToString(), "net.onnx"), Fixed(shapes={"x": (1, 3, 8, 8)}))
    assert {"Conv_0", "Gemm_4"} <= {task.location for task in program.tasks}


def test_a_negative_padding_crops(tmp_path: Path) -> None:
    constants = {"p": np.array([0, 0, -1, 2, 0, 0, 1, -3])}
    path = written(
        tmp_path, graph([helper.make_node("Pad", ["x", "p"], ["y"], "crop")], {"x": [1, 2, 5, 6]}, ["y"], constants), "crop.onnx"
    )
    x = random(np.random.default_rng(SEED), 1, 2, 5, 6)
    assert_near(outputs(compiled(path), x), expected(path, x=x), 0)


def test_an_integer_product_is_a_task_of_the_array(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMulInteger", ["x", "w"], ["y"], "product")]
    weights = np.random.default_rng(SEED).integers(-128, 128, (7, 6)).astype(np.int8)
    data = graph(nodes, {"x": [5, 7]}, ["y"], {"w": weights}, TensorProto.INT8)
    model = onnx.load_from_string(data)
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT32
    program = compiled(written(tmp_path, model.SerializeToString(), "int8.onnx"))
    x = np.random.default_rng(SEED + 1).integers(-128, 128, (5, 7)).astype(np.int8)
    assert_near(outputs(program, x), [x.astype(np.int32) @ weights.astype(np.int32)], 0)
    assert "hwacc" in {code.backend for task in program.tasks for code in task.implementations}


def branching() -> bytes:
    """Adds 1 to its input where ``mode`` is 3, else negates it."""
    then, other = (
        helper.make_graph([node], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)])
        for name, node in (("up", helper.make_node("Add", ["x", "one"], ["up"])), ("down", helper.make_node("Neg", ["x"], ["down"])))
    )
    nodes = [
        helper.make_node("Equal", ["mode", "three"], ["is_three"]),
        helper.make_node("If", ["is_three"], ["y"], "choice", then_branch=then, else_branch=other),
    ]
    constants: dict[str, NDArray[Any]] = {"one": np.ones(1, np.float32), "three": np.array(3, np.int64)}
    model = onnx.load_from_string(graph(nodes, {"x": [4], "mode": []}, ["y"], constants))
    model.graph.input[1].type.tensor_type.elem_type = TensorProto.INT64
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("mode", [3, 4])
def test_a_fixed_input_decides_which_branch_is_compiled(mode: int, tmp_path: Path) -> None:
    path = written(tmp_path, branching(), "branch.onnx")
    program = compiled(path, Fixed(values={"mode": mode}))
    x = np.array([1.5, -2, 0, 7], np.float32)
    assert_near(outputs(program, x), expected(path, x=x, mode=np.array(mode, np.int64)), 0)


def test_a_lookup_out_of_range_reads_the_nearest_row(tmp_path: Path) -> None:
    table = random(np.random.default_rng(SEED), 7, 3)
    nodes = [helper.make_node("Gather", ["table", "ids"], ["y"], axis=0)]
    model = onnx.load_from_string(graph(nodes, {"ids": [4]}, ["y"], {"table": table}))
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    program = compiled(written(tmp_path, model.SerializeToString(), "gather.onnx"))
    assert_near(outputs(program, np.array([6, -1, 2**40, -(2**40)])), [table[[6, 6, 6, 0]]], 0)


CUT = network()
CUBIC = graph(
    [helper.make_node("Resize", ["x", "", "scales"], ["y"], "bigger", mode="cubic", antialias=1)],
    {"x": [1, 1, 4, 4]},
    ["y"],
    {"scales": np.array([1, 1, 0.5, 0.5], np.float32)},
    opset=18,
)

REFUSED: dict[str, tuple[bytes, Fixed, str]] = {
    "nothing": (b"", Fixed(), "not an ONNX model, or damaged (it has no operators)"),
    "text": (b"hello, this is no model", Fixed(), "not an ONNX model, or damaged (it is no protocol buffer of that kind)"),
    "cut short": (CUT[: len(CUT) // 2], Fixed(), "not an ONNX model, or damaged (it is no protocol buffer of that kind)"),
    "an open size": (CUT, Fixed(), "input x has the open shape batchx3x8x8; fix it with --shape x=SIZExSIZE"),
    "another size": (CUT, Fixed(shapes={"x": (1, 4, 8, 8)}), "input x has the size 3 where 4 is wanted"),
    "another rank": (CUT, Fixed(shapes={"x": (1, 3)}), "input x has 4 dimensions, not 2"),
    "an unknown input": (CUT, Fixed(shapes={"z": (1,)}), "has no input 'z'; its inputs are x"),
    "a branch": (
        branching(),
        Fixed(),
        "operator If at 'choice' depends on an input; if that is always the same number, fix it with --fix NAME=NUMBER (inputs: x, mode)",
    ),
    "a part of a number for an integer": (branching(), Fixed(values={"mode": 0.5}), "input mode is int64, and cannot be 0.5"),
    "a number too large": (branching(), Fixed(values={"mode": 10**20}), f"input mode is int64, and cannot be {10**20}"),
    "a float too large": (
        graph([helper.make_node("Relu", ["x"], ["y"])], {"x": [4]}, ["y"]),
        Fixed(values={"x": 1e39}),
        "input x is float32",
    ),
    "a number for an open shape": (CUT, Fixed(values={"x": 1}), "input x has an open shape, and can be no constant"),
    "an unknown operator": (
        graph([helper.make_node("Foo", ["x"], ["y"])], {"x": [4]}, ["y"]),
        Fixed(),
        "ONNX Runtime refuses it: This is an invalid model. ",
    ),
    "an operator that torch-mlir cannot lower": (CUBIC, Fixed(), "operator Resize (at 'bigger') is not supported in this form"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_cannot_be_compiled_gives_one_line(name: str, tmp_path: Path) -> None:
    data, fixed, words = REFUSED[name]
    path = written(tmp_path, data, "model.onnx")
    with pytest.raises(ModelError) as caught:
        compile_model(path, TINY, Options(fixed=fixed))
    message = str(caught.value)
    assert message.startswith(f"{path}: {words}") and "\n" not in message


def test_only_onnx_inputs_can_be_fixed(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    with pytest.raises(ModelError, match=re.escape(f"{path}: only inputs of .onnx models can be fixed")):
        compile_model(path, TINY, Options(fixed=Fixed(values={"x": 1})))


@pytest.mark.parametrize("words", ["x", "x=", "=3x4", "x=3x", "x=0x4", "x=axb"])
def test_words_that_fix_no_shape_are_shown_what_does(words: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"{words!r} fixes no shape; write NAME=SIZExSIZE, such as input=1x576")):
        Fixed.from_words([words], [])


@pytest.mark.parametrize("words", ["sr", "sr=", "=1", "sr=fast", "sr=1e400", "sr=nan"])
def test_words_that_fix_no_value_are_shown_what_does(words: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"{words!r} fixes no value; write NAME=NUMBER, such as sr=16000")):
        Fixed.from_words([], [words])


def test_what_is_fixed_survives_json() -> None:
    fixed = Fixed.from_words(["a=1x2", "b:0=3"], ["c=0.5", "d=16000"])
    assert Fixed.from_dict(fixed.to_dict()) == fixed == Fixed({"a": (1, 2), "b:0": (3,)}, {"c": 0.5, "d": 16000})


def test_a_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "onnx.py").write_text("raise ModuleNotFoundError(name='onnx')\n")
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    with pytest.raises(MissingToolError, match=re.escape("reading .onnx files needs onnx; install it with: pip install 'hwacc[onnx]'")):
        compile_model(written(tmp_path, network(), "net.onnx"), TINY)


def silero() -> tuple[Path, Program]:
    """silero-vad's model and its program for 16 kHz: 64 samples of the past and 512 new ones."""
    spec = find_spec("silero_vad")
    if spec is None or spec.origin is None:
        pytest.skip("silero-vad is not installed (its package wants PyTorch; pip install --no-deps silero-vad==6.2.3 is enough)")
    path = Path(spec.origin).parent / "data" / "silero_vad.onnx"
    return path, compiled(path, Fixed(shapes={"input": (1, 576), "state": (2, 1, 128)}, values={"sr": 16000}))


def test_silero_vad_follows_speech_as_onnx_runtime_does() -> None:
    path, program = silero()
    rng = np.random.default_rng(SEED)
    state: NDArray[Any] = np.zeros((2, 1, 128), np.float32)
    theirs = state
    for step in range(8):
        tone = np.sin(np.arange(576) * 0.02 * (step + 1)) * 0.4 * (step % 3)
        samples = (tone + rng.standard_normal(576) * 0.05).astype(np.float32).reshape(1, 576)
        chance, state = outputs(program, samples, state)
        wanted, theirs = expected(path, input=samples, state=theirs, sr=np.array(16000, np.int64))
        assert_near([chance, state], [wanted, theirs], 1e-5)
    assert reasons(program)
