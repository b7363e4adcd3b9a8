"""Small programs by hand, and a device whose memory the host cannot map."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
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


def diamond(*, on_host: tuple[int, ...] = ()) -> Program:
    """Six copies: 0 to 1, 1 to 2 and 3, 2 to 4, 3 to 5, 4 to 6. Those that write one of the buffers ``on_host`` are CPU tasks."""
    edges = ((0, 1), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6))
    return copies("diamond", edges, {0: "input", 5: "output", 6: "output"}, on_host)


def copies(name: str, edges: Sequence[tuple[int, int]], roles: Mapping[int, str], on_host: Collection[int] = ()) -> Program:
    """A copy for each of ``edges``, from buffer to buffer; those without one of ``roles`` are intermediates."""
    count = 1 + max(max(edge) for edge in edges)
    buffers = tuple(Buffer(f"buffer {number}", roles.get(number, "intermediate"), "int32", SHAPE) for number in range(count))
    tasks = tuple(Task(f"to {edge[1]}", "gemm", "3x16", 48, edge[:1], edge[1:], (_copy(edge, edge[1] in on_host),)) for edge in edges)
    return Program(name, TINY, buffers, tasks)


def _copy(edge: tuple[int, int], on_host: bool) -> Implementation:
    return Implementation("cpu", edge, b"copy", "entry") if on_host else Implementation("hwacc", edge, copy_stream(PIECES).to_bytes())


class PythonCode:
    """A compiler of host code that knows two functions."""

    def __init__(self) -> None:
        self.compiled = 0

    def prepare(self, implementation: Implementation) -> Callable[[list[NDArray[Any]]], object]:
        """``scale`` of :func:`scale_and_copy`, or ``copy`` of :func:`diamond`."""
        self.compiled += 1

        def scale(arrays: list[NDArray[Any]]) -> None:
            np.multiply(arrays[0], arrays[1], out=arrays[2])

        def copy(arrays: list[NDArray[Any]]) -> None:
            arrays[1][...] = arrays[0]

        return {b"scale": scale, b"copy": copy}[implementation.code]


class Unmapped(ModelTransport):
    """A model behind a link that cannot map memory, such as a serial line."""

    @property
    def memory(self) -> Any:
        """None: nothing to see from here."""
        return None
