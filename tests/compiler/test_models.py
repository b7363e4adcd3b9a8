"""The example models, whole: bit-exact on the CPU alone; what goes to the array, and how often it is placed."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.options import Options
from hwacc.config import ArrayConfig
from hwacc.program import Program
from tests.compiler.execution import assert_exact, random_sets, run_on_cpu

MODELS = Path(__file__).parents[2] / "examples" / "models"
NAMES = ("image_classification", "visual_wake_words", "keyword_spotting", "anomaly_detection")
SEED = 7


def model_path(name: str) -> Path:
    return MODELS / f"{name}.tflite"


@cache
def compiled(name: str) -> Program:
    """The model for the default array, with CPU code for everything."""
    return Compilation(model_path(name), ArrayConfig(), Options(backends=("hwacc", "cpu"))).program


@pytest.mark.parametrize("name", NAMES)
def test_model_is_bit_exact_on_the_cpu_alone(name: str) -> None:
    sets = random_sets(compiled(name), 10, SEED)
    assert_exact(model_path(name), sets, run_on_cpu(compiled(name), sets))


@pytest.mark.parametrize("name", NAMES)
def test_every_convolution_and_dense_layer_is_compiled_for_the_array(name: str) -> None:
    for task in compiled(name).tasks:
        on_array = task.implementations[0].backend == "hwacc"
        assert on_array == (task.kind in ("conv2d", "dense", "gemm")), task.name
        assert on_array != bool(task.reason), task.name


@pytest.mark.parametrize(("name", "macs"), [("image_classification", 12_501_632), ("keyword_spotting", 2_656_768)])
def test_macs_are_those_of_the_architecture(name: str, macs: int) -> None:
    assert sum(task.macs for task in compiled(name).tasks) == macs


@pytest.mark.parametrize("name", NAMES)
def test_constants_are_placed_once(name: str) -> None:
    program = compiled(name)
    contents = [(array.dtype.name, array.shape, array.tobytes()) for array in program.constants.values()]
    assert len(set(contents)) == len(contents)


@pytest.mark.parametrize("name", NAMES)
def test_tasks_read_only_what_is_there_and_names_are_unique(name: str) -> None:
    program = compiled(name)
    there = {*program.indices("input"), *program.indices("constant")}
    for task in program.tasks:
        assert set(task.reads) <= there, task.name
        for code in task.implementations:
            assert set(code.buffers) <= {*task.reads, *task.writes}, task.name
        there |= set(task.writes)
    assert set(program.indices("output")) <= there
    assert len({task.name for task in program.tasks}) == len(program.tasks)


def test_names_come_from_the_layers() -> None:
    names = [task.name for task in compiled("image_classification").tasks]
    assert names[:5] == ["conv2d", "conv2d_1", "conv2d_2", "add", "conv2d_3"]


def test_a_weight_tensor_lies_in_memory_as_in_the_file() -> None:
    program = compiled("image_classification")
    weights = program.constants[program.tasks[0].implementations[0].buffers[1]]
    assert weights.shape == (16, 3, 3, 3) and weights.dtype == np.int8
    assert weights.tobytes() in model_path("image_classification").read_bytes()


def test_compiling_twice_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("a.hwx", "b.hwx"):
        Compilation(model_path("keyword_spotting"), ArrayConfig()).program.save(tmp_path / name)
    assert (tmp_path / "a.hwx").read_bytes() == (tmp_path / "b.hwx").read_bytes()
