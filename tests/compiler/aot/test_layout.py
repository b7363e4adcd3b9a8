"""Where buffers lie: no two that live at the same time share a byte."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from hwacc import isa
from hwacc.arena import ALIGNMENT
from hwacc.compiler.aot.layout import Layout, Step, lay_out
from hwacc.config import TINY
from hwacc.errors import ProgramError
from hwacc.program import Buffer, Implementation, Program, Task
from hwacc.stream import Slot, Stream
from tests.coordinator.programs import scale_and_copy


def task(number: int, backend: str, reads: tuple[int, ...], write: int, buffers: list[Buffer]) -> Task:
    """A task with a stream of a LOAD for each buffer that it reads, and a STORE; their ``run`` and ``n`` are the buffer's number and 1."""
    used = (*reads, write)
    descriptors = (*(isa.describe(isa.LOAD, run=1 + index) for index in reads), isa.describe(isa.STORE, n=1 + write))
    slots = tuple(Slot(f"b{index}", buffers[index].size) for index in used)
    stream = Stream(TINY.hash, slots, descriptors, tuple(range(len(used))))
    code = Implementation(backend, used, stream.to_bytes())
    return Task(f"t{number}", "other", "", 0, reads, (write,), (code,))


def accesses(step: Step, layout: Layout) -> list[tuple[bool, int, int | None]]:
    """Each access of a task or submission: whether it writes, the buffer, and the place in the arena, if it is there."""
    stream = Stream.from_bytes(step.code.code)
    found = []
    for descriptor, slot in zip(stream.descriptors, stream.relocations):
        assert slot is not None
        writes = descriptor.op is isa.STORE
        base = layout.offsets.get(step.code.buffers[slot])
        found.append((writes, descriptor["n" if writes else "run"] - 1, None if base is None else base + descriptor["address"]))
    return found


def random_program(rng: random.Random) -> Program:
    """A chain of tasks, each of which reads some earlier buffers and writes a new one; the last is the output."""
    buffers = [Buffer("in", "input", "int8", (rng.randint(1, 300),)), Buffer("c", "constant", "int8", (rng.randint(1, 300),))]
    tasks = []
    for number in range(rng.randint(1, 12)):
        reads = tuple(rng.sample(range(len(buffers)), rng.randint(1, min(3, len(buffers)))))
        buffers.append(Buffer(f"b{number}", "intermediate", "int8", (rng.randint(1, 300),)))
        tasks.append(task(number, rng.choice(["cpu", "hwacc"]), reads, len(buffers) - 1, buffers))
    buffers[-1] = Buffer("out", "output", "int8", buffers[-1].shape)
    program = Program("chain", TINY, tuple(buffers), tuple(tasks))
    return program.with_arena() if rng.random() < 0.8 else program


@pytest.mark.parametrize("seed", range(40))
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
        for writes, index, address in accesses(step, layout):
            assert address == layout.offsets.get(index)
            if writes:
                fill(index)
            elif index in layout.offsets:
                assert set(memory[place(index)]) == {index}
            else:
                assert step.code.backend == "cpu" and program.buffers[index].role != "intermediate"
        sizes = [slot.size for slot in Stream.from_bytes(step.code.code).slots]
        starts = [layout.offsets.get(index) for index in step.code.buffers]
        places = sorted((start, start + size) for start, size in zip(starts, sizes) if start is not None)
        assert all(one[1] <= other[0] for one, other in pairwise(places)), "to the C driver no two buffers of a stream overlap"
    for index in (*program.indices("constant"), *program.indices("output")):
        if index in layout.offsets:
            assert set(memory[place(index)]) == {index}, "constants outlive a run, and outputs are copied at its end"
    assert len(memory) == layout.size


@pytest.mark.parametrize("backends", [("hwacc", "cpu"), ("hwacc", "hwacc")], ids=["in turn", "in one submission"])
def test_what_is_no_longer_needed_is_written_over(backends: tuple[str, str]) -> None:
    buffers = [Buffer("in", "input", "int8", (64,)), *(Buffer(f"b{number}", "intermediate", "int8", (64,)) for number in range(5))]
    buffers.append(Buffer("out", "output", "int8", (64,)))
    tasks = tuple(task(number, backends[number % 2], (number,), number + 1, buffers) for number in range(6))
    layout = lay_out(Program("chain", TINY, tuple(buffers), tasks).with_arena())
    assert [layout.offsets[number] for number in range(1, 6)] == [0, 64, 0, 64, 0]
    assert layout.size == (3 if "cpu" in backends else 4) * 64, "the array wants the input and, in one submission, the output as well"


def test_what_only_the_cpu_touches_is_not_in_device_memory() -> None:
    program = scale_and_copy()
    assert set(lay_out(program).offsets) == {2, 3}, "neither the picture nor the factors"


def test_a_task_without_code_is_named() -> None:
    program = scale_and_copy()
    bare = Task("bare", "other", "", 0, (0,), (2,), ())
    with pytest.raises(ProgramError, match=r"^task bare has no implementation for 'hwacc'$"):
        lay_out(Program("x", TINY, program.buffers, (bare,)))
