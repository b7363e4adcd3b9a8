"""Compiles CPU code: a task's LLVM-dialect text becomes machine code, in process, once."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from hwacc.errors import MissingToolError, ProgramError
from hwacc.program import Implementation

if TYPE_CHECKING:
    from mlir.execution_engine import ExecutionEngine

OPTIMIZATION = 2
"""LLVM's -O level."""


class CpuBackend:
    """Compiles the ``cpu`` implementations of tasks with MLIR's execution engine; equal code is compiled once.

    What a program file holds is run as it is: this is not for programs from strangers.
    """

    name = "cpu"

    def __init__(self) -> None:
        self._compiled: dict[tuple[bytes, str], CpuFunction] = {}

    def prepare(self, implementation: Implementation) -> CpuFunction:
        """The code as a function of arrays; raises :class:`ProgramError` if it is damaged."""
        key = implementation.code, implementation.entry
        if key not in self._compiled:
            self._compiled[key] = CpuFunction(implementation)
        return self._compiled[key]


class CpuFunction:
    """Machine code, callable with the arrays of its buffers: inputs first, then outputs, which it writes."""

    def __init__(self, implementation: Implementation) -> None:
        self._engine = compile_code(implementation.code.decode(errors="replace"))
        self._count = len(implementation.buffers)
        try:
            address = self._engine.raw_lookup(implementation.entry)
        except RuntimeError:
            address = 0
        if not address:
            raise ProgramError(f"CPU code has no entry {implementation.entry!r}; compile the model again")
        self._call = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)

    def __call__(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Runs the code, with the GIL released.

        ``arrays`` are C-contiguous and have the dtypes and shapes that the program states.
        """
        if len(arrays) != self._count or not all(array.flags.c_contiguous for array in arrays):
            raise ProgramError(f"CPU code takes {self._count} contiguous arrays")
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        packed = (ctypes.c_void_p * len(arrays))(*(ctypes.addressof(pointer) for pointer in pointers))
        self._call(ctypes.addressof(packed))


def compile_code(code: str) -> ExecutionEngine:
    """Machine code for LLVM-dialect text; raises :class:`ProgramError` if it is none."""
    try:
        from mlir import ir
        from mlir.execution_engine import ExecutionEngine
    except ImportError as error:
        raise MissingToolError(f"the MLIR bindings cannot be loaded ({error}); install them with: pip install 'hwacc[compiler]'") from None
    context = ir.Context()
    context.emit_error_diagnostics = False
    with context:
        try:
            return ExecutionEngine(ir.Module.parse(code), opt_level=OPTIMIZATION)
        except (ir.MLIRError, RuntimeError) as error:
            raise ProgramError(f"CPU code cannot be compiled ({' '.join(str(error).split())}); compile the model again") from None
