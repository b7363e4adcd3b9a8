"""Where each buffer of a program lives when C code runs it.

What the array reads or writes, and every intermediate, lies in one block of
device memory, the *arena*: first the program's own arena, then what has no
place in that, one behind the other. Constants that the array needs are copied
there once. What only the CPU touches stays where it is: constants in the
object, inputs and outputs with the caller.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from hwacc.arena import room
from hwacc.chain import submissions
from hwacc.errors import ProgramError
from hwacc.program import BACKENDS, Implementation, Program, Task, describe_shape
from hwacc.shared_bytes import joined
from hwacc.stream import Stream
from hwacc.task_order import Choice, in_order, names_of


@dataclass(frozen=True)
class Step:
    """What runs at once: a task of the CPU, or tasks of the array in one submission. ``name`` says which, in a message."""

    name: str
    code: Implementation


@dataclass(frozen=True)
class Layout:
    """``offsets`` has the place in the arena of each buffer that lies there, and of no other. ``size`` is the arena's, in bytes."""

    steps: tuple[Step, ...]
    offsets: dict[int, int]
    size: int


def lay_out(program: Program) -> Layout:
    """The layout of ``program``; of each task the first implementation runs, in the coordinator's order.

    Raises :class:`ProgramError`, also for a program with unknown sizes.
    """
    for buffer in program.buffers:
        if not buffer.is_static:
            raise ProgramError(
                f"no object file: the size of {buffer.name} ({describe_shape(buffer.shape)}) is not known; fix it in the model"
            )
    order = in_order([(task, _chosen(task)) for task in program.tasks])
    offsets, size = _places(program, order)
    return Layout(tuple(_steps(order, offsets)), offsets, size)


def _places(program: Program, order: list[Choice]) -> tuple[dict[int, int], int]:
    """The place of each buffer that lies in the arena, and the arena's size."""
    used = {index for _, code in order for index in code.buffers}
    on_array = {index for _, code in order if code.backend == "hwacc" for index in code.buffers}
    offsets: dict[int, int] = {}
    size = program.arena_size
    for index, buffer in enumerate(program.buffers):
        if index not in used or (buffer.role != "intermediate" and index not in on_array):
            continue
        offsets[index] = size if buffer.offset is None else buffer.offset
        size += room(buffer.size) if buffer.offset is None else 0
    return offsets, size


def _steps(order: list[Choice], offsets: dict[int, int]) -> Iterator[Step]:
    """What runs, in its order. Buffers of a submission that share bytes are one to the C driver, at the lowest one's place."""
    for backend, group in groupby(order, lambda choice: choice[1].backend):
        row = list(group)
        if backend != "hwacc":
            yield from (Step(names_of([choice]), choice[1]) for choice in row)
            continue
        for linked, buffers in submissions([(Stream.from_bytes(code.code, task.name), code.buffers) for task, code in row]):
            stream, lowest = joined(linked, [offsets[index] for index in buffers])
            yield Step(names_of(row), Implementation(backend, tuple(buffers[slot] for slot in lowest), stream.to_bytes()))


def _chosen(task: Task) -> Implementation:
    for code in task.implementations:
        if code.backend in BACKENDS:
            return code
    return task.implementation(BACKENDS[0])  # raises
