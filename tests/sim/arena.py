"""A stream whose buffers lie at odd addresses of one block of memory, so that every byte around them is seen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hwacc.driver.device import Device
from hwacc.stream import Slot, Stream

WIDEST_GAP = 40
"""Bytes between two buffers, at most; at least none. Two beats and more of the narrow bus of the tests."""


class Arena:
    """One device buffer with random content, in which every stream's buffers are placed anew."""

    def __init__(self, device: Device, size: int) -> None:
        self.device = device
        self.buffer = device.allocate(size)

    def run(
        self, stream: Stream, contents: Mapping[str, NDArray[np.uint8]], rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], dict[str, slice]]:
        """The arena before and after the stream ran, and where each buffer of ``contents`` is in it."""
        places, end = {}, int(rng.integers(WIDEST_GAP))
        for slot in stream.slots:
            places[slot.name] = slice(end, end + slot.size)
            end += slot.size + int(rng.integers(WIDEST_GAP))
        memory = self.buffer.view(np.uint8, (self.buffer.size,))
        memory[:] = rng.integers(0, 256, memory.size, dtype=np.uint8)
        for name, content in contents.items():
            memory[places[name]] = content
        before = memory.copy()
        self.device.run(self._placed(stream, places), [self.buffer])
        return before, memory.copy(), places

    def _placed(self, stream: Stream, places: Mapping[str, slice]) -> Stream:
        """The stream with the arena as its only buffer."""
        placed = stream.relocated([places[slot.name].start for slot in stream.slots])
        relocations = tuple(None if slot is None else 0 for slot in stream.relocations)
        return Stream(stream.config_hash, (Slot("arena", self.buffer.size),), tuple(placed), relocations)
