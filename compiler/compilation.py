"""The compiler itself, in this process: importer, passes, emission.

:mod:`.pipeline` is the way in for everyone else: it runs this in a process of
its own, because MLIR aborts on what its authors did not foresee.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hwacc.compiler.context import new_context
from hwacc.compiler.dialects.hwacc import TENSOR_OPS
from hwacc.compiler.emit.array_to_machine import ArrayToMachine, machine_of
from hwacc.compiler.emit.bufferise_tasks import BufferiseTasks
from hwacc.compiler.emit.choose_panels import ChoosePanels
from hwacc.compiler.emit.contraction import read_contraction
from hwacc.compiler.emit.plain import plain_spec
from hwacc.compiler.emit.plain_attributes import set_array
from hwacc.compiler.emit.reuse_buffers import ReuseBuffers
from hwacc.compiler.emit.tasks import ProgramBuilder, Progress, attribute
from hwacc.compiler.emit.tuned_file import load_tuned, notes
from hwacc.compiler.emit.unknown_sizes import is_dynamic
from hwacc.compiler.importers.fixed import Fixed
from hwacc.compiler.importers.mlir_text import import_mlir
from hwacc.compiler.importers.onnx import import_onnx
from hwacc.compiler.importers.pytorch import import_pt2
from hwacc.compiler.importers.tflite import import_tflite
from hwacc.compiler.options import DEFAULTS, Options
from hwacc.compiler.quantisation import ACTIVATIONS, LAYERS, Quantisation
from hwacc.compiler.transforms.dense_to_gemm import DenseToGemm
from hwacc.compiler.transforms.fold_zero_points import FoldZeroPoints
from hwacc.compiler.transforms.form_tasks import FormTasks
from hwacc.compiler.transforms.fuse_bias import FuseBias
from hwacc.compiler.transforms.fuse_clamp import FuseClamp
from hwacc.compiler.transforms.fuse_rescale import FuseRescale
from hwacc.compiler.transforms.fuse_residual import FuseResidual
from hwacc.compiler.transforms.mark_layers import MarkLayers
from hwacc.compiler.transforms.normalise_contractions import NormaliseContractions
from hwacc.compiler.transforms.passes import Step, run_passes, walk
from hwacc.compiler.transforms.quantise_contractions import QuantiseContractions
from hwacc.compiler.transforms.requantise_on_array import RequantiseOnArray
from hwacc.compiler.transforms.separate_outputs import SeparateOutputs
from hwacc.compiler.transforms.verify_hwacc import VerifyHwacc
from hwacc.compiler.transforms.watch_activations import WatchActivations
from hwacc.compiler.transforms.watch_layers import WatchLayers
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
    FuseBias(),
    FuseResidual(),
    FuseRescale(),
    FuseClamp(),
    DenseToGemm(),
    "canonicalize",
    "cse",
)
"""From linalg on tensors to the dialect, where the array can do it."""

TO_TASKS: tuple[Step, ...] = (*NORMALISE, SeparateOutputs(), FormTasks(), VerifyHwacc())
"""From linalg on tensors to one function for each task."""

TO_BUFFERS: tuple[Step, ...] = (BufferiseTasks(), ReuseBuffers())
"""From tasks on tensors to tasks on memrefs, for all but sizes known only at run time."""

QUANTISE: dict[str, tuple[Step, ...]] = {
    "": (QuantiseContractions(), "canonicalize", "cse", RequantiseOnArray(), "canonicalize", "cse"),
    ACTIVATIONS: (WatchActivations(),),
    LAYERS: (WatchLayers(), "canonicalize", "cse"),
}
"""From a float model whose layers are marked to a quantised one, or to one that is watched: see :class:`Quantisation`."""

TENSOR_STAGES: dict[str, tuple[Step, ...]] = {"linalg": (), "normalised": NORMALISE, "tasks": TO_TASKS, "buffers": (*TO_TASKS, *TO_BUFFERS)}
"""The stages that no array's size has a part in: the passes from the imported model on."""

PRODUCTS = "products"
"""The stage that lists the products for the array, see :func:`products_text`."""


def quantising(quantisation: Quantisation | None) -> tuple[Step, ...]:
    """The passes between the importer and the others."""
    return (MarkLayers(quantisation), *QUANTISE[quantisation.watch]) if quantisation else ()


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
        options: Options = DEFAULTS,
        progress: Progress | None = None,
    ) -> None:
        """Compiles the model at ``path``; raises :class:`ModelError` in one line. ``notes`` says what tuned plans were good for."""
        from mlir import ir

        tuned, backends = options.tuned, options.backends
        arrays = load_tuned(tuned) if tuned is not None else {}
        with new_context() as context, ir.Location.unknown():
            self.module = import_model(path, context, options.fixed)
            try:
                run_passes(self.module, (*quantising(options.quantisation), *TO_TASKS))
                choice = ChoosePanels(arrays.get(config), lambda task: progress(f"{task}: planning") if progress else None)
                if "hwacc" in backends:
                    lower_to_machine(self.module, config, choice)
                run_passes(self.module, TO_BUFFERS)
                self.program = ProgramBuilder(config, backends, progress, fallback=options.fallback).build(self.module, path.stem)
                self.notes = notes(tuned, arrays, config, choice.used) if tuned is not None else []
            except HwaccError as error:
                raise type(error)(f"{path}: {error}") from None


def lower_to_machine(module: ir.Module, config: ArrayConfig, choice: ChoosePanels | None = None) -> None:
    """From the tasks for the array to its loads, computes and stores; ``choice`` is the pass that chooses the panels."""
    set_array(module.operation, config)
    choice = choice or ChoosePanels()
    run_passes(module, (choice, ArrayToMachine(choice.made)))


def stage_text(path: Path, config: ArrayConfig, stage: str, options: Options = DEFAULTS) -> str:
    """A stage of the compilation of ``path``: one of :data:`TENSOR_STAGES`, or ``machine`` or ``hwacc``, or :data:`PRODUCTS`."""
    if stage == PRODUCTS:
        return products_text(path, config, options)
    if stage in TENSOR_STAGES:
        return tensor_stage_text(path, TENSOR_STAGES[stage], options)
    module = Compilation(path, config, options).module.operation
    return text_of(module if stage == "hwacc" else machine_of(module))


def products_text(path: Path, config: ArrayConfig, options: Options) -> str:
    """The products that the array is to compute, as JSON: ``[task, product]`` each, in their order."""

    def text(module: ir.Operation) -> str:
        ops = [op for op in walk(module, *TENSOR_OPS) if not is_dynamic(op)]
        return json.dumps([(attribute(op.parent, "sym_name"), plain_spec(read_contraction(op, config).spec)) for op in ops])

    return tensor_stage_text(path, TO_TASKS, options, text)


def text_of(module: ir.Operation) -> str:
    """The module as text, constants in full."""
    return str(module.get_asm()) + "\n"


def tensor_stage_text(path: Path, steps: Sequence[Step], options: Options, text: Callable[[ir.Operation], str] = text_of) -> str:
    """The imported model, quantised as the ``options`` say, after ``steps``, as ``text`` makes it."""
    from mlir import ir

    with new_context() as context, ir.Location.unknown():
        module = import_model(path, context, options.fixed)
        try:
            run_passes(module, (*quantising(options.quantisation), *steps))
        except HwaccError as error:
            raise type(error)(f"{path}: {error}") from None
        return text(module.operation)
