"""The way into the compiler: a model file in, a program (or any stage on the way) out.

The work is done by :mod:`.worker` in a process of its own. A model that makes
MLIR abort then costs its user one line, not the caller's process.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from itertools import takewhile
from pathlib import Path
from typing import IO, Any

from hwacc import errors
from hwacc.compiler import worker
from hwacc.compiler.compilation import PRODUCTS
from hwacc.compiler.emit.plain import spec_of
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.compiler.opt import Optimised, Wish
from hwacc.compiler.options import DEFAULTS, Options
from hwacc.compiler.stages import STAGES
from hwacc.config import ArrayConfig
from hwacc.errors import HwaccError, ModelError
from hwacc.program import Program, load_program
from hwacc.stream import Stream

Progress = Callable[[str], None]
"""Hears the name of each task when its compilation begins."""

WORKER = ["-m", worker.__name__]
"""What Python is to run."""

ABORTS = ("Assertion", "LLVM ERROR")
"""What a line says with which MLIR ends the process."""
DEATH = (*ABORTS, "Traceback (most recent call last)")
"""What the first line says of those that a dying process leaves."""


def compile_model(
    path: Path,
    config: ArrayConfig,
    options: Options = DEFAULTS,
    progress: Progress | None = None,
    note: Callable[[str], None] | None = None,
) -> Program:
    """Compiles a model file for an array; raises :class:`ModelError` in one line. ``note`` hears what tuned plans were good for."""
    with tempfile.TemporaryDirectory(prefix="hwacc-") as folder:
        output = Path(folder) / "program.hwx"
        answer = run_worker(path, {"config": config.to_dict(), "options": options.to_dict(), "output": str(output)}, progress)
        for line in answer["notes"]:
            (note or (lambda text: None))(line)
        return load_program(output)


def emit(path: Path, config: ArrayConfig, stage: str, options: Options = DEFAULTS) -> str:
    """A stage of the compilation of ``path`` as text, one of :data:`.stages.STAGES`; raises :class:`ModelError`."""
    if stage not in STAGES:
        raise ModelError(f"unknown stage {stage!r}; known: {', '.join(STAGES)}")
    if stage in LISTINGS:
        return "\n".join(LISTINGS[stage](compile_model(path, config, options)))
    return _stage(path, config, stage, options)


def products(path: Path, config: ArrayConfig, options: Options = DEFAULTS) -> list[tuple[str, ContractionSpec]]:
    """The products of ``path`` that the array is to compute, each with the name of its task; raises :class:`ModelError`."""
    return [(task, spec_of(values)) for task, values in json.loads(_stage(path, config, PRODUCTS, options))]


def _stage(path: Path, config: ArrayConfig, stage: str, options: Options) -> str:
    """What the worker writes for a stage that is not read off a program."""
    with tempfile.TemporaryDirectory(prefix="hwacc-") as folder:
        output = Path(folder) / f"{stage}.mlir"
        run_worker(path, {"config": config.to_dict(), "options": options.to_dict(), "stage": stage, "output": str(output)})
        return output.read_text()


def task_listing(program: Program) -> list[str]:
    """The listing of each array task's stream, under its name."""
    lines = []
    for task in program.tasks:
        for implementation in task.implementations:
            if implementation.writes_stream:
                lines += [f"; task {task.name}", "; written when its sizes are known, by host code: see the stage llvm"]
            elif implementation.backend == "hwacc":
                lines += [f"; task {task.name}", Stream.from_bytes(implementation.code, task.name).text()]
    return lines


def llvm_listing(program: Program) -> list[str]:
    """The CPU code of each task that has some, be it to compute or to write a stream, under its name."""
    lines = []
    for task in program.tasks:
        for implementation in task.implementations:
            if implementation.backend == "cpu" or implementation.writes_stream:
                lines += [f"// task {task.name}", implementation.code.decode().rstrip("\n")]
    return lines


LISTINGS: dict[str, Callable[[Program], list[str]]] = {"stream": task_listing, "llvm": llvm_listing}
"""The stages that are read off a program."""


def optimise(path: Path, name: str, wish: Wish, dumps: Callable[[str], None] | None = None) -> Optimised:
    """The module in ``path`` after a pass pipeline; raises :class:`ModelError`.

    ``name`` is what the user calls the file. ``dumps`` hears what ``wish.print_ir`` and passes print, also when one fails or MLIR aborts.
    """
    with tempfile.TemporaryDirectory(prefix="hwacc-") as folder:
        output = Path(folder) / "output.mlir"
        request = {"optimise": asdict(wish), "name": name, "output": str(output)}
        answer = run_worker(path, request, name=name, dumps=dumps)
        seconds = [(str(step), float(taken)) for step, taken in answer["seconds"]]
        return Optimised(output.read_text(), seconds, answer["errors"])


def run_worker(
    path: Path,
    request: dict[str, Any],
    progress: Progress | None = None,
    *,
    name: str = "",
    dumps: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Has :mod:`.worker` do ``request`` with the model at ``path``; its answer.

    ``name`` is the model's in messages; ``dumps`` hears what the worker wrote
    to stderr. Raises what the worker raises, or :class:`ModelError` if it dies.
    """
    name = name or str(path)
    if not path.is_file():
        raise ModelError(f"{name}: no such file")
    with tempfile.TemporaryFile("w+") as complaints:
        command = [sys.executable, *WORKER, json.dumps({"model": str(path), **request})]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True)
        try:
            assert process.stdout is not None
            answer = follow(process.stdout, progress or (lambda text: None))
            process.wait()
        finally:
            process.kill()
            process.wait()
        if dumps is not None:
            dumps(before_death(complaints))
        if answer is None:
            raise ModelError(f"{name}: the compiler broke down on this model ({last_words(complaints, process.returncode)})")
    if "error" in answer:
        raise getattr(errors, answer["type"], HwaccError)(answer["error"])
    return answer


def follow(lines: IO[str], progress: Progress) -> dict[str, Any] | None:
    """Passes progress on; the worker's last line, or None if it ends without one."""
    for line in lines:
        message: dict[str, Any] = json.loads(line)
        if "task" not in message:
            return message
        progress(message["task"])
    return None


def before_death(complaints: IO[str]) -> str:
    """What a process wrote to stderr before an assertion failed, which :func:`last_words` tells."""
    complaints.seek(0)
    return "".join(takewhile(lambda line: not any(words in line for words in DEATH), complaints))


def last_words(complaints: IO[str], status: int) -> str:
    """Why a process died: the assertion or exception that it printed, else how it ended."""
    complaints.seek(0)
    lines = [line.strip() for line in complaints.read().splitlines() if line.strip()]
    assertion = next((line.partition(": ")[2] for line in lines if any(words in line for words in ABORTS)), "")
    ending = f"signal {-status}" if status < 0 else f"exit status {status}"
    ending += ", which the system sends when memory runs out" if -status == signal.SIGKILL else ""
    return assertion.rpartition(": ")[2] or (lines[-1] if lines and status > 0 else ending)
