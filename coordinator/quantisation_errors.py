"""How far a quantised model is from the floats that it came from.

Two questions, as other quantisers ask them. *Each layer by itself*: on the activations that the float model has, what does rounding to
int8 do to this layer's result? That finds the layer at fault. *The model*: how far are the outputs of the whole quantised model?
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.coordinator.calibration import Sample
from hwacc.coordinator.host_program import HostProgram
from hwacc.program import Program

Outputs = Sequence[NDArray[Any]]


@dataclass(frozen=True)
class Deviation:
    """How far numbers are from those that are right.

    ``sqnr_db``: ratio of signal to error, 10·log10(sum(right²) / sum(error²)); None where they are equal, as infinity is no JSON.
    ``max_abs``: largest difference. ``relative``: largest difference by the largest magnitude that is right. ``cosine``: of the
    angle between the two as vectors, the worst sample's. Where right is not finite, nothing counts; where only the other is
    not, all is lost: the ratio is minus infinity, here -999.
    """

    name: str
    shape: tuple[int, ...]
    sqnr_db: float | None
    max_abs: float
    relative: float
    cosine: float


@dataclass(frozen=True)
class QuantisationErrors:
    """The report: ``samples`` inputs, each layer by itself, and the outputs of the whole model."""

    samples: int
    layers: tuple[Deviation, ...]
    outputs: tuple[Deviation, ...]

    def to_dict(self) -> dict[str, Any]:
        """As data."""
        return asdict(self)


LOST = -999.0
"""Ratio in decibels where the result is not finite."""


class Comparison:
    """Adds up how far numbers are from those that are right."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._shape: tuple[int, ...] = ()
        self._signal = self._error = self._largest = self._difference = 0.0
        self._cosine = 1.0

    def add(self, right: NDArray[Any], found: NDArray[Any]) -> None:
        """One sample."""
        self._shape = right.shape
        known = np.isfinite(right)
        a, b = right[known].astype(np.float64), found[known].astype(np.float64)
        error = a - b
        self._signal += float(a @ a)
        self._error += float(error @ error) if np.isfinite(b).all() else math.inf
        self._largest = max(self._largest, float(np.abs(a).max(initial=0)))
        self._difference = max(self._difference, float(np.abs(error).max(initial=0)) if np.isfinite(b).all() else math.inf)
        self._cosine = min(self._cosine, cosine(a, b))

    def result(self) -> Deviation:
        """The sum of all."""
        if not math.isfinite(self._error):
            return Deviation(self.name, self._shape, LOST, float(np.finfo(np.float64).max), float(np.finfo(np.float64).max), 0.0)
        relative = self._difference / self._largest if self._largest else self._difference
        return Deviation(self.name, self._shape, decibels(self._signal, self._error), self._difference, relative, self._cosine)


def decibels(signal: float, error: float) -> float | None:
    """The ratio of the two energies; None if there is no error."""
    if not error:
        return None
    return 10 * math.log10(signal / error) if signal else LOST


def cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Of the angle between two vectors; 1 where both are zero, 0 where one is or is not finite."""
    if not np.isfinite(b).all():
        return 0.0
    lengths = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    if not all(lengths):
        return float(lengths[0] == lengths[1])
    return float((a / lengths[0]) @ (b / lengths[1]))


class ErrorMeter:
    """Measures a quantised model sample by sample.

    ``watched`` is the float program that returns for each layer, under a name that begins with ``prefix`` and ends with one of
    ``suffixes``, its result and what int8 makes of it; it has CPU code for every task.
    """

    def __init__(self, watched: Program, prefix: str, suffixes: tuple[str, str]) -> None:
        self._host = HostProgram(watched)
        names = self._host.names
        self._outputs = [(index, Comparison(name)) for index, name in enumerate(names) if not name.startswith(prefix)]
        self._layers = [
            (index, names.index(name.removesuffix(suffixes[0]) + suffixes[1]), Comparison(name[len(prefix) : -len(suffixes[0])]))
            for index, name in enumerate(names)
            if name.startswith(prefix) and name.endswith(suffixes[0])
        ]
        self._samples = 0

    def add(self, sample: Sample, outputs: Outputs) -> None:
        """One sample, and what the quantised model made of it."""
        self._samples += 1
        right = self._host.run(sample)
        for (index, comparison), found in zip(self._outputs, outputs):
            comparison.add(right[index], found)
        for index, other, comparison in self._layers:
            comparison.add(right[index], right[other])

    def result(self) -> QuantisationErrors:
        """The report."""
        layers, outputs = (tuple(each[-1].result() for each in group) for group in (self._layers, self._outputs))
        return QuantisationErrors(self._samples, layers, outputs)
