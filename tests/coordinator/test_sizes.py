"""Programs with unknown sizes: what inputs tell of them, and the programs that they then are."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from hwacc.config import TINY
from hwacc.coordinator.runner import memory_needed
from hwacc.coordinator.sizes import SizedPrograms, told_sizes
from hwacc.errors import InputError, ProgramError
from hwacc.program import WRITE_STREAM, Buffer, Implementation, Program, Task

WRITER = b"""
llvm.func @stream_bytes(%sizes: !llvm.ptr) -> i64 {
  %size = llvm.mlir.constant(24 : i64) : i64
  llvm.return %size : i64
}
llvm.func @write_stream(%sizes: !llvm.ptr, %out: !llvm.ptr) {
  %k = llvm.getelementptr %sizes[1] : (!llvm.ptr) -> !llvm.ptr, i64
  %value = llvm.load %k : !llvm.ptr -> i64
  llvm.store %value, %out : i64, !llvm.ptr
  llvm.return
}
"""
"""A "stream" that is K and 16 zeros."""


def program(code: bytes = WRITER) -> Program:
    buffers = (
        Buffer("a", "input", "int8", (-1, -2)),
        Buffer("b", "input", "int8", (-2, 8)),
        Buffer("c", "output", "int32", (-1, 8)),
    )
    stream = Implementation("hwacc", (0, 1, 2), code, WRITE_STREAM)
    task = Task(
        "product", "gemm", "?x?x8", 0, (0, 1), (2,), (stream, Implementation("cpu", (0, 1, 2), b"code", "entry")), extent=(-1, -2, 8)
    )
    return Program("any", TINY, buffers, (task,))


def test_the_inputs_tell_every_size() -> None:
    sized = SizedPrograms(program()).for_shapes([(3, 5), (5, 8)])
    assert sized.is_static and [buffer.shape for buffer in sized.buffers] == [(3, 5), (5, 8), (3, 8)]
    (task,) = sized.tasks
    assert (task.shape, task.macs, task.extent) == ("3x5x8", 120, ())


def test_host_code_writes_the_streams_and_cpu_code_stays() -> None:
    (task,) = SizedPrograms(program()).for_shapes([(3, 5), (5, 8)]).tasks
    stream, code = task.implementations
    assert (stream.code, stream.entry) == (bytes([5]) + bytes(23), "")
    assert code == program().tasks[0].implementations[1]


def test_the_program_of_the_last_sizes_is_kept() -> None:
    programs = SizedPrograms(program())
    first = programs.for_shapes([(3, 5), (5, 8)])
    assert programs.for_shapes([(3, 5), (5, 8)]) is first
    assert programs.for_shapes([(3, 6), (6, 8)]) is not first


def test_a_program_without_unknown_sizes_is_itself() -> None:
    known = replace(program(), buffers=tuple(replace(buffer, shape=(8, 8)) for buffer in program().buffers), tasks=())
    assert SizedPrograms(known).for_shapes([(8, 8), (8, 8)]) is known


def test_code_that_writes_a_stream_does_so_also_where_every_size_is_known() -> None:
    known = replace(program(), buffers=tuple(replace(buffer, shape=(8, 8)) for buffer in program().buffers))
    assert not known.is_static
    sized = SizedPrograms(known).for_shapes([(8, 8), (8, 8)])
    assert sized.is_static and sized.tasks[0].implementations[0].code == bytes([8]) + bytes(23)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([(3, 5), (6, 8)], "dimension 0 of input b must be 5, as dimension 1 of a is, not 6"),
        ([(3, 5), (5, 9)], "dimension 1 of input b must be 8, not 9"),
        ([(3, 0), (0, 8)], "dimension 1 of input a must be at least 1, not 0"),
        ([(3, 5, 1), (5, 8)], "input a must have 2 dimensions (?x?), not 3"),
        ([(3, 5)], "any has 2 inputs, not 1"),
        ([(3, TINY.max_k + 1), (TINY.max_k + 1, 8)], f"task product: a 3×{TINY.max_k + 1}×8 product can overflow int32"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_in_words(shapes: list[tuple[int, ...]], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        SizedPrograms(program()).for_shapes(shapes)


def test_intermediates_get_their_places_once_sizes_are_known() -> None:
    """Four copies of the input, one after the other: three intermediates take two places."""
    roles = ("input", "intermediate", "intermediate", "intermediate", "output")
    buffers = tuple(Buffer(str(number), role, "int8", (-1, 10)) for number, role in enumerate(roles))
    codes = [Implementation("cpu", (number, number + 1), b"copy", "entry") for number in range(4)]
    tasks = tuple(Task(f"to {code.buffers[1]}", "other", "", 0, code.buffers[:1], code.buffers[1:], (code,)) for code in codes)
    sizes = SizedPrograms(Program("copies", TINY, buffers, tasks))
    assert [buffer.offset for buffer in sizes.program.buffers] == [None] * 5
    for rows, step in ((1, 64), (20, 256)):
        sized = sizes.for_shapes([(rows, 10)])
        assert [buffer.offset for buffer in sized.buffers] == [None, 0, step, 0, None] and sized.arena_size == 2 * step


def test_unknowns_are_told_by_number() -> None:
    assert told_sizes(program(), [(3, 5), (5, 8)]) == {-1: 3, -2: 5}


def test_a_program_without_its_sizes_cannot_be_placed() -> None:
    with pytest.raises(ProgramError, match=re.escape("the size of a (?x?) is not known before the program gets its inputs")):
        memory_needed(program())


def test_code_of_a_product_for_a_task_that_is_none_is_refused() -> None:
    other = replace(program(), buffers=(*program().buffers[:2], Buffer("c", "output", "int32", (-1,))))
    with pytest.raises(ProgramError, match="task product is no matrix product, but has the code of one; compile the model again"):
        SizedPrograms(other).for_shapes([(3, 5), (5, 8)])
