"""What the user wants of ``--quantize``, and what calibration found: plain data, for every part of the compiler and its callers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Range = tuple[float, float]
"""Least and largest value of an activation."""

TYPES = ("int8",)
"""What floats can be quantised to."""

ACTIVATIONS, LAYERS = "activations", "layers"
WATCHES = ("", ACTIVATIONS, LAYERS)
WATCHED = "watched:"
"""Begins the names of the outputs that a watched program has beside the model's own."""
FLOAT_RESULT, INT8_RESULT = ".float", ".int8"
"""End the names of a layer's two results."""


@dataclass(frozen=True)
class Quantisation:
    """How a float model is quantised.

    ``ranges`` holds for activations, by name, the range that calibration saw; what has none is quantised row by row, at run time.
    ``keep`` names layers that stay float. ``watch`` asks for a program to measure with instead: one in floats that returns, after
    the model's own outputs, the ``activations`` of every layer, or for each of the ``layers`` its result and what int8 would make
    of the same activations.
    """

    ranges: Mapping[str, Range] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    watch: str = ""

    def __post_init__(self) -> None:
        assert self.watch in WATCHES

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Quantisation:
        """The reverse of :meth:`to_dict`."""
        ranges = {name: (float(low), float(high)) for name, (low, high) in values["ranges"].items()}
        return cls(ranges, tuple(values["keep"]), values["watch"])
