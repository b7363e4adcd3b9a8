"""Runs descriptor streams on the accelerator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwacc.chain import submissions
from hwacc.coordinator.backend import Launch, Tensor
from hwacc.driver.device import Device
from hwacc.program import Implementation
from hwacc.stream import Stream


class HwaccBackend:
    """One open :class:`Device`. ``max_cycles`` and ``seconds`` limit each submission; None takes the driver's limits.

    Streams of tasks in a row go to the device as one submission, unless ``chains`` is False.
    """

    name = "hwacc"

    def __init__(self, device: Device, *, max_cycles: int | None = None, seconds: float | None = None, chains: bool = True) -> None:
        self.device = device
        self.chains = chains
        self._max_cycles = max_cycles
        self._seconds = seconds

    def prepare(self, implementations: Sequence[Implementation]) -> Launch:
        """Decodes the streams, and links those that can be; raises :class:`hwacc.errors.StreamError`."""
        found = submissions([(Stream.from_bytes(each.code), each.buffers) for each in implementations])

        def launch(tensors: Sequence[Tensor]) -> int | None:
            memory = dict(zip((buffer for each in implementations for buffer in each.buffers), (tensor.memory for tensor in tensors)))
            limits: dict[str, Any] = {"max_cycles": self._max_cycles, "seconds": self._seconds}
            cycles = 0
            for stream, buffers in found:
                memories = [memory[buffer] for buffer in buffers]
                cycles += self.device.run(stream, memories, **limits, shared=len(implementations) > 1).cycles
            return cycles if self.device.counts_cycles else None

        return launch
