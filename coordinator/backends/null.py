"""Does nothing, at once: shows what a backend owes, and lets tests of the coordinator run without any code."""

from __future__ import annotations

from collections.abc import Sequence

from hwacc.coordinator.backend import Launch, Tensor
from hwacc.program import Implementation


class NullBackend:
    """Accepts any implementation and leaves its tensors alone; each launch takes 0 cycles."""

    chains = False

    def __init__(self, name: str = "null") -> None:
        self.name = name

    def prepare(self, implementations: Sequence[Implementation]) -> Launch:
        """A launch that does nothing."""

        def launch(tensors: Sequence[Tensor]) -> int | None:
            return 0

        return launch
