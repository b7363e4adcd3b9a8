"""Runs descriptor streams on the accelerator."""

from __future__ import annotations

from collections.abc import Sequence

from hwacc.coordinator.backend import Launch, Tensor
from hwacc.driver.device import Device
from hwacc.program import Implementation
from hwacc.stream import Stream


class HwaccBackend:
    """One open :class:`Device`. ``max_cycles`` and ``seconds`` limit each task; None takes the driver's limits."""

    name = "hwacc"

    def __init__(self, device: Device, *, max_cycles: int | None = None, seconds: float | None = None) -> None:
        self.device = device
        self._max_cycles = max_cycles
        self._seconds = seconds

    def prepare(self, implementation: Implementation) -> Launch:
        """Decodes the stream; raises :class:`hwacc.errors.StreamError`."""
        stream = Stream.from_bytes(implementation.code)

        def launch(tensors: Sequence[Tensor]) -> int | None:
            buffers = [tensor.memory for tensor in tensors]
            completion = self.device.run(stream, buffers, max_cycles=self._max_cycles, seconds=self._seconds)
            return completion.cycles if self.device.counts_cycles else None

        return launch
