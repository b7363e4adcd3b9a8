"""Compares what the device did with what the model says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwacc import isa
from hwacc.driver.completion import Completion
from hwacc.driver.transports.functional import Outcome


class Checker:
    """Every byte of memory outside of ``ignored``, and the record's verdict."""

    def __init__(self, *ignored: range) -> None:
        self._ignored = ignored

    def memory(self, found: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
        """Fails, naming the first address that differs."""
        differs = found != expected
        for span in self._ignored:
            differs[span.start : span.stop] = False
        where = np.flatnonzero(differs)
        assert not where.size, (
            f"{where.size} bytes of memory differ, the first at {where[0]:#x}: {found[where[0]]:#04x}, should be {expected[where[0]]:#04x}"
        )

    def completion(self, found: Completion, expected: Outcome) -> None:
        """Fails where status, engine or descriptor differ, or where the causes do not sum to the cycles."""
        verdict = (found.status, found.engine, found.descriptor)
        assert verdict == (expected.status, expected.engine, expected.descriptor), f"{verdict}, should be {expected}"
        assert found.cycles > 0
        assert sum(found.account.values()) == found.cycles, found
        if expected.status is isa.Status.OK:
            assert found.bytes_written == expected.counts.bytes_written
