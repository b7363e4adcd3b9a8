"""Runs a program by its CPU code alone, without any device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.coordinator.backends.cpu import CpuBackend
from hwacc.program import Program


class HostProgram:
    """A program of which every task has CPU code, made ready on this machine; raises :class:`hwacc.errors.ProgramError` if one has none.

    ``backend`` is one that may have compiled the same code before.
    """

    def __init__(self, program: Program, backend: CpuBackend | None = None) -> None:
        backend = backend or CpuBackend()
        self.program = program
        codes = [task.implementation("cpu") for task in program.tasks]
        self._steps = [(code.buffers, backend.prepare(code)) for code in codes]
        self._arrays = [program.constants.get(i, np.zeros(buffer.shape, buffer.dtype)) for i, buffer in enumerate(program.buffers)]

    @property
    def names(self) -> list[str]:
        """The names of the outputs, in the program's order."""
        return [self.program.buffers[i].name for i in self.program.indices("output")]

    def run(self, inputs: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        """The outputs (copies, in the program's order) for ``inputs``, which have the program's dtypes and shapes."""
        for index, array in zip(self.program.indices("input"), inputs):
            self._arrays[index] = np.ascontiguousarray(array)
        for indices, function in self._steps:
            function([self._arrays[i] for i in indices])
        return [self._arrays[i].copy() for i in self.program.indices("output")]
