"""Runs host code (the CPU's) on tensors that lie in device memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from hwacc.coordinator.backend import Launch, Tensor
from hwacc.program import Implementation

ArrayCode = Callable[[list[NDArray[Any]]], object]


class ArrayBackend(Protocol):
    """A compiler of host code, such as :class:`hwacc.coordinator.backends.cpu.CpuBackend`: knows arrays, not devices."""

    def prepare(self, implementation: Implementation) -> ArrayCode:
        """A function of the arrays in the implementation's order, outputs written in place."""
        ...


class HostBackend:
    """Gives the code views of device memory; where the host cannot map it, copies there and back."""

    chains = False

    def __init__(self, compiler: ArrayBackend, name: str = "cpu") -> None:
        self.name = name
        self._compiler = compiler

    def prepare(self, implementations: Sequence[Implementation]) -> Launch:
        """Compiles the code of one task now, so that a run's time is the code's own."""
        (implementation,) = implementations
        code = self._compiler.prepare(implementation)

        def launch(tensors: Sequence[Tensor]) -> int | None:
            arrays = [tensor.array() for tensor in tensors]
            code(arrays)
            for tensor, array in zip(tensors, arrays):
                if tensor.buffer.role not in ("constant", "input"):
                    tensor.update(array)
            return None

        return launch
