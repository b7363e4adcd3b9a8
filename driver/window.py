"""A window of device memory that the host can map: bounds checks in one place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.driver.transport import Bytes
from hwacc.errors import DeviceError


class MappedWindow:
    """Bytes of ``memory`` at device addresses from ``base`` upwards."""

    def __init__(self, memory: Bytes, base: int = 0) -> None:
        self.memory = memory
        self.base = base

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes from ``address``; raises :class:`DeviceError` outside the window."""
        return self._slice(address, size).tobytes()

    def write(self, address: int, data: bytes | bytearray | memoryview | NDArray[Any]) -> None:
        """Writes ``data`` at ``address``; raises :class:`DeviceError` outside the window."""
        raw = np.ascontiguousarray(data).reshape(-1).view(np.uint8) if isinstance(data, np.ndarray) else np.frombuffer(data, np.uint8)
        self._slice(address, raw.size)[:] = raw

    def _slice(self, address: int, size: int) -> Bytes:
        start = address - self.base
        if start < 0 or size < 0 or start + size > self.memory.size:
            end = self.base + self.memory.size
            raise DeviceError(f"{size} bytes at {address:#x} lie outside device memory, {self.base:#x} to {end:#x}")
        return self.memory[start : start + size]
