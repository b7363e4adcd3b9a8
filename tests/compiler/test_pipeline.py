"""The way into the compiler: programs, progress and stages through a process of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hwacc.compiler import pipeline
from hwacc.compiler.compilation import Compilation
from hwacc.compiler.options import Options
from hwacc.compiler.pipeline import compile_model, emit
from hwacc.config import TINY
from hwacc.errors import ModelError
from tests.compiler.tflite_models import SAME, ModelBuilder

SEED = 9


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two convolutions with the same weights and an addition between them."""
    builder = ModelBuilder(SEED)
    source = builder.tensor((1, 6, 6, 4), "int8", 0.3, -17)
    first = builder.conv2d(source, (1, 6, 6, 4), (3, 3))
    total = builder.tensor((1, 6, 6, 4), "int8", 0.3, -17)
    builder.operator("ADD", [source, first], [total], ("AddOptions", {}))
    _, weights, bias = builder.graph.operators[0].inputs
    last = builder.tensor((1, 3, 3, 4), "int8", 0.3, -17)
    options = {"padding": SAME, "strideH": 2, "strideW": 2, "dilationHFactor": 1, "dilationWFactor": 1}
    builder.operator("CONV_2D", [total, weights, bias], [last], ("Conv2DOptions", options))
    path = tmp_path_factory.mktemp("model") / "twice.tflite"
    path.write_bytes(builder.build([source], [last]))
    return path


def test_compile_model_reports_each_task(model: Path) -> None:
    heard: list[str] = []
    program = compile_model(model, TINY, progress=heard.append)
    names = [task.name for task in program.tasks]
    assert [text for text in heard if not text.endswith(": planning")] == names and len(names) == 3
    assert f"{names[0]}: planning" in heard
    assert program.name == "twice" and program.config == TINY


def test_the_worker_s_program_is_that_of_this_process(model: Path, tmp_path: Path) -> None:
    compile_model(model, TINY).save(tmp_path / "worker.hwx")
    Compilation(model, TINY).program.save(tmp_path / "here.hwx")
    assert (tmp_path / "worker.hwx").read_bytes() == (tmp_path / "here.hwx").read_bytes()


def test_weights_used_twice_are_placed_once(model: Path) -> None:
    program = compile_model(model, TINY)
    first, last = program.tasks[0], program.tasks[-1]
    weights = first.implementations[0].buffers[1]
    assert weights == last.implementations[0].buffers[1]
    assert sum(buffer.role == "constant" and buffer.shape == (4, 3, 3, 4) for buffer in program.buffers) == 1


def test_ends_have_the_model_s_names(model: Path) -> None:
    program = compile_model(model, TINY)
    assert [program.buffers[i].name for i in program.indices("input")] == ["tensor_0"]
    assert [program.buffers[i].shape for i in program.indices("output")] == [(1, 3, 3, 4)]


def test_without_the_array_everything_is_cpu_code_and_says_so(model: Path) -> None:
    program = compile_model(model, TINY, Options(backends=("cpu",)))
    assert {code.backend for task in program.tasks for code in task.implementations} == {"cpu"}
    assert program.tasks[0].reason == "compiled without the array"


def test_emit_linalg_shows_upstream_operations(model: Path) -> None:
    text = emit(model, TINY, "linalg")
    assert "linalg.conv_2d_nhwc_fhwc_q" in text and "tosa.apply_scale" in text and "hwacc.conv2d" not in text


def test_emit_hwacc_shows_both_levels(model: Path) -> None:
    text = emit(model, TINY, "hwacc")
    assert len(re.findall(r'"hwacc\.conv2d_into"\(', text)) == 2
    machine = text.partition("module @machine")[2]
    assert all(f'"hwacc.{name}"' in machine for name in ("load", "compute", "store"))


def test_emit_stream_lists_every_array_task(model: Path) -> None:
    text = emit(model, TINY, "stream")
    assert len(re.findall("^; task ", text, re.MULTILINE)) == 2
    assert len(re.findall("^ *[0-9]+ STORE ", text, re.MULTILINE)) >= 2


def test_padding_needs_no_copy(model: Path) -> None:
    assert "tensor.pad" not in emit(model, TINY, "hwacc")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "import hwacc.compiler.worker as w\ndef serve(request): raise MemoryError('4 PB')\nw.serve = serve\nw.main()",
            "more than the memory of this machine holds (4 PB)",
        ),
        (
            "import os; os.kill(os.getpid(), 9)",
            "the compiler broke down on this model (signal 9, which the system sends when memory runs out)",
        ),
    ],
)
def test_a_model_that_needs_too_much_memory_is_one_line(
    body: str, words: str, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "worker.py"
    script.write_text(body)
    monkeypatch.setattr(pipeline, "WORKER", [str(script)])
    with pytest.raises(ModelError, match=f"^{re.escape(f'{model}: {words}')}$"):
        compile_model(model, TINY)
