"""Where buffers lie: no two that live at the same time share a byte."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from hwacc import isa
from hwacc.compiler.aot.layout import ALIGNMENT, lay_out
from hwacc.config import TINY
from hwacc.errors import ProgramError
from hwacc.program import Buffer, Implementation, Program, Task
from hwacc.stream import Slot, Stream
from tests.coordinator.programs import scale_and_copy


def task(number: int, backend: str, reads: tuple[int, ...], write: int) -> Task:
    """A task with a stream, if it is the array's, of a LOAD for each buffer that it reads, and a STORE."""
    buffers = (*reads, write)
    descriptors = (*(isa.describe(isa.LOAD, run=1) for _ in reads), isa.describe(isa.STORE, n=1))
    slots = tuple(Slot(f"b{buffer}", 1) for buffer in buffers)
    stream = Stream(TINY.hash, slots, descriptors, tuple(range(len(buffers))))
    code = Implementation(backend, buffers, stream.to_bytes())
    return Task(f"t{number}", "other", "", 0, reads, (write,), (code,))


def accesses(code: Implementation) -> list[tuple[bool, int]]:
    """Each access of a task or submission: whether it writes, and the buffer."""
    stream = Stream.from_bytes(code.code)
    return [(d.op is isa.STORE, code.buffers[slot]) for d, slot in zip(stream.descriptors, stream.relocations) if slot is not None]


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
        for writes, index in accesses(step.code):
            if writes:
                fill(index)
            elif index in layout.offsets:
                assert set(memory[place(index)]) == {index}
            else:
                assert step.code.backend == "cpu" and program.buffers[index].role != "intermediate"
        places = sorted((place(index).start, place(index).stop) for index in step.code.buffers if index in layout.offsets)
        assert all(one[1] <= other[0] for one, other in pairwise(places)), "what a stream writes overlaps none of its other buffers"
    for index in (*program.indices("constant"), *program.indices("output")):
        if index in layout.offsets:
            assert set(memory[place(index)]) == {index}, "constants outlive a run, and outputs are copied at its end"
    assert len(memory) == layout.size


def test_what_is_no_longer_needed_is_written_over() -> None:
    sizes = [64] * 6
    buffers = [Buffer("in", "input", "int8", (64,)), *(Buffer(f"b{i}", "intermediate", "int8", (size,)) for i, size in enumerate(sizes))]
    buffers[-1] = Buffer("out", "output", "int8", (64,))
    alternating = tuple(task(i, ("hwacc", "cpu")[i % 2], (i,), i + 1) for i in range(6))
    assert lay_out(Program("chain", TINY, tuple(buffers), alternating)).size == 128
    together = tuple(task(i, "hwacc", (i,), i + 1) for i in range(6))
    layout = lay_out(Program("chain", TINY, tuple(buffers), together))
    assert layout.size == 7 * 64 and [step.name for step in layout.steps] == ["tasks t0 to t5"]


def test_what_only_the_cpu_touches_is_not_in_device_memory() -> None:
    program = scale_and_copy()
    assert set(lay_out(program).offsets) == {2, 3}, "neither the picture nor the factors"


def test_a_task_without_code_is_named() -> None:
    program = scale_and_copy()
    bare = Task("bare", "other", "", 0, (0,), (2,), ())
    with pytest.raises(ProgramError, match=r"^task bare has no implementation for 'hwacc'$"):
        lay_out(Program("x", TINY, program.buffers, (bare,)))
