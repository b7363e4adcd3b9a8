"""Runs a program task by task: constants placed once, intermediates shared by all backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.coordinator.backend import Backend, Launch, Tensor
from hwacc.driver.buffers import ALIGNMENT
from hwacc.driver.device import Device
from hwacc.errors import HwaccError, InputError, ProgramError
from hwacc.program import Implementation, Program, Task

RING_BYTES = 2**20
"""Device memory beside a program's buffers: the ring and the completion records."""


@dataclass(frozen=True)
class TaskRecord:
    """How one task went. ``cycles`` is None where no device ran it or none counts."""

    task: Task
    backend: str
    cycles: int | None


@dataclass(frozen=True)
class Run:
    """One pass through a program: ``outputs`` in the program's order (copies), a record for each task."""

    outputs: tuple[NDArray[Any], ...]
    tasks: tuple[TaskRecord, ...]


def memory_needed(program: Program) -> int:
    """Bytes of device memory that a :class:`Runner` of ``program`` wants, a multiple of a megabyte."""
    buffers = sum(-(-max(1, buffer.size) // ALIGNMENT) * ALIGNMENT for buffer in program.buffers)
    return -(-(buffers + RING_BYTES) // 2**20) * 2**20


class Runner:
    """A program made ready on a device and host backends. Close it, or use it as a context manager.

    Each task takes the first of its implementations whose backend is present. Raises
    :class:`hwacc.errors.ConfigError` if the program is for another configuration, :class:`ProgramError` if a task has
    no implementation here, :class:`hwacc.errors.DeviceError` if memory runs out.
    """

    def __init__(self, program: Program, device: Device, backends: Sequence[Backend]) -> None:
        device.require(program.config)
        self.program = program
        self._steps = [_step(task, {backend.name: backend for backend in backends}) for task in program.tasks]
        self._tensors = _place(program, device)

    def run(self, inputs: Sequence[NDArray[Any]], on_task: Callable[[Task], None] | None = None) -> Run:
        """Runs all tasks on ``inputs``, in the order of the program's inputs; ``on_task`` hears of each before it starts.

        Raises :class:`InputError` for inputs of the wrong number, dtype or shape.
        """
        self._write_inputs(inputs)
        records = []
        for step in self._steps:
            if on_task is not None:
                on_task(step.task)
            records.append(self._launch(step))
        return Run(tuple(self._tensors[i].array().copy() for i in self.program.indices("output")), tuple(records))

    def close(self) -> None:
        """Frees the device memory; may be called twice."""
        for tensor in self._tensors:
            tensor.memory.free()

    def _launch(self, step: _Step) -> TaskRecord:
        try:
            cycles = step.launch([self._tensors[i] for i in step.implementation.buffers])
        except HwaccError as error:
            error.args = (f"task {step.task.name} on {step.implementation.backend}: {error}", *error.args[1:])
            raise
        return TaskRecord(step.task, step.implementation.backend, cycles)

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
    task: Task
    implementation: Implementation
    launch: Launch


def _step(task: Task, backends: Mapping[str, Backend]) -> _Step:
    """The task with the first backend, in the program's order of implementations, that is present."""
    for implementation in task.implementations:
        backend = backends.get(implementation.backend)
        if backend is not None:
            return _Step(task, implementation, backend.prepare(implementation))
    offered = ", ".join(i.backend for i in task.implementations) or "nothing"
    raise ProgramError(f"task {task.name} is compiled for {offered}; present: {', '.join(backends)}")


def _place(program: Program, device: Device) -> list[Tensor]:
    """Every buffer in device memory, constants with their content; frees all again if there is no room."""
    tensors: list[Tensor] = []
    try:
        for index, buffer in enumerate(program.buffers):
            tensors.append(Tensor(buffer, device.allocate(buffer.size)))
            if buffer.role == "constant":
                tensors[-1].memory.write(np.ascontiguousarray(program.constants[index]))
    except HwaccError:
        for tensor in tensors:
            tensor.memory.free()
        raise
    return tensors
