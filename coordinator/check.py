"""Holds results against tflite-micro, the interpreter that is exact for int8 models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.errors import MissingToolError, ModelError

REFERENCE = "tflite-micro"
ARENA_BYTES = 64 * 2**20
"""Working memory for the interpreter: far more than a microcontroller's model needs."""


@dataclass(frozen=True)
class Check:
    """A comparison, element by element: equal means the same bits."""

    reference: str
    inputs: int
    elements: int
    mismatches: int


class ReferenceInterpreter:
    """tflite-micro running ``path``; raises :class:`MissingToolError` or :class:`ModelError`."""

    name = REFERENCE

    def __init__(self, path: Path) -> None:
        runtime = _runtime()
        try:
            self._interpreter = runtime.Interpreter.from_bytes(path.read_bytes(), arena_size=ARENA_BYTES)
        except OSError as error:
            raise ModelError(f"{path}: {error.strerror}") from None
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{path}: {REFERENCE} cannot run this model ({error}); run without --check") from None

    def run(self, inputs: Sequence[NDArray[Any]], outputs: int) -> list[NDArray[Any]]:
        """The model's first ``outputs`` outputs for one set of inputs, in the model's order."""
        for index, array in enumerate(inputs):
            self._interpreter.set_input(array, index)
        self._interpreter.invoke()
        return [np.array(self._interpreter.get_output(index)) for index in range(outputs)]

    def check(self, sets: Sequence[Sequence[NDArray[Any]]], results: Sequence[Sequence[NDArray[Any]]]) -> Check:
        """Runs each set of inputs and compares with its ``results``; an output of another shape or dtype mismatches whole."""
        elements = mismatches = 0
        for inputs, outputs in zip(sets, results):
            for expected, found in zip(self.run(inputs, len(outputs)), outputs):
                elements += expected.size
                mismatches += _differing(expected, found)
        return Check(REFERENCE, len(sets), elements, mismatches)


def _differing(expected: NDArray[Any], found: NDArray[Any]) -> int:
    if expected.dtype != found.dtype or expected.shape != found.shape:
        return int(expected.size)
    width = expected.dtype.itemsize
    return int((expected.view(f"u{width}") != found.view(f"u{width}")).sum())


def _runtime() -> Any:
    try:
        from tflite_micro.python.tflite_micro import runtime  # type: ignore[import-untyped]
    except ImportError:
        raise MissingToolError(f"--check needs {REFERENCE}: pip install 'hwacc[check]'") from None
    return runtime
