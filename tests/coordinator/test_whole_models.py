"""The example models on the accelerator: bit for bit what the exact interpreter says."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from hwacc.compiler.pipeline import compile_model
from hwacc.config import ArrayConfig
from hwacc.coordinator.backends.cpu import CpuBackend
from hwacc.coordinator.backends.host import HostBackend
from hwacc.coordinator.backends.hwacc import HwaccBackend
from hwacc.coordinator.check import ReferenceInterpreter
from hwacc.coordinator.inputs import random_inputs
from hwacc.coordinator.runner import Run, Runner, memory_needed
from hwacc.driver.device import Device
from hwacc.program import Program

MODELS = Path(__file__).parents[2] / "examples" / "models"
NAMES = ("image_classification", "visual_wake_words", "keyword_spotting", "anomaly_detection")
SEED = 20


@cache
def compiled(name: str) -> Program:
    return compile_model(MODELS / f"{name}.tflite", ArrayConfig())


def run(program: Program, device_name: str, count: int) -> tuple[list[Run], int]:
    """The runs on ``count`` random inputs, and their mismatches with the interpreter."""
    sets = random_inputs([program.buffers[index] for index in program.indices("input")], count, SEED)
    with (
        Device.open(device_name, program.config, memory_bytes=memory_needed(program)) as device,
        Runner(program, device, [HwaccBackend(device), HostBackend(CpuBackend())]) as runner,
    ):
        runs = [runner.run(inputs) for inputs in sets]
    check = ReferenceInterpreter(MODELS / f"{program.name}.tflite").check(sets, [run.outputs for run in runs])
    assert check.inputs == count and check.elements > 0
    return runs, check.mismatches


@pytest.mark.parametrize(("device", "count"), [("model", 10), ("sim", 2)])
@pytest.mark.parametrize("name", NAMES)
def test_a_model_equals_the_exact_interpreter_and_its_products_run_on_the_array(name: str, device: str, count: int) -> None:
    runs, mismatches = run(compiled(name), device, count)
    assert mismatches == 0, f"seed {SEED}"
    for record in runs[0].tasks:
        assert record.backend == ("hwacc" if record.task.kind in ("conv2d", "dense", "gemm") else "cpu"), record.task.name
        assert bool(record.task.reason) == (record.backend == "cpu"), record.task.name


def test_cycles_do_not_depend_on_the_data() -> None:
    runs, _ = run(compiled("keyword_spotting"), "sim", 2)
    assert [record.cycles for record in runs[0].tasks] == [record.cycles for record in runs[1].tasks]
