"""Device memory: who holds which bytes of it."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hwacc.arena import ALIGNMENT
from hwacc.driver.transport import Transport
from hwacc.errors import DeviceError


class Allocator:
    """First fit over ``size`` bytes from ``base``; neighbouring free pieces are joined.

    Blocks begin at multiples of :data:`hwacc.arena.ALIGNMENT` and never overlap.
    """

    def __init__(self, base: int, size: int) -> None:
        start = _round_up(base)
        self._free: list[tuple[int, int]] = [(start, max(0, (base + size - start) // ALIGNMENT * ALIGNMENT))]
        self._held: dict[int, int] = {}
        self.size = self._free[0][1]

    @property
    def free_bytes(self) -> int:
        """Bytes that nobody holds, in all pieces together."""
        return sum(size for _, size in self._free)

    @property
    def largest_bytes(self) -> int:
        """Bytes of the largest free piece."""
        return max((size for _, size in self._free), default=0)

    def allocate(self, size: int) -> int:
        """Address of ``size`` bytes; raises :class:`DeviceError` when there is no piece that large."""
        if size < 0:
            raise DeviceError(f"a buffer cannot have {size} bytes")
        rounded = max(ALIGNMENT, _round_up(size))
        for position, (address, piece) in enumerate(self._free):
            if piece >= rounded:
                self._free[position : position + 1] = [(address + rounded, piece - rounded)] if piece > rounded else []
                self._held[address] = rounded
                return address
        raise DeviceError(
            f"out of device memory: {size} bytes asked for, {self.free_bytes} of {self.size} free, {self.largest_bytes} in one piece; "
            "free buffers or open the device with more memory"
        )

    def free(self, address: int) -> None:
        """Gives a block back; raises :class:`DeviceError` if nobody holds one there."""
        size = self._held.pop(address, None)
        if size is None:
            raise DeviceError(f"no buffer begins at {address:#x}; was it freed twice?")
        self._free = _joined(sorted([*self._free, (address, size)]))


class DeviceBuffer:
    """A block of device memory. Free it, or use it as a context manager."""

    def __init__(self, transport: Transport, allocator: Allocator, size: int) -> None:
        self._transport = transport
        self._allocator = allocator
        self.size = size
        self.address = allocator.allocate(size)
        self._freed = False

    @property
    def freed(self) -> bool:
        """Whether the memory has been given back."""
        return self._freed

    def part(self, offset: int, size: int) -> DeviceBuffer:
        """``size`` bytes of this buffer, from ``offset`` on, as a buffer. They are given back with all of it, and not before."""
        self._check(offset, size)
        return _Part(self, offset, size)

    @property
    def mapped(self) -> bool:
        """Whether :meth:`view` works: the host can see the device's memory."""
        return self._transport.memory is not None

    def belongs_to(self, allocator: Allocator) -> bool:
        """Whether the bytes are of that allocator's memory."""
        return self._allocator is allocator

    def write(self, data: bytes | NDArray[Any], offset: int = 0) -> None:
        """Copies ``data`` to the buffer, ``offset`` bytes from its start."""
        size = data.nbytes if isinstance(data, np.ndarray) else len(data)
        self._check(offset, size)
        self._transport.write_memory(self.address + offset, data)

    def read(self, dtype: DTypeLike, shape: Sequence[int]) -> NDArray[Any]:
        """A copy of the buffer's first bytes as an array."""
        size = _nbytes(dtype, shape)
        self._check(0, size)
        return np.frombuffer(self._transport.read_memory(self.address, size), dtype).reshape(shape).copy()

    def view(self, dtype: DTypeLike, shape: Sequence[int]) -> NDArray[Any]:
        """The buffer's first bytes as an array that shares them; raises :class:`DeviceError` unless :attr:`mapped`."""
        memory = self._transport.memory
        if memory is None:
            raise DeviceError("this device's memory cannot be mapped by the host; use read and write")
        size = _nbytes(dtype, shape)
        self._check(0, size)
        start = self.address - self._transport.memory_base
        return memory[start : start + size].view(dtype).reshape(shape)

    def free(self) -> None:
        """Gives the memory back; may be called twice."""
        if not self.freed:
            self._allocator.free(self.address)
            self._freed = True

    def _check(self, offset: int, size: int) -> None:
        if self.freed:
            raise DeviceError(f"the buffer at {self.address:#x} has been freed")
        if offset < 0 or size < 0 or offset + size > self.size:
            raise DeviceError(f"{size} bytes at offset {offset} do not fit into a buffer of {self.size} bytes")

    def __enter__(self) -> DeviceBuffer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.free()


class _Part(DeviceBuffer):
    """Bytes of another buffer."""

    def __init__(self, whole: DeviceBuffer, offset: int, size: int) -> None:
        self._transport = whole._transport
        self._allocator = whole._allocator
        self._whole = whole
        self.size = size
        self.address = whole.address + offset

    @property
    def freed(self) -> bool:
        return self._whole.freed

    def free(self) -> None:
        """Does nothing: the whole buffer is freed, not its parts."""


def _round_up(value: int) -> int:
    return -(-value // ALIGNMENT) * ALIGNMENT


def _nbytes(dtype: DTypeLike, shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize


def _joined(pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for address, size in pieces:
        if joined and sum(joined[-1]) == address:
            joined[-1] = (joined[-1][0], joined[-1][1] + size)
        else:
            joined.append((address, size))
    return joined
