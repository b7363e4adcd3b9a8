"""One accelerator: opened by name, given streams, asked for completions."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from hwacc import csr, isa, verifier
from hwacc.config import ArrayConfig
from hwacc.driver.buffers import Allocator, DeviceBuffer
from hwacc.driver.completion import Completion
from hwacc.driver.devices import open_transport
from hwacc.driver.queue import SubmissionQueue
from hwacc.driver.registers import Registers
from hwacc.driver.submission import Submission
from hwacc.driver.transport import Transport
from hwacc.errors import ConfigError, DeviceError
from hwacc.shared_bytes import joined, share
from hwacc.stream import Stream

DEFAULT_RING_LOG2 = 10


class Device:
    """An open accelerator. Close it, or use it as a context manager.

    config
        The configuration that the device publishes in its registers.
    registers
        Handles by name, such as ``device.registers["RING_TAIL"].read()``.
    transport
        The way to it.
    """

    def __init__(self, transport: Transport, name: str = "device", *, ring_log2: int = DEFAULT_RING_LOG2) -> None:
        self.name = name
        self.transport = transport
        self.registers = Registers(transport)
        self.config = _identify(self.registers, name)
        _require_reach(transport, self.config, name)
        self._verified: WeakValueDictionary[tuple[int, ...], Stream] = WeakValueDictionary()
        self._allocator = Allocator(transport.memory_base, transport.memory_size)
        self._queue = SubmissionQueue(transport, self.registers, self._allocator, self.config, ring_log2=ring_log2, name=name)

    @classmethod
    def open(cls, name: str, config: ArrayConfig, *, ring_log2: int = DEFAULT_RING_LOG2, **options: Any) -> Device:
        """Opens the device called ``name`` (see :mod:`hwacc.driver.devices`) and checks that it is ``config``.

        ``options`` go to the device's factory. Raises :class:`DeviceError` for an unknown device or option,
        :class:`ConfigError` if the device is of another configuration or speaks another descriptor format.
        """
        transport = open_transport(name, config, **options)
        try:
            device = cls(transport, name, ring_log2=ring_log2)
            device.require(config)
        except BaseException:
            transport.close()
            raise
        return device

    def require(self, config: ArrayConfig) -> None:
        """Raises :class:`ConfigError`, saying what differs, unless the device is ``config``."""
        if self.config != config:
            raise ConfigError(f"device {self.name!r} has another configuration than wanted: {config.difference(self.config)}")

    @property
    def free_bytes(self) -> int:
        """Bytes of device memory that nobody holds."""
        return self._allocator.free_bytes

    @property
    def counts_cycles(self) -> bool:
        """Whether cycles and counters of a :class:`Completion` mean anything."""
        return self.transport.cycles is not None

    def allocate(self, size: int) -> DeviceBuffer:
        """``size`` bytes of device memory; raises :class:`DeviceError` when there is no room."""
        return DeviceBuffer(self.transport, self._allocator, size)

    def place(self, array: NDArray[Any]) -> DeviceBuffer:
        """A new buffer that holds a copy of ``array``."""
        buffer = self.allocate(array.nbytes)
        buffer.write(np.ascontiguousarray(array))
        return buffer

    def set_time_limit(self, cycles: int) -> None:
        """Most cycles of each later submission, held by the device itself; 0 is no limit."""
        self.registers["TIME_LIMIT"].write(cycles)

    def submit(self, stream: Stream, buffers: Sequence[DeviceBuffer], *, shared: bool = False, verify: bool = True) -> Submission:
        """Starts a stream whose slots are ``buffers`` and returns at once. What it writes must not overlap its other buffers.

        With ``shared``, which is for tasks in a row that hold bytes in turn, it may: then the verifier looks whether tokens order all
        accesses to the same bytes. Whether they are ordered as they are meant to be, it cannot know.

        The stream is verified first, once for each stream; ``verify=False`` leaves that out, for tests of what a device does
        with a bad one. Raises :class:`ConfigError` if the stream was made for another configuration, :class:`DeviceError`
        if a buffer is freed, too small, of another device or overlaps one that the stream writes,
        :class:`hwacc.errors.StreamError` if their number is wrong or the verifier refuses the stream.
        """
        if stream.config_hash != self.config.hash:
            raise ConfigError(
                f"the stream was compiled for configuration {stream.config_hash:#010x}, device {self.name!r} is "
                f"{self.config.hash:#010x} ({self.config.rows}×{self.config.cols}); compile it for this device"
            )
        descriptors = stream.relocated([buffer.address for buffer in buffers])
        self._check_buffers(stream, buffers)
        if not shared:
            self._check_overlap(stream, buffers)
        if verify:
            self._verify(stream, [buffer.address for buffer in buffers] if shared else [])
        return self._queue.launch(descriptors)

    def run(
        self,
        stream: Stream,
        buffers: Sequence[DeviceBuffer],
        *,
        max_cycles: int | None = None,
        seconds: float | None = None,
        shared: bool = False,
        verify: bool = True,
    ) -> Completion:
        """Submits and waits, with limits as in :meth:`Submission.wait`."""
        return self.submit(stream, buffers, shared=shared, verify=verify).wait(max_cycles=max_cycles, seconds=seconds)

    def _check_buffers(self, stream: Stream, buffers: Sequence[DeviceBuffer]) -> None:
        for slot, buffer in zip(stream.slots, buffers):
            if buffer.freed:
                raise DeviceError(f"buffer {slot.name!r} of the stream has been freed")
            if not buffer.belongs_to(self._allocator):
                raise DeviceError(f"buffer {slot.name!r} of the stream is in the memory of another device than {self.name!r}")
            if buffer.size < slot.size:
                raise DeviceError(f"buffer {slot.name!r} of the stream needs {slot.size} bytes, not {buffer.size}")

    def _check_overlap(self, stream: Stream, buffers: Sequence[DeviceBuffer]) -> None:
        ranges = [range(buffer.address, buffer.address + slot.size) for slot, buffer in zip(stream.slots, buffers)]
        stored = {slot for descriptor, slot in zip(stream.descriptors, stream.relocations) if descriptor.op is isa.STORE}
        for one in sorted(slot for slot in stored if slot is not None):
            for other, bytes_ in enumerate(ranges):
                if other != one and max(ranges[one].start, bytes_.start) < min(ranges[one].stop, bytes_.stop):
                    written, also = stream.slots[one].name, stream.slots[other].name
                    raise DeviceError(f"the stream writes buffer {written!r}, which overlaps its buffer {also!r}; give it one of its own")

    def _verify(self, stream: Stream, addresses: Sequence[int]) -> None:
        """Verifies ``stream`` unless this very object has been, with buffers at these ``addresses``: streams do not change.

        Each buffer's bounds are held as they are; races are looked for in bytes, which buffers may share.
        """
        key = id(stream), *addresses
        if self._verified.get(key) is not stream:
            verifier.verify(stream, self.config)
            if addresses and share(stream, addresses):
                verifier.verify(joined(stream, addresses)[0], self.config)
            self._verified[key] = stream

    def reset(self) -> bool:
        """Resets the device, dropping what is outstanding; whether it came back."""
        return self._queue.reset()

    def close(self) -> None:
        """Gives the device back; may be called twice."""
        self.transport.close()

    def __enter__(self) -> Device:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _require_reach(transport: Transport, config: ArrayConfig, name: str) -> None:
    """Raises :class:`ConfigError` if the device cannot address all of its memory: it would wrap around in silence."""
    end = transport.memory_base + transport.memory_size
    if end > 1 << config.address_bits:
        raise ConfigError(f"device {name!r} has {config.address_bits} address bits, too few for memory that ends at {end:#x}; give it more")


def _identify(registers: Registers, name: str) -> ArrayConfig:
    """The configuration that the device publishes; raises if it is not HWACC or speaks another descriptor format."""
    found = registers["ID"].read()
    if found != csr.MAGIC:
        raise DeviceError(f"device {name!r} is not HWACC: its ID register reads {found:#010x}, not {csr.MAGIC:#010x}")
    version = registers["ISA_VERSION"].read()
    if version != isa.VERSION:
        raise ConfigError(f"device {name!r} speaks descriptor format {version}, this driver {isa.VERSION}; rebuild one of them")
    read = {register.name: registers[register.name].read() for register in csr.REGISTERS if register.access is csr.Access.CONSTANT}
    config = csr.config_from_constants(read)
    if config.hash != read["CONFIG_HASH"]:
        raise ConfigError(f"device {name!r} publishes sizes that do not match its hash {read['CONFIG_HASH']:#010x}; rebuild it")
    return config
