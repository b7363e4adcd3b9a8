"""An object file of a program, linked and called: what a C program does, by ctypes."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.aot.module import c_name
from hwacc.compiler.aot.object_files import write_object_files
from hwacc.program import Program
from hwacc.sim import toolchain
from tests.driver.native.interface import CDevice


class Model(ctypes.Structure):
    """``NAME_model`` of any program."""

    _fields_ = (("device", ctypes.c_void_p), ("memory", ctypes.c_uint64), ("cycles", ctypes.c_uint64))


class Linked:
    """The three functions of a program, linked with a simulator's library; :meth:`init` and :meth:`run` return what they return in C."""

    def __init__(self, program: Program, simulator: ctypes.CDLL, folder: Path) -> None:
        self.program = program
        folder.mkdir(exist_ok=True)
        write_object_files(program, "x86_64", folder / "model.o")
        command = [*toolchain.compiler().command, "-shared", "-o", "model.so", "model.o", simulator._name, "-lm"]
        subprocess.run(command, cwd=folder, check=True)
        library = ctypes.CDLL(str(folder / "model.so"))
        self._init, self._run, self._free = (getattr(library, f"{c_name(program)}_{verb}") for verb in ("init", "run", "free"))
        self.model = Model(device=1, memory=1, cycles=1)

    def init(self, device: CDevice) -> int:
        return int(self._init(ctypes.byref(self.model), device.handle))

    def run(self, inputs: Sequence[NDArray[Any]]) -> tuple[int, list[NDArray[Any]]]:
        """The code, and the outputs."""
        buffers = [self.program.buffers[index] for index in self.program.indices("output")]
        outputs = [np.full(buffer.shape, 99, buffer.dtype) for buffer in buffers]
        code = self._run(ctypes.byref(self.model), pointers(inputs), pointers(outputs))
        return int(code), outputs

    def free(self) -> int:
        return int(self._free(ctypes.byref(self.model)))


def pointers(arrays: Sequence[NDArray[Any]]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
