"""Models that cannot be compiled: each gives one line that says what, where, and what would do."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest

from hwacc.compiler import pipeline
from hwacc.compiler.compilation import Compilation
from hwacc.compiler.pipeline import compile_model, emit
from hwacc.config import TINY
from hwacc.errors import MissingToolError, ModelError
from tests.compiler.test_models import model_path
from tests.compiler.tflite_models import ModelBuilder

GOOD = model_path("keyword_spotting").read_bytes()
SEED = 11


def error_of(path: Path) -> str:
    """The one line that compiling ``path`` gives."""
    with pytest.raises(ModelError) as caught:
        Compilation(path, TINY)
    message = str(caught.value)
    assert "\n" not in message
    return message


def written(folder: Path, data: bytes, name: str = "model.tflite") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=re.escape(f"{tmp_path / 'none.tflite'}: no such file")):
        compile_model(tmp_path / "none.tflite", TINY)


def test_an_unknown_suffix_lists_what_is_supported(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD, "model.h5")
    with pytest.raises(ModelError, match=re.escape(f"{path}: cannot compile .h5; supported: .tflite, .onnx, .pt2, .mlir, .mlirbc")):
        compile_model(path, TINY)


def test_an_unknown_stage_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match="unknown stage 'tosa'; known: linalg, normalised, tasks, buffers, machine, hwacc, stream, llvm"):
        emit(model_path("keyword_spotting"), TINY, "tosa")


@pytest.mark.parametrize("data", [b"", b"TFL", b"not a model at all", b"\x1c\0\0\0ONNX" + bytes(100)])
def test_a_file_that_is_no_model_is_refused(data: bytes, tmp_path: Path) -> None:
    path = written(tmp_path, data)
    assert error_of(path) == f"{path}: not a TensorFlow Lite model (bytes 4 to 7 are {data[4:8]!r}, not b'TFL3')"


@pytest.mark.parametrize("size", [8, 100, 1000, len(GOOD) // 2, len(GOOD) - 4000])
def test_a_truncated_model_is_refused(size: int, tmp_path: Path) -> None:
    path = written(tmp_path, GOOD[:size])
    assert error_of(path).startswith(f"{path}: damaged TensorFlow Lite model (")


def test_random_bytes_behind_the_identifier_are_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(SEED).integers(0, 256, 4000, np.uint8).tobytes()
    path = written(tmp_path, struct.pack("<I", 16) + b"TFL3" + noise)
    assert error_of(path).startswith(f"{path}: damaged TensorFlow Lite model (")


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_model_compiles_or_gives_one_line(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(GOOD)
    for _ in range(8):
        data[int(rng.integers(8, 3000))] = int(rng.integers(0, 256))
        data[-int(rng.integers(1, 9000))] = int(rng.integers(0, 256))
    path = written(tmp_path, bytes(data))
    try:
        compile_model(path, TINY)
    except ModelError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)


def test_names_that_are_not_text_do_no_harm(tmp_path: Path) -> None:
    model = ModelBuilder(SEED)
    source = model.tensor((2, 19), "int8", 0.05, -3)
    result = model.dense(source, 4)
    for index, tensor in enumerate(model.graph.tensors):
        tensor.name = b"\xff\xfe\0" + bytes([index])
    program = Compilation(written(tmp_path, model.build([source], [result])), TINY).program
    assert [task.kind for task in program.tasks] == ["dense"]


def test_a_model_without_a_graph_is_refused(tmp_path: Path) -> None:
    model = ModelBuilder(SEED)
    model.model.subgraphs = []
    model.graph.inputs = model.graph.outputs = []
    path = written(tmp_path, model.build([], []))
    assert error_of(path) == f"{path}: damaged TensorFlow Lite model (it has no graph)"


def test_control_flow_is_refused(tmp_path: Path) -> None:
    model = ModelBuilder(SEED)
    source = model.tensor((2, 19), "int8", 0.05, -3)
    result = model.dense(source, 4)
    model.model.subgraphs.append(model.graph)
    path = written(tmp_path, model.build([source], [result]))
    assert error_of(path) == f"{path}: the model has 2 subgraphs (control flow); only models with one are supported"


def test_an_operator_without_tosa_form_is_named(tmp_path: Path) -> None:
    model = ModelBuilder(SEED)
    left, right = model.tensor((1, 5), "int8", 0.05, 3), model.tensor((1, 5), "int8", 0.05, 3)
    result = model.tensor((1, 5), "bool")
    model.operator("GREATER", [left, right], [result], ("GreaterOptions", {}))
    path = written(tmp_path, model.build([left, right], [result]))
    assert error_of(path) == f"{path}: operator GREATER has no TOSA form and cannot be compiled"


def test_a_custom_operator_is_named(tmp_path: Path) -> None:
    model = ModelBuilder(SEED)
    source, result = model.tensor((1, 5), "int8", 0.05, 3), model.tensor((1, 5), "int8", 0.05, 3)
    model.operator("CUSTOM", [source], [result])
    model.model.operatorCodes[0].customCode = b"Sparkle"
    path = written(tmp_path, model.build([source], [result]))
    assert error_of(path) == f"{path}: custom operator 'Sparkle' is not supported"


@pytest.mark.parametrize(
    ("name", "align", "half", "words"),
    [
        ("BILINEAR", False, False, "operator RESIZE_BILINEAR is not supported: its conversion to TOSA is not exact"),
        ("NEAREST_NEIGHBOR", False, False, "unless either align_corners or half_pixel_centers is set: its conversion to TOSA is not exact"),
    ],
)
def test_an_operator_whose_conversion_is_not_exact_is_refused(name: str, align: bool, half: bool, words: str, tmp_path: Path) -> None:
    model = ModelBuilder(SEED)
    source, result = model.tensor((1, 5, 7, 2), "int8", 0.1, 3), model.tensor((1, 10, 14, 2), "int8", 0.1, 3)
    sizes = model.tensor((2,), "int32", data=np.array([10, 14], np.int32))
    options = {"BILINEAR": "ResizeBilinearOptions", "NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions"}[name]
    model.operator(f"RESIZE_{name}", [source, sizes], [result], (options, {"alignCorners": align, "halfPixelCenters": half}))
    path = written(tmp_path, model.build([source], [result]))
    assert error_of(path).endswith(words)


def test_a_compiler_that_aborts_costs_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "abort.py"
    script.write_text(
        "import os, sys\nprint('x.cpp:7: void f(): Assertion `a < b' + chr(39) + ' failed.', file=sys.stderr, flush=True)\nos.abort()\n"
    )
    path = written(tmp_path, GOOD)
    monkeypatch.setattr(pipeline, "WORKER", [str(script)])
    with pytest.raises(ModelError) as caught:
        compile_model(path, TINY)
    assert str(caught.value) == f"{path}: the compiler broke down on this model (Assertion `a < b' failed.)"


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "ai_edge_litert.py").write_text("raise ModuleNotFoundError(name='ai_edge_litert')\n")
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    with pytest.raises(
        MissingToolError, match=re.escape("reading .tflite files needs ai_edge_litert; install it with: pip install 'hwacc[tflite]'")
    ):
        compile_model(written(tmp_path, GOOD), TINY)
