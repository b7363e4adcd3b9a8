"""The bit-exact model behind the same registers and ring as the hardware.

Nothing here knows time: a submission runs to its end within one
:meth:`ModelTransport.advance`. TIME_LIMIT therefore never strikes, and all
cycle counts are 0.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from hwacc import csr, isa
from hwacc.config import ArrayConfig
from hwacc.driver.completion import Completion
from hwacc.driver.transports.functional import FunctionalModel
from hwacc.driver.transports.register_file import RegisterFile
from hwacc.driver.window import MappedWindow
from hwacc.errors import DeviceError

DEFAULT_MEMORY_BYTES = 64 * 2**20


def missing() -> str | None:
    """The model needs nothing beyond NumPy."""
    return None


def open_model(config: ArrayConfig, *, memory_bytes: int = DEFAULT_MEMORY_BYTES) -> ModelTransport:
    """A model with ``memory_bytes`` of memory at address 0; raises :class:`DeviceError` for more than the machine has, or less than 0."""
    if memory_bytes < 0:
        raise DeviceError(f"a device cannot have {memory_bytes} bytes of memory")
    try:
        return ModelTransport(config, memory_bytes)
    except MemoryError:
        raise DeviceError(f"this machine cannot hold {memory_bytes} bytes of device memory; ask for less") from None


class ModelTransport(MappedWindow):
    """A :class:`hwacc.driver.transport.Transport` that executes descriptors with :class:`FunctionalModel`."""

    def __init__(self, config: ArrayConfig, memory_bytes: int) -> None:
        super().__init__(np.zeros(memory_bytes, np.uint8))
        self.config = config
        self._model = FunctionalModel(config)
        self._registers = RegisterFile(csr.constants(config), on_pulse=self._pulse)
        self._taken: list[bytes] = []

    @property
    def cycles(self) -> None:
        """The model counts no cycles."""
        return None

    def csr_read(self, name: str) -> int:
        """The register's value."""
        return self._registers.read(name)

    def csr_write(self, name: str, value: int) -> None:
        """Writes a register as its access says."""
        self._registers.write(name, value)

    def advance(self, max_cycles: int) -> bool:
        """Takes every descriptor in the ring, executing each submission whose END is there; whether the interrupt is high."""
        while not self._interrupt and (raw := self._take()) is not None:
            self._taken.append(raw)
            if raw[0] == isa.END.code:
                self._finish()
        return self._interrupt

    def close(self) -> None:
        """Nothing to give back."""

    @property
    def _interrupt(self) -> bool:
        return bool(self._registers["IRQ_STATUS"] & self._registers["IRQ_ENABLE"])

    def _pulse(self, name: str, value: int) -> None:
        if name == "CONTROL" and csr.BY_NAME["CONTROL"].field("reset").get(value):
            self._registers["RING_HEAD"] = self._registers["RING_TAIL"]
            self._registers["STATUS"] = 0
            self._taken.clear()

    def _take(self) -> bytes | None:
        """The next descriptor of the ring; None if there is none, or not all of it."""
        head, counter = self._registers["RING_HEAD"], csr.BY_NAME["RING_HEAD"].field("value")
        announced = counter.get(self._registers["RING_TAIL"] - head)
        if not announced:
            return None
        self._registers["STATUS"] = 1
        raw = self._entry(head)
        size = isa.size_of(raw)
        count = -(-size // len(raw))
        if count > announced:
            return None
        self._registers["RING_HEAD"] = counter.get(head + count)
        return b"".join([raw, *(self._entry(head + i) for i in range(1, count))])[:size]

    def _entry(self, number: int) -> bytes:
        """Entry ``number`` of the ring, counted as its head is."""
        base = self._registers["RING_BASE_LO"] | self._registers["RING_BASE_HI"] << 32
        size = self.config.entry_bytes
        return self.read_memory((base & -size) + number % (1 << self._registers["RING_LOG2"]) * size, size)

    def _finish(self) -> None:
        *body, last = self._taken
        self._taken = []
        end = isa.decode(last)
        completion = self._execute(body, end["tag"])
        self.write_memory(end["address"], completion.to_bytes())
        self._registers["STATUS"] = 0
        self._registers["LAST_STATUS"] = completion.status
        self._registers["SUBMISSIONS"] = (self._registers["SUBMISSIONS"] + 1) % (1 << 32)
        self._registers["IRQ_STATUS"] = 1 << csr.BY_NAME["IRQ_STATUS"].field("completion").low

    def _execute(self, body: list[bytes], tag: int) -> Completion:
        outcome = self._model.execute(self._bytes, body)
        counters: dict[str, Any] = {field.name: 0 for field in fields(Completion)}
        counters |= {"bytes_read": outcome.counts.bytes_read, "bytes_written": outcome.counts.bytes_written}
        said = {"tag": tag, "status": outcome.status, "engine": outcome.engine, "descriptor": outcome.descriptor}
        return Completion(**{**counters, **said})
