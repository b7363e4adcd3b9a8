"""What a call of ``hwacc run`` did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwacc.coordinator.check import Check
    from hwacc.coordinator.quantisation_errors import QuantisationErrors
    from hwacc.coordinator.runner import Run
    from hwacc.program import Program


@dataclass(frozen=True)
class Session:
    """Everything that the reports need.

    ``array`` says what simulated the array, None where nothing did. ``runs`` has an entry for each set of inputs; ``best`` the
    best labels of each run, where there are labels; ``seed`` is None where the inputs came from files. ``errors`` say how far a
    quantised model is from float, where that was asked for.
    """

    program: Program
    device: str
    array: str | None
    runs: list[Run]
    check: Check | None
    seed: int | None
    best: list[list[tuple[str, float]]]
    errors: QuantisationErrors | None = None
