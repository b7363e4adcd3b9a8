"""What a backend owes: it turns one implementation of a task into a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from hwacc.driver.buffers import DeviceBuffer
from hwacc.program import Buffer, Implementation


@dataclass(frozen=True)
class Tensor:
    """A buffer of the program, placed in device memory."""

    buffer: Buffer
    memory: DeviceBuffer

    def array(self) -> NDArray[Any]:
        """Its elements: shared with the device where the host can map its memory, else a copy."""
        if self.memory.mapped:
            return self.memory.view(self.buffer.dtype, self.buffer.shape)
        return self.memory.read(self.buffer.dtype, self.buffer.shape)

    def update(self, array: NDArray[Any]) -> None:
        """Writes ``array`` back, unless it is the device's memory already."""
        if not self.memory.mapped:
            self.memory.write(array)


Launch = Callable[[Sequence[Tensor]], "int | None"]
"""Runs tasks on the tensors of their implementations, one after the other; returns device cycles, or None where nobody counts them."""


class Backend(Protocol):
    """Prepares code once; the launch may then be called many times.

    ``name`` is the key under which programs keep their implementations, see :data:`hwacc.program.BACKENDS`. ``chains`` says that
    tasks which follow one another are better prepared together.
    """

    @property
    def name(self) -> str: ...

    @property
    def chains(self) -> bool: ...

    def prepare(self, implementations: Sequence[Implementation]) -> Launch:
        """A launch of one implementation, or, where the backend ``chains``, of some in a row.

        Raises from the :class:`hwacc.errors.HwaccError` tree if the code is not valid.
        """
        ...
