"""The descriptor ring in device memory, fed in pieces where a stream is longer than the ring."""

from __future__ import annotations

from collections.abc import Iterable

from hwacc import csr, isa
from hwacc.config import ArrayConfig
from hwacc.driver.buffers import Allocator, DeviceBuffer
from hwacc.driver.registers import Registers
from hwacc.driver.transport import Transport
from hwacc.errors import DeviceError

COUNTER_MODULUS = 1 << csr.BY_NAME["RING_TAIL"].field("value").width
MIN_LOG2 = 1
"""Room for a long descriptor."""
MAX_LOG2 = 15
"""Half of the counters' range, so that a full ring and an empty one differ."""


class DescriptorRing:
    """Has ``2 ** log2`` entries of :attr:`ArrayConfig.entry_bytes`; what does not fit yet waits on the host."""

    def __init__(self, transport: Transport, registers: Registers, allocator: Allocator, config: ArrayConfig, log2: int) -> None:
        if not MIN_LOG2 <= log2 <= MAX_LOG2:
            raise DeviceError(f"ring_log2 must be from {MIN_LOG2} to {MAX_LOG2}, not {log2}")
        self.entries = 1 << log2
        self._config = config
        self._log2 = log2
        self._registers = registers
        self._buffer = DeviceBuffer(transport, allocator, self.entries * config.entry_bytes)
        self.restart()

    @property
    def waiting(self) -> int:
        """Entries that are not in the ring yet."""
        return len(self._waiting) // self._config.entry_bytes

    def restart(self) -> None:
        """Tells an idle, freshly reset device where the ring is; forgets what was waiting."""
        self._waiting = b""
        base = self._buffer.address
        self._registers["RING_BASE_LO"].write(base & 0xFFFFFFFF)
        self._registers["RING_BASE_HI"].write(base >> 32)
        self._registers["RING_LOG2"].write(self._log2)
        self._tail = self._registers["RING_HEAD"].field("value")

    def push(self, descriptors: Iterable[isa.Descriptor]) -> None:
        """Takes descriptors and gives the device as much of them as the ring has room for."""
        self._waiting += b"".join(self._config.in_ring(descriptor.encode()) for descriptor in descriptors)
        self.feed()

    def feed(self) -> None:
        """Moves what fits from the host to the ring and rings the doorbell."""
        if not self._waiting:
            return
        head = self._registers["RING_HEAD"].field("value")
        room = self.entries - (self._tail - head) % COUNTER_MODULUS
        count = min(room, self.waiting)
        if count > 0:
            self._write(self._waiting[: count * self._config.entry_bytes])
            self._waiting = self._waiting[count * self._config.entry_bytes :]
            self._tail = (self._tail + count) % COUNTER_MODULUS
            self._registers["RING_TAIL"].write_field("value", self._tail)

    def free(self) -> None:
        """Gives the ring's memory back."""
        self._buffer.free()

    def _write(self, data: bytes) -> None:
        start = self._tail % self.entries * self._config.entry_bytes
        until_wrap = self._buffer.size - start
        self._buffer.write(data[:until_wrap], start)
        if len(data) > until_wrap:
            self._buffer.write(data[until_wrap:], 0)
