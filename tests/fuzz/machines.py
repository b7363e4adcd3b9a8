"""The model and the RTL side by side: the same stream, the same memory, every byte compared."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.driver.completion import Completion
from hwacc.driver.device import Device
from hwacc.errors import SubmissionError
from hwacc.sim.simulator import Stalls
from hwacc.stream import Stream

MEMORY_BYTES = 1 << 18
MOST_CYCLES = 1_000_000
"""Of a submission, held by the device: far more than any valid random stream takes."""
UNBALANCED = "the causes of its cycle account do not sum to its cycles"
HANG_CYCLES = 2 * MOST_CYCLES
"""Without an answer after as many the device hangs, and the driver raises."""


@dataclass(frozen=True)
class Outcome:
    """How a submission ended on one device, and all of its memory but for the completion record, whose cycles differ.

    ``balanced`` says that the causes of the record's cycle account sum to its cycles.
    """

    status: isa.Status
    words: str
    memory: NDArray[np.uint8]
    balanced: bool


class Pair:
    """Both devices, opened with the same memory; the RTL's has a random latency and random back-pressure."""

    def __init__(self, config: ArrayConfig, seed: int) -> None:
        rng = random.Random(seed)
        latency = rng.choice((1, 3, 20, 100))
        self.model = Device.open("model", config, memory_bytes=MEMORY_BYTES)
        self.sim = Device.open("sim", config, memory_bytes=MEMORY_BYTES, memory_latency=latency, stalls=_random_stalls(rng))
        self.sim.set_time_limit(MOST_CYCLES)

    def difference(self, stream: Stream, contents: Sequence[NDArray[np.uint8]]) -> str | None:
        """Runs a valid ``stream`` on both; what is wrong in words, or None."""
        outcomes = [outcome(device, stream, contents) for device in (self.model, self.sim)]
        for device, found in zip((self.model, self.sim), outcomes):
            if found.status is not isa.Status.OK:
                return f"{device.name} refuses a valid stream: {found.words}"
            if not found.balanced:
                return f"{device.name}: {UNBALANCED}"
        return first_difference(outcomes[0].memory, outcomes[1].memory)

    def close(self) -> None:
        """Closes both."""
        self.model.close()
        self.sim.close()

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def outcome(device: Device, stream: Stream, contents: Sequence[NDArray[np.uint8]], *, verify: bool = True) -> Outcome:
    """Runs ``stream``, valid or not, then without ``verify``; raises :class:`hwacc.errors.DeviceTimeoutError` if the device hangs."""
    memory = device.transport.memory
    assert memory is not None
    buffers = [device.place(content) for content in contents]
    try:
        submission = device.submit(stream, buffers, verify=verify)
        record = submission.record.address - device.transport.memory_base
        try:
            status, words = submission.wait(max_cycles=HANG_CYCLES).status, ""
        except SubmissionError as error:
            status, words = isa.Status(error.status), str(error)
        completion = Completion.from_bytes(memory[record : record + isa.COMPLETION_BYTES].tobytes())
        balanced = completion is None or sum(completion.account.values()) == completion.cycles
        memory[record : record + isa.COMPLETION_BYTES] = 0
    finally:
        for buffer in buffers:
            buffer.free()
    return Outcome(status, words, memory.copy(), balanced)


def first_difference(model: NDArray[np.uint8], sim: NDArray[np.uint8]) -> str | None:
    """Where two memories differ, in words; None if nowhere."""
    where = np.flatnonzero(model != sim)
    if not where.size:
        return None
    first = int(where[0])
    return f"{where.size} bytes of memory differ, the first at {first:#x}: model {model[first]:#04x}, sim {sim[first]:#04x}"


def _random_stalls(rng: random.Random) -> Stalls:
    if rng.random() < 0.3:
        return Stalls()
    return Stalls(**{channel: rng.choice((0.0, 0.1, 0.5, 0.8)) for channel in ("ar", "aw", "w", "r", "b")}, seed=rng.randint(1, 2**31))
