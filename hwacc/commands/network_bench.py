"""Measurements behind ``hwacc bench networks``: the array's tasks of whole models, held against their bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.compiler.options import Options
from hwacc.compiler.pipeline import compile_model, products
from hwacc.config import ArrayConfig
from hwacc.coordinator.backend import Backend
from hwacc.coordinator.backends.cpu import CpuBackend
from hwacc.coordinator.backends.host import HostBackend
from hwacc.coordinator.backends.hwacc import HwaccBackend
from hwacc.coordinator.inputs import random_inputs
from hwacc.coordinator.runner import Run, Runner, memory_needed
from hwacc.driver.device import Device
from hwacc.limits import limit_cycles
from hwacc.program import Program
from hwacc.sim.step import Array

BACKENDS = ("hwacc", "cpu")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class TaskCycles:
    """A task on the array: its product as the program calls it, its cycles when it is submitted by itself, and their bound."""

    name: str
    shape: str
    cycles: int
    limit_cycles: int


@dataclass(frozen=True)
class Network:
    """One model on the array.

    ``cycles`` are those of all ``submissions`` of a run, in which tasks in a row share one; ``limit_cycles`` is the sum of the tasks'
    bounds. ``host`` counts tasks on the CPU by why they are there. ``mismatches`` are elements of the outputs that are not those of a
    run on the CPU alone.
    """

    model: str
    tasks: tuple[TaskCycles, ...]
    submissions: int
    cycles: int
    limit_cycles: int
    host: dict[str, int]
    mismatches: int

    @property
    def ratio(self) -> float:
        """Cycles by the sum of the bounds."""
        return self.cycles / self.limit_cycles

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, and ``ratio``, for JSON."""
        return {**vars(self), "ratio": self.ratio, "tasks": [vars(task) for task in self.tasks]}


def bound(spec: ContractionSpec, config: ArrayConfig) -> int:
    """The bound of a task: :func:`hwacc.limits.limit_cycles`, of a convolution with no byte of its picture read twice."""
    sizes = spec.group_bytes(config)
    picture = min(sizes["input"], spec.m * spec.k)  # with strides, not all of it is read
    operands = None if spec.is_matrix else spec.groups * (picture + sizes["weights"])
    return limit_cycles(spec.m, spec.k, spec.n, spec.element_bytes, config, groups=spec.groups, operand_bytes=operands)


def measure(path: Path, config: ArrayConfig, seed: int, memory_latency: int, tell: Tell) -> Network:
    """Compiles and runs a model on one random input: as it is, task by task, and on the CPU alone.

    Raises :class:`hwacc.errors.HwaccError` for what does not compile or run.
    """
    tell(f"{path.name}: compiling")
    program = compile_model(path, config, Options(backends=BACKENDS))
    limits = {name: bound(spec, config) for name, spec in products(path, config)}
    inputs = random_inputs([program.buffers[index] for index in program.indices("input")], 1, seed)[0]
    options: dict[str, Any] = {"memory_latency": memory_latency, "array": Array.STEP.value, "progress": tell}
    host = HostBackend(CpuBackend())
    with Device.open("sim", config, memory_bytes=memory_needed(program), **options) as device:

        def run(how: str, *backends: Backend) -> Run:
            tell(f"{path.name}: {how}")
            with Runner(program, device, backends) as runner:
                return runner.run(inputs)

        whole = run("running", HwaccBackend(device), host)
        each = run("running task by task", HwaccBackend(device, chains=False), host)
        alone = run("running on the CPU", host)
    tasks = tuple(
        TaskCycles(record.task.name, record.task.shape, record.cycles, limits[record.task.name])
        for record in each.tasks
        if record.cycles is not None
    )
    counted = [record.cycles for record in whole.tasks if record.cycles is not None]
    wrong = sum(int(np.sum(one != other)) for found in (whole, each) for one, other in zip(found.outputs, alone.outputs))
    limit = sum(task.limit_cycles for task in tasks)
    return Network(path.stem, tasks, len(counted), sum(counted), limit, _host_tasks(program, whole), wrong)


def _host_tasks(program: Program, run: Run) -> dict[str, int]:
    """How many tasks ran on the CPU, by kind of work: depthwise, or other than a contraction."""
    kinds: Sequence[str] = [record.task.kind for record in run.tasks if record.cycles is None and not record.chained]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
