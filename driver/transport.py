"""What the driver needs of a device: a window of memory, registers, and the passing of time."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


class Transport(Protocol):
    """The way to one device. A simulator, a model and a board differ in nothing else.

    memory_base, memory_size
        The window of device memory that the host may use, in bytes.
    memory
        The window as a zero-copy array of its bytes, or None where the host cannot map it (a serial link).
    cycles
        Clock cycles that the device has run, or None where nobody counts them.
    """

    @property
    def memory_base(self) -> int: ...

    @property
    def memory_size(self) -> int: ...

    @property
    def memory(self) -> Bytes | None: ...

    @property
    def cycles(self) -> int | None: ...

    def read_memory(self, address: int, size: int) -> bytes:
        """``size`` bytes from device address ``address``; raises :class:`hwacc.errors.DeviceError` outside the window."""
        ...

    def write_memory(self, address: int, data: bytes | bytearray | memoryview | NDArray[Any]) -> None:
        """Writes bytes to device memory; raises :class:`hwacc.errors.DeviceError` outside the window."""
        ...

    def csr_read(self, name: str) -> int:
        """The 32-bit value of the register called ``name`` in :data:`hwacc.csr.BY_NAME`."""
        ...

    def csr_write(self, name: str, value: int) -> None:
        """Writes 32 bits to the register called ``name``."""
        ...

    def advance(self, max_cycles: int) -> bool:
        """Lets the device run until its interrupt is high, but at most ``max_cycles``; whether it is high."""
        ...

    def close(self) -> None:
        """Gives the device back; may be called twice."""
        ...
