"""What a submission should leave in memory: the functional model on a copy of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.driver.transports.functional import FunctionalModel, Outcome


class Model:
    """An accelerator beside the real one. Its on-chip buffers persist, as the device's do."""

    def __init__(self, config: ArrayConfig) -> None:
        self._model = FunctionalModel(config)

    def run(self, memory: NDArray[np.uint8], descriptors: Sequence[isa.Descriptor | bytes]) -> tuple[NDArray[np.uint8], Outcome]:
        """Memory after the submission, and how it ends; ``memory`` itself stays as it is."""
        after = memory.copy()
        return after, self._model.execute(after, descriptors)
