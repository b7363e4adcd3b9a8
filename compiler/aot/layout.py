"""Where each buffer of a program lives when C code runs it.

What the array reads or writes, and every intermediate, lies in one block of
device memory, the *arena*. Buffers whose lives do not overlap share bytes.
Constants that the array needs are copied there once. What only the CPU
touches stays where it is: constants in the object, inputs and outputs with
the caller.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from hwacc.chain import submissions
from hwacc.errors import ProgramError
from hwacc.program import BACKENDS, Implementation, Program, Task, describe_shape
from hwacc.stream import Stream
from hwacc.task_order import Choice, in_order, names_of

ALIGNMENT = 64
"""Of every buffer in the arena, as ``hwacc_alloc`` has it."""


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


@dataclass(frozen=True)
class _Life:
    """The steps during which a buffer of the arena holds something; -1 is before the first."""

    buffer: int
    first: int
    last: int

    def meets(self, other: _Life) -> bool:
        return self.first <= other.last and other.first <= self.last


def lay_out(program: Program) -> Layout:
    """The layout of ``program``; of each task the first implementation runs, in the coordinator's order.

    Raises :class:`ProgramError`, also for a program with unknown sizes.
    """
    for buffer in program.buffers:
        if not buffer.is_static:
            raise ProgramError(
                f"no object file: the size of {buffer.name} ({describe_shape(buffer.shape)}) is not known; fix it in the model"
            )
    steps = tuple(_steps(in_order([(task, _chosen(task)) for task in program.tasks])))
    lives = [life for index in range(len(program.buffers)) if (life := _life(program, steps, index)) is not None]
    offsets: dict[int, int] = {}
    placed: list[_Life] = []
    for life in sorted(lives, key=lambda life: (-program.buffers[life.buffer].size, life.buffer)):
        around = sorted((offsets[other.buffer], _room(program, other.buffer)) for other in placed if life.meets(other))
        offsets[life.buffer] = _first_gap(around, _room(program, life.buffer))
        placed.append(life)
    size = max((offset + _room(program, index) for index, offset in offsets.items()), default=0)
    return Layout(steps, dict(sorted(offsets.items())), size)


def _steps(order: list[Choice]) -> Iterator[Step]:
    for backend, group in groupby(order, lambda choice: choice[1].backend):
        row = list(group)
        if backend != "hwacc":
            yield from (Step(names_of([choice]), choice[1]) for choice in row)
            continue
        for stream, buffers in submissions([(Stream.from_bytes(code.code, task.name), code.buffers) for task, code in row]):
            yield Step(names_of(row), Implementation(backend, tuple(buffers), stream.to_bytes()))


def _chosen(task: Task) -> Implementation:
    for code in task.implementations:
        if code.backend in BACKENDS:
            return code
    return task.implementation(BACKENDS[0])  # raises


def _life(program: Program, steps: tuple[Step, ...], index: int) -> _Life | None:
    """None for what does not lie in the arena."""
    role = program.buffers[index].role
    users = [number for number, step in enumerate(steps) if index in step.code.buffers]
    if not users or (role != "intermediate" and not any(steps[number].code.backend == "hwacc" for number in users)):
        return None
    first = -1 if role in ("constant", "input") else users[0]
    last = len(steps) if role in ("constant", "output") else users[-1]
    return _Life(index, first, last)


def _room(program: Program, index: int) -> int:
    return -(-max(1, program.buffers[index].size) // ALIGNMENT) * ALIGNMENT


def _first_gap(taken: list[tuple[int, int]], wanted: int) -> int:
    """The lowest offset with ``wanted`` bytes free, where ``taken`` are offsets and sizes in order; those may overlap."""
    place = 0
    for offset, size in taken:
        if offset - place >= wanted:
            break
        place = max(place, offset + size)
    return place
