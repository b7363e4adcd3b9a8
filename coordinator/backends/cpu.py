"""Compiles CPU code: a task's LLVM-dialect text becomes machine code, in process, once."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.coordinator.backends.allocations import RAN_OUT, check_allocations
from hwacc.errors import MissingToolError, ProgramError
from hwacc.program import MEMREF_ENTRY, Implementation

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
        self._takes_descriptors = implementation.entry == MEMREF_ENTRY
        self._call, self._ran_out = (packed_call(self._engine, entry) for entry in (implementation.entry, RAN_OUT))

    def __call__(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Runs the code, with the GIL released.

        ``arrays`` are C-contiguous and have the dtypes and shapes that the program states. Raises MemoryError where there is no
        room for what lies between them; what the code writes is then not complete.
        """
        if len(arrays) != self._count or not all(array.flags.c_contiguous for array in arrays):
            raise ProgramError(f"CPU code takes {self._count} contiguous arrays")
        wanted = [descriptor_of(array) for array in arrays] if self._takes_descriptors else arrays
        self._call([ctypes.c_void_p(array.ctypes.data) for array in wanted])
        ran_out = ctypes.c_uint8()
        self._ran_out([ran_out])
        if ran_out.value:
            raise MemoryError


def descriptor_of(array: NDArray[Any]) -> NDArray[np.int64]:
    """MLIR's descriptor of a contiguous array as a ranked memref."""
    strides = [stride // array.itemsize for stride in array.strides]
    return np.array([array.ctypes.data, array.ctypes.data, 0, *array.shape, *strides], np.int64)


def packed_call(engine: ExecutionEngine, entry: str) -> Callable[[Sequence[Any]], None]:
    """A function of compiled code, to be called with the ctypes of its arguments and, last, of its result.

    Keeps ``engine`` alive. Raises :class:`ProgramError` if there is no such function.
    """
    try:
        address = engine.raw_lookup(entry)
    except RuntimeError:
        address = 0
    if not address:
        raise ProgramError(f"CPU code has no entry {entry!r}; compile the model again")
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)

    def call(arguments: Sequence[Any], _engine: ExecutionEngine = engine) -> None:
        packed = (ctypes.c_void_p * len(arguments))(*map(ctypes.addressof, arguments))
        function(ctypes.addressof(packed))

    return call


def compile_code(code: str) -> ExecutionEngine:
    """Machine code for LLVM-dialect text, its allocations checked; raises :class:`ProgramError` if it is none."""
    try:
        from mlir import ir
        from mlir.execution_engine import ExecutionEngine
    except ImportError as error:
        raise MissingToolError(f"the MLIR bindings cannot be loaded ({error}); install them with: pip install 'hwacc[compiler]'") from None
    context = ir.Context()
    context.emit_error_diagnostics = False
    with context:
        try:
            module = ir.Module.parse(code)
            check_allocations(module)
            return ExecutionEngine(module, opt_level=OPTIMIZATION)
        except (ir.MLIRError, RuntimeError) as error:
            raise ProgramError(f"CPU code cannot be compiled ({' '.join(str(error).split())}); compile the model again") from None
