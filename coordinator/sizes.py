"""Programs with unknown sizes: the ordinary program for the sizes that certain inputs have.

The inputs tell the unknowns. Then every buffer has a size, an intermediate one its place in the
arena, and host code writes the stream of each array task. CPU code takes sizes as they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from hwacc.coordinator.backends.stream_writer import StreamWriter
from hwacc.errors import HwaccError, InputError, ProgramError
from hwacc.program import Buffer, Implementation, Program, Task, describe_shape

Shape = tuple[int, ...]
Sizes = dict[int, int]
"""What each unknown, a negative number, is."""
PRODUCTS = ("dense", "gemm")
"""Kinds of tasks whose MACs are the product of their extent."""


class SizedPrograms:
    """A program, and the ordinary programs that it is for certain sizes. Code is compiled once; the last program is kept."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._writers: dict[bytes, StreamWriter] = {}
        self._last: tuple[Sizes | None, Program] = ({} if program.is_static else None, program)

    def for_shapes(self, shapes: Sequence[Shape]) -> Program:
        """The program for inputs of these shapes, in the program's order.

        Raises :class:`InputError` where their shapes do not fit the program or one another, or ask for what the array cannot do.
        """
        sizes = told_sizes(self.program, shapes)
        if sizes != self._last[0]:
            self._last = sizes, self._sized(sizes)
        return self._last[1]

    def _sized(self, sizes: Sizes) -> Program:
        buffers = tuple(replace(buffer, shape=known(buffer.shape, sizes)) for buffer in self.program.buffers)
        tasks = tuple(self._task(task, sizes, buffers) for task in self.program.tasks)
        return replace(self.program, buffers=buffers, tasks=tasks).with_arena()

    def _task(self, task: Task, sizes: Sizes, buffers: Sequence[Buffer]) -> Task:
        implementations = tuple(self._implementation(task, each, buffers) for each in task.implementations)
        if not task.extent:
            return replace(task, implementations=implementations)
        extent = known(task.extent, sizes)
        macs = prod(extent) if task.kind in PRODUCTS else 0
        return replace(task, implementations=implementations, extent=(), shape=describe_shape(extent), macs=macs)

    def _implementation(self, task: Task, implementation: Implementation, buffers: Sequence[Buffer]) -> Implementation:
        """The stream, where the code writes one; else the code as it is."""
        if not implementation.writes_stream:
            return implementation
        shapes = [buffers[implementation.buffers[position]].shape for position in (0, -1)]
        if [len(shape) for shape in shapes] != [2, 2]:
            raise ProgramError(f"task {task.name} is no matrix product, but has the code of one; compile the model again")
        (m, k), (_, n) = shapes
        if implementation.code not in self._writers:
            self._writers[implementation.code] = StreamWriter(implementation, self.program.config)
        try:
            stream = self._writers[implementation.code].write(m, k, n)
        except HwaccError as error:
            error.args = (f"task {task.name}: {error}", *error.args[1:])
            raise
        return replace(implementation, code=stream, entry="")


def told_sizes(program: Program, shapes: Sequence[Shape]) -> Sizes:
    """What inputs of these shapes tell of the unknowns; raises :class:`InputError` naming the input that does not fit."""
    inputs = [program.buffers[index] for index in program.indices("input")]
    if len(shapes) != len(inputs):
        raise InputError(f"{program.name} has {len(inputs)} inputs, not {len(shapes)}")
    sizes: Sizes = {}
    sources: dict[int, str] = {}
    for buffer, shape in zip(inputs, shapes):
        if len(shape) != len(buffer.shape):
            raise InputError(
                f"input {buffer.name} must have {len(buffer.shape)} dimensions ({describe_shape(buffer.shape)}), not {len(shape)}"
            )
        for axis, (wanted, found) in enumerate(zip(buffer.shape, shape)):
            if found < 1:
                raise InputError(f"dimension {axis} of input {buffer.name} must be at least 1, not {found}")
            size = sizes.setdefault(wanted, found) if wanted < 0 else wanted
            source = sources.setdefault(wanted, f", as dimension {axis} of {buffer.name} is") if wanted < 0 else ""
            if size != found:
                raise InputError(f"dimension {axis} of input {buffer.name} must be {size}{source}, not {found}")
    return sizes


def known(shape: Shape, sizes: Sizes) -> Shape:
    """``shape`` with the value of each unknown."""
    return tuple(sizes.get(size, size) for size in shape)
