"""The compiler: a model file in, a program (or any stage on the way) out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from hwacc.compiler.context import new_context
from hwacc.compiler.emit.tasks import Progress, ProgramBuilder
from hwacc.compiler.importers.tflite import import_tflite
from hwacc.compiler.transforms.dense_to_gemm import DenseToGemm
from hwacc.compiler.transforms.fold_zero_points import FoldZeroPoints
from hwacc.compiler.transforms.form_tasks import FormTasks
from hwacc.compiler.transforms.fuse_rescale import FuseRescale
from hwacc.compiler.transforms.normalise_contractions import NormaliseContractions
from hwacc.compiler.transforms.passes import Step, run_passes
from hwacc.compiler.transforms.verify_hwacc import VerifyHwacc
from hwacc.config import ArrayConfig
from hwacc.errors import HwaccError, ModelError
from hwacc.program import Program
from hwacc.stream import Stream

if TYPE_CHECKING:
    from mlir import ir

IMPORTERS: dict[str, Callable[[Path], ir.Module]] = {".tflite": import_tflite}
"""Importer for each suffix: gives one function of linalg on tensors, in the current context."""

TO_TASKS: tuple[Step, ...] = (
    NormaliseContractions(),
    FoldZeroPoints(),
    FuseRescale(),
    DenseToGemm(),
    "canonicalize",
    "cse",
    FormTasks(),
    VerifyHwacc(),
)
"""From linalg on tensors to one function for each task."""

STAGES = ("linalg", "hwacc", "stream")
"""What :func:`emit` can show."""

BACKENDS = ("hwacc",)
"""Backends for which an array task gets code, unless told otherwise; other tasks get CPU code."""


def compile_model(
    path: Path, config: ArrayConfig, progress: Progress | None = None, backends: Collection[str] = BACKENDS
) -> Program:
    """Compiles a model file for an array; ``progress`` hears the name of each task.

    Tasks that the array can run get a stream if ``backends`` has ``hwacc``, and
    CPU code if it has ``cpu`` (``("cpu",)`` compiles for no array at all).
    Raises :class:`ModelError` in one line.
    """
    return Compilation(path, config, progress, backends).program


def emit(path: Path, config: ArrayConfig, stage: str) -> str:
    """A stage of the compilation of ``path`` as text, one of :data:`STAGES`; raises :class:`ModelError`.

    ``linalg`` is the imported model; ``hwacc`` the tasks, and in a module of
    its own the machine-level code of those for the array; ``stream`` the
    listing of every array task's descriptors.
    """
    if stage not in STAGES:
        raise ModelError(f"unknown stage {stage!r}; known: {', '.join(STAGES)}")
    if stage == "linalg":
        with new_context() as context:
            return text_of(import_model(path, context))
    compilation = Compilation(path, config)
    if stage == "hwacc":
        return compilation.text
    return "\n".join(task_listing(compilation.program))


def task_listing(program: Program) -> list[str]:
    """The listing of each array task's stream, under its name."""
    lines = []
    for task in program.tasks:
        for implementation in task.implementations:
            if implementation.backend == "hwacc":
                lines += [f"; task {task.name}", Stream.from_bytes(implementation.code, task.name).text()]
    return lines


def import_model(path: Path, context: ir.Context) -> ir.Module:
    """The model as linalg on tensors; raises :class:`ModelError` for a suffix that no importer knows."""
    from mlir import ir

    importer = IMPORTERS.get(path.suffix.lower())
    if importer is None:
        raise ModelError(f"{path}: cannot compile {path.suffix or 'a file without suffix'}; supported: {', '.join(IMPORTERS)}")
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    with context, ir.Location.unknown():
        return importer(path)


class Compilation:
    """One run of the compiler: the program, and the IR from which it was made, as text."""

    def __init__(self, path: Path, config: ArrayConfig, progress: Progress | None = None, backends: Collection[str] = BACKENDS) -> None:
        from mlir import ir

        with new_context() as context, ir.Location.unknown():
            module = import_model(path, context)
            try:
                run_passes(module, TO_TASKS)
                machine = ir.Module.create()
                machine.operation.attributes["sym_name"] = ir.StringAttr.get("machine")
                self.program = ProgramBuilder(config, machine, backends, progress).build(module, path.stem)
                run_passes(machine, (VerifyHwacc(),))
            except HwaccError as error:
                raise type(error)(f"{path}: {error}") from None
            module.body.append(machine.operation.clone(ip=False))
            self.text = text_of(module)


def text_of(module: ir.Module) -> str:
    """The module as text, constants in full."""
    return str(module.operation.get_asm()) + "\n"
