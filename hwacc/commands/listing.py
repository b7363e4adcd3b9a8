"""Programs as text."""

from __future__ import annotations

from hwacc.program import Implementation, Program, Task, describe_shape
from hwacc.stream import Stream


def summary(program: Program) -> list[str]:
    """The buffers and tasks of a program, one a line, without their content."""
    lines = [_title(program)]
    for number, buffer in enumerate(program.buffers):
        size = f"{buffer.size} bytes" if buffer.is_static else "size unknown"
        place = "" if buffer.offset is None else f", at {buffer.offset} of the arena"
        lines.append(f"buffer {number} {buffer.name}: {buffer.role} {buffer.dtype} {describe_shape(buffer.shape)}, {size}{place}")
    if program.arena_size:
        lines.append(f"arena: {program.arena_size} bytes")
    for number, task in enumerate(program.tasks):
        lines.append(_task(number, task))
        lines += [f"  {_implementation(implementation)}" for implementation in task.implementations]
        lines += [f"  not on the array: {task.reason}"] if task.reason else []
    return lines


def disassembly(program: Program) -> list[str]:
    """The descriptors of every task that the array can run; what others have for code is named only."""
    lines = [f"; {_title(program)}"]
    for number, task in enumerate(program.tasks):
        lines += ["", f"; {_task(number, task)}"]
        for implementation in task.implementations:
            if implementation.backend == "hwacc" and not implementation.writes_stream:
                lines.append(Stream.from_bytes(implementation.code, f"task {task.name}").text())
            else:
                lines.append(f"; {_implementation(implementation)}")
    return lines


def _title(program: Program) -> str:
    config = program.config
    parts = f"{len(program.buffers)} buffers, {len(program.tasks)} tasks"
    return f"program {program.name}: {parts}, {config.rows}×{config.cols} array, configuration {config.hash:#010x}"


def _task(number: int, task: Task) -> str:
    data = f"reads {_numbers(task.reads)}, writes {_numbers(task.writes)}"
    return f"task {number} {task.name}: {task.kind} {task.shape}, {task.macs} MACs, {data}"


def _implementation(implementation: Implementation) -> str:
    what = f"{len(implementation.code)} bytes of code"
    if implementation.backend == "hwacc" and not implementation.writes_stream:
        what = f"{len(Stream.from_bytes(implementation.code).descriptors)} descriptors"
    entry = f" {implementation.entry}" if implementation.entry else ""
    return f"{implementation.backend}{entry}: {what}, buffers {_numbers(implementation.buffers)}"


def _numbers(numbers: tuple[int, ...]) -> str:
    return " ".join(map(str, numbers)) or "none"
