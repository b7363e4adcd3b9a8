"""A window of device memory that the host can map: bounds checks in one place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.driver.transport import Bytes
from hwacc.errors import DeviceError


class MappedWindow:
    """The memory of a :class:`hwacc.driver.transport.Transport`: bytes of ``memory`` at device addresses from ``memory_base`` upwards."""

    def __init__(self, memory: Bytes, memory_base: int = 0) -> None:
        self._bytes = memory
        self.memory_base = memory_base

    @property
    def memory(self) -> Bytes:
        """The memory itself."""
        return self._bytes

    @property
    def memory_size(self) -> int:
        """Bytes of memory."""
        return self._bytes.size

    def read_memory(self, address: int, size: int) -> bytes:
        """``size`` bytes from ``address``; raises :class:`DeviceError` outside the window."""
        return self._slice(address, size).tobytes()

    def write_memory(self, address: int, data: bytes | bytearray | memoryview | NDArray[Any]) -> None:
        """Writes ``data`` at ``address``; raises :class:`DeviceError` outside the window."""
        raw = np.ascontiguousarray(data).reshape(-1).view(np.uint8) if isinstance(data, np.ndarray) else np.frombuffer(data, np.uint8)
        self._slice(address, raw.size)[:] = raw

    def _slice(self, address: int, size: int) -> Bytes:
        start = address - self.memory_base
        if start < 0 or size < 0 or start + size > self._bytes.size:
            end = self.memory_base + self._bytes.size
            raise DeviceError(f"{size} bytes at {address:#x} lie outside device memory, {self.memory_base:#x} to {end:#x}")
        return self._bytes[start : start + size]
