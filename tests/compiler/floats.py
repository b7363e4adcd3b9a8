"""Runs imported float programs on the CPU backend: shared by the tests of importers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.importers.fixed import Fixed
from hwacc.compiler.options import Options
from hwacc.config import TINY
from hwacc.program import Program
from tests.compiler.execution import run_on_cpu, run_on_model


def compiled(path: Path, fixed: Fixed | None = None) -> Program:
    """The program, with CPU code for every task."""
    return Compilation(path, TINY, Options(backends=("hwacc", "cpu"), fixed=fixed or Fixed())).program


def written(folder: Path, text: str | bytes, name: str = "model.mlir") -> Path:
    """A file with that content."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def outputs(program: Program, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
    """The program's outputs from CPU code alone, which are those of the coordinator with the array's model."""
    (alone,) = run_on_cpu(program, [list(inputs)])
    (mixed,) = run_on_model(program, [list(inputs)])
    for one, other in zip(alone, mixed):
        np.testing.assert_array_equal(one, other)
    return alone


def assert_near(found: Sequence[NDArray[Any]], expected: Sequence[NDArray[Any]], tolerance: float) -> None:
    """Each output has the expected dtype and shape, and differs nowhere by more than ``tolerance``."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert one.dtype == other.dtype and one.shape == other.shape
        assert float(np.abs(one.astype(np.float64) - other).max(initial=0)) <= tolerance


def reasons(program: Program) -> set[str]:
    """Why tasks are not on the array; each that is not has a reason."""
    away = [task for task in program.tasks if task.implementations[0].backend != "hwacc"]
    assert all(task.reason for task in away)
    return {task.reason for task in away}
