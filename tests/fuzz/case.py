"""One trial: streams, the memory that they begin with, and how the RTL's memory behaves; as a value and as a file."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwacc.config import ArrayConfig
from hwacc.driver.device import DEFAULT_RING_LOG2
from hwacc.sim.simulator import Stalls
from hwacc.stream import Stream

LATENCIES = (1, 3, 20, 100)
PROBABILITIES = (0.0, 0.1, 0.5, 0.8)
RINGS_LOG2 = (DEFAULT_RING_LOG2, DEFAULT_RING_LOG2, 4, 1)
"""With a small ring a descriptor in two entries wraps round it, and the driver feeds the device piece by piece."""


@dataclass(frozen=True)
class Surroundings:
    """What is beside the RTL: memory, its latency in cycles and its back-pressure, and the size of the ring in it."""

    latency: int = 1
    stalls: Stalls = field(default_factory=Stalls)
    ring_log2: int = DEFAULT_RING_LOG2

    @classmethod
    def drawn(cls, rng: random.Random) -> Surroundings:
        """Any; often without back-pressure, so that the engines run at full speed."""
        latency, ring_log2 = rng.choice(LATENCIES), rng.choice(RINGS_LOG2)
        if rng.random() < 0.3:
            return cls(latency, ring_log2=ring_log2)
        stalls = Stalls(**{c: rng.choice(PROBABILITIES) for c in ("ar", "aw", "w", "r", "b")}, seed=rng.randint(1, 2**31))
        return cls(latency, stalls, ring_log2)


@dataclass(frozen=True)
class Case:
    """Submissions ``streams``, all on the same buffers, one after the other without a pause.

    contents
        What the buffers hold at first; one for each slot, of which all streams have the same.
    intruder
        An invalid stream that goes before them, with buffers of its own: what it does to these does not count.
    """

    config: ArrayConfig
    streams: tuple[Stream, ...]
    contents: tuple[NDArray[np.uint8], ...]
    surroundings: Surroundings = field(default_factory=Surroundings)
    intruder: Stream | None = None

    def save(self, path: Path) -> None:
        """Writes the case to ``path``, an ``.npz`` file."""
        head = {
            "config": self.config.to_dict(),
            "latency": self.surroundings.latency,
            "stalls": asdict(self.surroundings.stalls),
            "ring_log2": self.surroundings.ring_log2,
            "streams": len(self.streams),
        }
        arrays = {f"stream{i}": _bytes(stream.to_bytes()) for i, stream in enumerate(self.streams)}
        arrays |= {f"content{i}": content for i, content in enumerate(self.contents)}
        if self.intruder is not None:
            arrays["intruder"] = _bytes(self.intruder.to_bytes())
        np.savez_compressed(path, head=_bytes(json.dumps(head).encode()), **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> Case:
        """Inverse of :meth:`save`."""
        with np.load(path) as file:
            head = json.loads(file["head"].tobytes())
            streams = tuple(Stream.from_bytes(file[f"stream{i}"].tobytes()) for i in range(head["streams"]))
            contents = tuple(file[f"content{i}"] for i in range(sum(name.startswith("content") for name in file.files)))
            intruder = Stream.from_bytes(file["intruder"].tobytes()) if "intruder" in file.files else None
        surroundings = Surroundings(head["latency"], Stalls(**head["stalls"]), head["ring_log2"])
        return cls(ArrayConfig.from_dict(head["config"]), streams, contents, surroundings, intruder)

    def text(self) -> str:
        """All its streams, as ``hwacc disasm`` prints them, and the surroundings."""
        lines = [f"; {self.config.rows}×{self.config.cols}, {self.surroundings}"]
        lines += [] if self.intruder is None else ["; invalid stream:", self.intruder.text()]
        for number, stream in enumerate(self.streams, 1):
            lines += [f"; submission {number} of {len(self.streams)}:", stream.text()]
        return "\n".join(lines)

    def with_streams(self, streams: Sequence[Stream]) -> Case:
        """The same with other submissions."""
        return replace(self, streams=tuple(streams))


def _bytes(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)
