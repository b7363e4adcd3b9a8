"""Small programs by hand, and a device whose memory the host cannot map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.config import TINY
from hwacc.driver.transports.model import ModelTransport
from hwacc.program import Buffer, Implementation, Program, Task
from tests.driver.streams import PIECE, copy_stream

PIECES = 3
SHAPE = (PIECES, PIECE)


def scale_and_copy() -> Program:
    """``output = copy(input * factors)``: a CPU task, then an array task. ``factors`` is a constant for each column."""
    buffers = (
        Buffer("picture", "input", "int32", SHAPE),
        Buffer("factors", "constant", "int32", (PIECE,)),
        Buffer("scaled", "intermediate", "int32", SHAPE),
        Buffer("result", "output", "int32", SHAPE),
    )
    tasks = (
        Task("scale", "other", "3x16", 0, (0, 1), (2,), (Implementation("cpu", (0, 1, 2), b"scale", "entry"),), "not a product"),
        Task("copy", "gemm", "3x16", 48, (2,), (3,), (Implementation("hwacc", (2, 3), copy_stream(PIECES).to_bytes()),)),
    )
    return Program("scale_and_copy", TINY, buffers, tasks, {1: np.arange(-5, PIECE - 5, dtype=np.int32)})


class PythonCode:
    """A compiler of host code that knows one function."""

    def __init__(self) -> None:
        self.compiled = 0

    def prepare(self, implementation: Implementation) -> Callable[[list[NDArray[Any]]], object]:
        """``scale`` of :func:`scale_and_copy`."""
        assert (implementation.code, implementation.entry) == (b"scale", "entry")
        self.compiled += 1

        def scale(arrays: list[NDArray[Any]]) -> None:
            np.multiply(arrays[0], arrays[1], out=arrays[2])

        return scale


class Unmapped(ModelTransport):
    """A model behind a link that cannot map memory, such as a serial line."""

    @property
    def memory(self) -> Any:
        """None: nothing to see from here."""
        return None
