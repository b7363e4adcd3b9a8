"""The compiler itself, in this process: importer, passes, emission.

:mod:`.pipeline` is the way in for everyone else: it runs this in a process of
its own, because MLIR aborts on what its authors did not foresee.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hwacc.compiler.context import new_context
from hwacc.compiler.dialects.hwacc import TENSOR_OPS
from hwacc.compiler.emit.contraction import read_contraction
from hwacc.compiler.emit.plain import plain_spec
from hwacc.compiler.emit.tasks import ProgramBuilder, Progress, attribute
from hwacc.compiler.emit.tuned_file import load_tuned, notes
from hwacc.compiler.importers.fixed import Fixed
from hwacc.compiler.importers.mlir_text import import_mlir
from hwacc.compiler.importers.onnx import import_onnx
from hwacc.compiler.importers.pytorch import import_pt2
from hwacc.compiler.importers.tflite import import_tflite
from hwacc.compiler.transforms.dense_to_gemm import DenseToGemm
from hwacc.compiler.transforms.fold_zero_points import FoldZeroPoints
from hwacc.compiler.transforms.form_tasks import FormTasks
from hwacc.compiler.transforms.fuse_clamp import FuseClamp
from hwacc.compiler.transforms.fuse_rescale import FuseRescale
from hwacc.compiler.transforms.normalise_contractions import NormaliseContractions
from hwacc.compiler.transforms.passes import Step, run_passes, walk
from hwacc.compiler.transforms.separate_outputs import SeparateOutputs
from hwacc.compiler.transforms.verify_hwacc import VerifyHwacc
from hwacc.config import ArrayConfig
from hwacc.errors import HwaccError, ModelError

if TYPE_CHECKING:
    from mlir import ir

IMPORTERS: dict[str, Callable[[Path], ir.Module]] = {
    ".tflite": import_tflite,
    ".onnx": import_onnx,
    ".pt2": import_pt2,
    ".mlir": import_mlir,
    ".mlirbc": import_mlir,
}
"""Importer for each suffix: gives one function of linalg on tensors, in the current context."""

NORMALISE: tuple[Step, ...] = (
    NormaliseContractions(),
    FoldZeroPoints(),
    FuseRescale(),
    FuseClamp(),
    DenseToGemm(),
    "canonicalize",
    "cse",
)
"""From linalg on tensors to the dialect, where the array can do it."""

TO_TASKS: tuple[Step, ...] = (*NORMALISE, SeparateOutputs(), FormTasks(), VerifyHwacc())
"""From linalg on tensors to one function for each task."""

TENSOR_STAGES: dict[str, tuple[Step, ...]] = {"linalg": (), "normalised": NORMALISE, "tasks": TO_TASKS}
"""The stages that no array's size has a part in: the passes from the imported model on."""

PRODUCTS = "products"
"""The stage that lists the products for the array, see :func:`products_text`."""

BACKENDS = ("hwacc",)
"""Backends for which an array task gets code, unless told otherwise; other tasks get CPU code."""


def import_model(path: Path, context: ir.Context, fixed: Fixed | None = None) -> ir.Module:
    """The model as linalg on tensors; raises :class:`ModelError` for a suffix that no importer knows."""
    from mlir import ir

    importer = IMPORTERS.get(path.suffix.lower())
    if importer is None:
        raise ModelError(f"{path}: cannot compile {path.suffix or 'a file without suffix'}; supported: {', '.join(IMPORTERS)}")
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    if fixed and importer is not import_onnx:
        raise ModelError(f"{path}: only inputs of .onnx models can be fixed; those of others have one size and no default")
    with context, ir.Location.unknown():
        return import_onnx(path, fixed) if fixed else importer(path)


class Compilation:
    """One run of the compiler: the program, and the IR from which it was made."""

    def __init__(
        self,
        path: Path,
        config: ArrayConfig,
        progress: Progress | None = None,
        backends: Collection[str] = BACKENDS,
        *,
        fallback: bool = True,
        fixed: Fixed | None = None,
        tuned: Path | None = None,
    ) -> None:
        """Compiles the model at ``path``; raises :class:`ModelError` in one line.

        Without ``fallback`` a task that cannot run on the array is such an error, not CPU code. ``fixed`` says what is fixed of the
        inputs. Products that the file ``tuned`` has a plan for are planned so; ``notes`` says what it was good for.
        """
        from mlir import ir

        arrays = load_tuned(tuned) if tuned is not None else {}
        with new_context() as context, ir.Location.unknown():
            self.module = import_model(path, context, fixed)
            try:
                run_passes(self.module, TO_TASKS)
                self.machine = ir.Module.create()
                builder = ProgramBuilder(config, self.machine, backends, progress, fallback=fallback, tuned=arrays.get(config))
                self.program = builder.build(self.module, path.stem)
                self.notes = notes(tuned, arrays, config, builder.used) if tuned is not None else []
                self.machine.operation.verify()
            except HwaccError as error:
                raise type(error)(f"{path}: {error}") from None

    def text(self) -> str:
        """The tasks, and in a module ``@machine`` of its own the machine-level code of those for the array."""
        from mlir import ir

        with self.module.context:
            nested = self.machine.operation.clone(ip=False)
            nested.attributes["sym_name"] = ir.StringAttr.get("machine")
            self.module.body.append(nested)
            text = text_of(self.module)
            nested.erase()
        return text


def stage_text(path: Path, config: ArrayConfig, stage: str, fixed: Fixed | None = None, tuned: Path | None = None) -> str:
    """A stage of the compilation of ``path``: one of :data:`TENSOR_STAGES`, or ``machine`` or ``hwacc``, or :data:`PRODUCTS`."""
    if stage == PRODUCTS:
        return products_text(path, config, fixed)
    if stage in TENSOR_STAGES:
        return tensor_stage_text(path, TENSOR_STAGES[stage], fixed)
    compilation = Compilation(path, config, fixed=fixed, tuned=tuned)
    return compilation.text() if stage == "hwacc" else text_of(compilation.machine)


def products_text(path: Path, config: ArrayConfig, fixed: Fixed | None = None) -> str:
    """The products that the array is to compute, as JSON: ``[task, product]`` each, in their order."""

    def text(module: ir.Module) -> str:
        ops = walk(module.operation, *TENSOR_OPS)
        return json.dumps([(attribute(op.parent, "sym_name"), plain_spec(read_contraction(op, config).spec)) for op in ops])

    return tensor_stage_text(path, TO_TASKS, fixed, text)


def text_of(module: ir.Module) -> str:
    """The module as text, constants in full."""
    return str(module.operation.get_asm()) + "\n"


def tensor_stage_text(path: Path, steps: Sequence[Step], fixed: Fixed | None = None, text: Callable[[ir.Module], str] = text_of) -> str:
    """The imported model after ``steps``, as ``text`` makes it."""
    from mlir import ir

    with new_context() as context, ir.Location.unknown():
        module = import_model(path, context, fixed)
        try:
            run_passes(module, steps)
        except HwaccError as error:
            raise type(error)(f"{path}: {error}") from None
        return text(module)
