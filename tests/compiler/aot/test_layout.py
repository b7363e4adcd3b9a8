"""Where buffers lie: no two that live at the same time share a byte."""

from __future__ import annotations

import random

import pytest

from hwacc.compiler.aot.layout import ALIGNMENT, lay_out
from hwacc.config import TINY
from hwacc.errors import ProgramError
from hwacc.program import Buffer, Implementation, Program, Task
from tests.coordinator.programs import scale_and_copy


def task(number: int, backend: str, reads: tuple[int, ...], write: int) -> Task:
    code = Implementation(backend, (*reads, write), b"")
    return Task(f"t{number}", "other", "", 0, reads, (write,), (code,))


def random_program(rng: random.Random) -> Program:
    """A chain of tasks, each of which reads some earlier buffers and writes a new one; the last is the output."""
    buffers = [Buffer("in", "input", "int8", (rng.randint(1, 300),)), Buffer("c", "constant", "int8", (rng.randint(1, 300),))]
    tasks = []
    for number in range(rng.randint(1, 12)):
        reads = tuple(rng.sample(range(len(buffers)), rng.randint(1, min(3, len(buffers)))))
        tasks.append(task(number, rng.choice(["cpu", "hwacc"]), reads, len(buffers)))
        buffers.append(Buffer(f"b{number}", "intermediate", "int8", (rng.randint(1, 300),)))
    buffers[-1] = Buffer("out", "output", "int8", buffers[-1].shape)
    return Program("chain", TINY, tuple(buffers), tuple(tasks))


@pytest.mark.parametrize("seed", range(30))
def test_what_a_task_reads_is_what_was_written_there(seed: int) -> None:
    """Runs the program on a memory of names: each byte knows which buffer it holds."""
    print("seed", seed)  # noqa: T201
    program = random_program(random.Random(seed))
    layout = lay_out(program)
    memory: list[int | None] = [None] * layout.size

    def place(index: int) -> slice:
        assert layout.offsets[index] % ALIGNMENT == 0
        return slice(layout.offsets[index], layout.offsets[index] + program.buffers[index].size)

    def fill(index: int) -> None:
        if index in layout.offsets:
            memory[place(index)] = [index] * program.buffers[index].size

    for index, buffer in enumerate(program.buffers):
        if buffer.role in ("input", "constant"):
            fill(index)
    for step in layout.steps:
        *reads, write = step.code.buffers
        fill(write)
        for index in reads:
            if index in layout.offsets:
                assert set(memory[place(index)]) == {index}
            else:
                assert step.code.backend == "cpu" and program.buffers[index].role != "intermediate"
    for index in (*program.indices("constant"), *program.indices("output")):
        if index in layout.offsets:
            assert set(memory[place(index)]) == {index}, "constants outlive a run, and outputs are copied at its end"
    assert len(memory) == layout.size


def test_what_is_no_longer_needed_is_written_over() -> None:
    sizes = [64] * 6
    buffers = [Buffer("in", "input", "int8", (64,)), *(Buffer(f"b{i}", "intermediate", "int8", (size,)) for i, size in enumerate(sizes))]
    buffers[-1] = Buffer("out", "output", "int8", (64,))
    tasks = tuple(task(i, "hwacc", (i,), i + 1) for i in range(6))
    assert lay_out(Program("chain", TINY, tuple(buffers), tasks)).size == 128


def test_what_only_the_cpu_touches_is_not_in_device_memory() -> None:
    program = scale_and_copy()
    assert set(lay_out(program).offsets) == {2, 3}, "neither the picture nor the factors"


def test_a_task_without_code_is_named() -> None:
    program = scale_and_copy()
    bare = Task("bare", "other", "", 0, (0,), (2,), ())
    with pytest.raises(ProgramError, match=r"^task bare has no implementation for 'hwacc'$"):
        lay_out(Program("x", TINY, program.buffers, (bare,)))
