"""The way into the compiler: a model file in, a program (or any stage on the way) out.

The work is done by :mod:`.worker` in a process of its own. A model that makes
MLIR abort then costs its user one line, not the caller's process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection
from dataclasses import asdict
from itertools import takewhile
from pathlib import Path
from typing import IO, Any

from hwacc import errors
from hwacc.compiler import worker
from hwacc.compiler.compilation import PRODUCTS
from hwacc.compiler.emit.plain import spec_of
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.compiler.importers.fixed import Fixed
from hwacc.compiler.opt import Optimised, Wish
from hwacc.compiler.quantisation import Quantisation
from hwacc.compiler.stages import STAGES
from hwacc.config import ArrayConfig
from hwacc.errors import HwaccError, ModelError
from hwacc.program import Program, load_program
from hwacc.stream import Stream

Progress = Callable[[str], None]
"""Hears the name of each task when its compilation begins."""

WORKER = ["-m", worker.__name__]
"""What Python is to run."""

BACKENDS = ("hwacc",)
"""Backends for which an array task gets code, unless told otherwise; other tasks get CPU code."""


def compile_model(
    path: Path,
    config: ArrayConfig,
    progress: Progress | None = None,
    backends: Collection[str] = BACKENDS,
    *,
    fallback: bool = True,
    fixed: Fixed | None = None,
    quantisation: Quantisation | None = None,
    tuned: Path | None = None,
    note: Callable[[str], None] | None = None,
) -> Program:
    """Compiles a model file for an array.

    Tasks that the array can run get a stream if ``backends`` has ``hwacc``, and
    CPU code if it has ``cpu`` (``("cpu",)`` compiles for no array at all).
    Without ``fallback`` a task that the array cannot run is an error. ``fixed`` says what is fixed of the inputs, ``quantisation``
    how floats become integers; without it they stay floats.
    Products that the file ``tuned`` has a plan for are planned so; ``note`` hears what it was good for.
    Raises :class:`ModelError` in one line.
    """
    with tempfile.TemporaryDirectory(prefix="hwacc-") as folder:
        output = Path(folder) / "program.hwx"
        request = {"config": config.to_dict(), "backends": list(backends), "fallback": fallback, "output": str(output)}
        answer = run_worker(path, {**request, **extras(fixed, quantisation, tuned)}, progress)
        for line in answer["notes"]:
            (note or (lambda text: None))(line)
        return load_program(output)


def emit(
    path: Path,
    config: ArrayConfig,
    stage: str,
    fixed: Fixed | None = None,
    quantisation: Quantisation | None = None,
    tuned: Path | None = None,
) -> str:
    """A stage of the compilation of ``path`` as text, one of :data:`.stages.STAGES`; raises :class:`ModelError`."""
    if stage not in STAGES:
        raise ModelError(f"unknown stage {stage!r}; known: {', '.join(STAGES)}")
    if stage in LISTINGS:
        return "\n".join(LISTINGS[stage](compile_model(path, config, fixed=fixed, quantisation=quantisation, tuned=tuned)))
    return _stage(path, config, stage, extras(fixed, quantisation, tuned))


def products(
    path: Path, config: ArrayConfig, fixed: Fixed | None = None, quantisation: Quantisation | None = None
) -> list[tuple[str, ContractionSpec]]:
    """The products of ``path`` that the array is to compute, each with the name of its task; raises :class:`ModelError`."""
    return [(task, spec_of(values)) for task, values in json.loads(_stage(path, config, PRODUCTS, extras(fixed, quantisation)))]


def _stage(path: Path, config: ArrayConfig, stage: str, said: dict[str, Any]) -> str:
    """What the worker writes for a stage that is not read off a program, given what is ``said`` beside."""
    with tempfile.TemporaryDirectory(prefix="hwacc-") as folder:
        output = Path(folder) / f"{stage}.mlir"
        run_worker(path, {"config": config.to_dict(), "stage": stage, **said, "output": str(output)})
        return output.read_text()


def extras(fixed: Fixed | None = None, quantisation: Quantisation | None = None, tuned: Path | None = None) -> dict[str, Any]:
    """The part of a request that says what is fixed of the inputs, what becomes of floats, and where tuned plans are."""
    said: dict[str, Any] = {name: value.to_dict() for name, value in (("fixed", fixed), ("quantisation", quantisation)) if value}
    return said if tuned is None else {**said, "tuned": str(tuned)}


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

    ``name`` is what the user calls the file. ``dumps`` hears what ``wish.print_ir`` prints, also when a pass fails or MLIR aborts.
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
    return "".join(takewhile(lambda line: "Assertion" not in line, complaints))


def last_words(complaints: IO[str], status: int) -> str:
    """Why a process died: the assertion or exception that it printed, else how it ended."""
    complaints.seek(0)
    lines = [line.strip() for line in complaints.read().splitlines() if line.strip()]
    assertion = next((line.partition(": ")[2] for line in lines if "Assertion" in line), "")
    ending = f"signal {-status}" if status < 0 else f"exit status {status}"
    return assertion.rpartition(": ")[2] or (lines[-1] if lines and status > 0 else ending)
