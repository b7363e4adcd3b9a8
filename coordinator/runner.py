"""Runs a program task by task: constants placed once, intermediates shared by all backends, in one piece of device memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.arena import room
from hwacc.coordinator.backend import Backend, Launch, Tensor
from hwacc.driver.buffers import DeviceBuffer
from hwacc.driver.device import Device
from hwacc.errors import HwaccError, InputError, ProgramError
from hwacc.program import Program, Task
from hwacc.task_order import Choice, in_order, names_of

RING_BYTES = 2**20
"""Device memory beside a program's buffers: the ring and the completion records."""


@dataclass(frozen=True)
class TaskRecord:
    """How one task went.

    ``chained``: its backend ran it together with the next one. ``cycles`` are those of the whole chain, at its last task; None where
    no device ran it or none counts.
    """

    task: Task
    backend: str
    cycles: int | None
    chained: bool = False


@dataclass(frozen=True)
class Run:
    """One pass through a program: ``outputs`` in the program's order (copies), a record for each task in the order of their work."""

    outputs: tuple[NDArray[Any], ...]
    tasks: tuple[TaskRecord, ...]


def memory_needed(program: Program) -> int:
    """Bytes of device memory that a :class:`Runner` of ``program`` wants, a multiple of a megabyte."""
    buffers = sum(room(buffer.size) for buffer in program.buffers if buffer.offset is None)
    return -(-(buffers + program.arena_size + RING_BYTES) // 2**20) * 2**20


class Runner:
    """A program made ready on a device and host backends. Close it, or use it as a context manager.

    Each task takes the first of its implementations whose backend is present. Tasks of one backend follow one another where the
    graph allows. Raises :class:`hwacc.errors.ConfigError` if the program is for another configuration, :class:`ProgramError` if a
    task has no implementation here, :class:`hwacc.errors.DeviceError` if memory runs out.
    """

    def __init__(self, program: Program, device: Device, backends: Sequence[Backend]) -> None:
        device.require(program.config)
        self.program = program
        self._steps = _steps(program.tasks, {backend.name: backend for backend in backends})
        self._memory: list[DeviceBuffer] = []
        try:
            self._tensors = _place(program, device, self._memory)
        except HwaccError:
            self.close()
            raise

    def run(self, inputs: Sequence[NDArray[Any]], on_task: Callable[[Task], None] | None = None) -> Run:
        """Runs all tasks on ``inputs``, in the order of the program's inputs; ``on_task`` hears of each before it, or its chain, starts.

        Raises :class:`InputError` for inputs of the wrong number, dtype or shape.
        """
        self._write_inputs(inputs)
        records: list[TaskRecord] = []
        for step in self._steps:
            for task, _ in step.chain:
                if on_task is not None:
                    on_task(task)
            records += self._launch(step)
        return Run(tuple(self._tensors[i].array().copy() for i in self.program.indices("output")), tuple(records))

    def close(self) -> None:
        """Frees the device memory; may be called twice."""
        for memory in self._memory:
            memory.free()

    def _launch(self, step: _Step) -> list[TaskRecord]:
        tensors = [self._tensors[index] for _, implementation in step.chain for index in implementation.buffers]
        try:
            cycles = step.launch(tensors)
        except HwaccError as error:
            error.args = (f"{names_of(step.chain)} on {step.backend}: {error}", *error.args[1:])
            raise
        *others, last = [task for task, _ in step.chain]
        return [*(TaskRecord(task, step.backend, None, chained=True) for task in others), TaskRecord(last, step.backend, cycles)]

    def _write_inputs(self, inputs: Sequence[NDArray[Any]]) -> None:
        indices = self.program.indices("input")
        if len(inputs) != len(indices):
            raise InputError(f"{self.program.name} has {len(indices)} inputs, not {len(inputs)}")
        for index, array in zip(indices, inputs):
            buffer = self.program.buffers[index]
            if array.dtype != np.dtype(buffer.dtype) or array.shape != buffer.shape:
                raise InputError(f"input {buffer.name} must be {buffer.dtype} {buffer.shape}, not {array.dtype} {array.shape}")
            self._tensors[index].memory.write(np.ascontiguousarray(array))

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@dataclass(frozen=True)
class _Step:
    """Tasks that one backend runs together."""

    backend: str
    chain: tuple[Choice, ...]
    launch: Launch


def _steps(tasks: Sequence[Task], backends: Mapping[str, Backend]) -> list[_Step]:
    """All tasks in the order of work, those in a row together where their backend chains."""
    chosen = in_order([_choice(task, backends) for task in tasks])
    steps = []
    for name, group in groupby(chosen, lambda choice: choice[1].backend):
        backend, row = backends[name], tuple(group)
        for chain in [row] if backend.chains else [(choice,) for choice in row]:
            steps.append(_Step(name, chain, backend.prepare([implementation for _, implementation in chain])))
    return steps


def _choice(task: Task, backends: Mapping[str, Backend]) -> Choice:
    """The first of a task's implementations whose backend is present."""
    for implementation in task.implementations:
        if implementation.backend in backends:
            return task, implementation
    offered = ", ".join(i.backend for i in task.implementations) or "nothing"
    raise ProgramError(f"task {task.name} is compiled for {offered}; present: {', '.join(backends)}")


def _place(program: Program, device: Device, held: list[DeviceBuffer]) -> list[Tensor]:
    """Every buffer in device memory, constants with their content, intermediates in the arena; appends what it takes to ``held``."""
    if program.arena_size:
        held.append(device.allocate(program.arena_size))
    tensors: list[Tensor] = []
    for index, buffer in enumerate(program.buffers):
        if buffer.offset is None:
            held.append(device.allocate(buffer.size))
        tensors.append(Tensor(buffer, held[-1] if buffer.offset is None else held[0].part(buffer.offset, buffer.size)))
        if buffer.role == "constant":
            tensors[-1].memory.write(np.ascontiguousarray(program.constants[index]))
    return tensors
