"""Runs compiled programs and holds them against tflite-micro: shared by the tests of the compiler."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.coordinator.backends.cpu import CpuBackend
from hwacc.coordinator.backends.host import HostBackend
from hwacc.coordinator.backends.hwacc import HwaccBackend
from hwacc.coordinator.check import ReferenceInterpreter
from hwacc.coordinator.host_program import HostProgram
from hwacc.coordinator.runner import Runner, memory_needed
from hwacc.driver.device import Device
from hwacc.program import Program

Arrays = list[NDArray[Any]]

FLOATS = (-60.0, 320.0)
"""Range of float inputs: beyond what the models' quantisation covers, on both sides."""


def random_sets(program: Program, count: int, seed: int) -> list[Arrays]:
    """``count`` sets of inputs: integers over their whole type, floats over :data:`FLOATS`."""
    rng = np.random.default_rng(seed)
    buffers = [program.buffers[i] for i in program.indices("input")]
    return [[random_array(rng, np.dtype(buffer.dtype), buffer.shape) for buffer in buffers] for _ in range(count)]


def random_array(rng: np.random.Generator, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if dtype.kind == "f":
        return rng.uniform(*FLOATS, shape).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def run_on_cpu(program: Program, sets: Sequence[Arrays], backend: CpuBackend | None = None) -> list[Arrays]:
    """The outputs for each set of inputs, every task by its CPU code, without any device."""
    host = HostProgram(program, backend)
    return [host.run(inputs) for inputs in sets]


def run_on_model(program: Program, sets: Sequence[Arrays]) -> list[Arrays]:
    """The outputs for each set of inputs, array tasks on the functional model."""
    with (
        Device.open("model", program.config, memory_bytes=memory_needed(program)) as device,
        Runner(program, device, [HwaccBackend(device), HostBackend(CpuBackend())]) as runner,
    ):
        return [list(runner.run(inputs).outputs) for inputs in sets]


def assert_exact(path: Path, sets: Sequence[Arrays], results: Sequence[Arrays]) -> None:
    """Every element of ``results`` has the bits that tflite-micro gives."""
    check = ReferenceInterpreter(path).check(sets, results)
    assert check.elements and not check.mismatches, f"{path.stem}: {check.mismatches} of {check.elements} elements differ"
