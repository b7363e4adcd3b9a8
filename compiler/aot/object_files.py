"""From a program to what a C compiler links: an object file and its header, made in this process."""

from __future__ import annotations

from pathlib import Path

from hwacc import verifier
from hwacc.compiler.aot.header import header
from hwacc.compiler.aot.layout import Layout, lay_out
from hwacc.compiler.aot.machine_code import write_object
from hwacc.compiler.aot.module import object_module
from hwacc.compiler.context import new_context
from hwacc.errors import StreamError
from hwacc.program import Program
from hwacc.stream import Stream

HEADER_SUFFIX = ".h"


def header_beside(output: Path) -> Path:
    """The header that goes with an object file: ``model.h`` beside ``model.o``."""
    return output.with_suffix(HEADER_SUFFIX)


def write_object_files(program: Program, target: str, output: Path) -> None:
    """Writes ``output`` and its header, and leaves intermediate files beside them.

    Raises :class:`hwacc.errors.ModelError` for an unknown target or code that LLVM does not take,
    :class:`hwacc.errors.StreamError` for a stream that the verifier refuses.
    """
    layout = lay_out(program)
    verify_streams(program, layout)
    with new_context():
        write_object(object_module(program, layout), target, output)
    header_beside(output).write_text(header(program, layout))


def verify_streams(program: Program, layout: Layout) -> None:
    """The C driver launches streams as they are, so each is verified here: a task's, for its buffers' bounds, and a submission's."""
    codes = [(f"task {task.name}", code) for task in program.tasks for code in task.implementations]
    for name, code in [*codes, *((step.name, step.code) for step in layout.steps)]:
        if code.backend == "hwacc":
            try:
                verifier.verify(Stream.from_bytes(code.code), program.config)
            except StreamError as error:
                raise StreamError(f"{name}: {error}") from None
