"""Passes by name, ours and upstream's: what ``hwacc opt`` runs, and the tests of single passes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hwacc.compiler.bytecode import require_readable
from hwacc.compiler.context import DAMAGED, first_diagnostic, new_context, parse_module
from hwacc.compiler.emit.array_to_machine import ArrayToMachine
from hwacc.compiler.emit.bufferise_tasks import BufferiseTasks
from hwacc.compiler.emit.choose_panels import ChoosePanels
from hwacc.compiler.emit.reuse_buffers import ReuseBuffers
from hwacc.compiler.plugins import load_plugins
from hwacc.compiler.textual_pipeline import read_pipeline
from hwacc.compiler.transforms.array_to_linalg import ArrayToLinalg
from hwacc.compiler.transforms.bound_indices import BoundIndices
from hwacc.compiler.transforms.bytes_for_booleans import BytesForBooleans
from hwacc.compiler.transforms.copies_to_linalg import CopiesToLinalg
from hwacc.compiler.transforms.crop_padding import CropPadding
from hwacc.compiler.transforms.dense_to_gemm import DenseToGemm
from hwacc.compiler.transforms.destination_style import DestinationStyle
from hwacc.compiler.transforms.exact_quantise import ExactQuantise
from hwacc.compiler.transforms.float32_for_bfloat16 import Float32ForBfloat16
from hwacc.compiler.transforms.fold_constants import FoldConstants
from hwacc.compiler.transforms.fold_zero_points import FoldZeroPoints
from hwacc.compiler.transforms.form_tasks import FormTasks
from hwacc.compiler.transforms.fuse_bias import FuseBias
from hwacc.compiler.transforms.fuse_clamp import FuseClamp
from hwacc.compiler.transforms.fuse_rescale import FuseRescale
from hwacc.compiler.transforms.fuse_residual import FuseResidual
from hwacc.compiler.transforms.mark_layers import MarkLayers
from hwacc.compiler.transforms.normalise_contractions import NormaliseContractions
from hwacc.compiler.transforms.passes import Pass, Step, run_passes
from hwacc.compiler.transforms.quantise_contractions import QuantiseContractions
from hwacc.compiler.transforms.refuse_narrow_elements import RefuseNarrowElements
from hwacc.compiler.transforms.requantise_on_array import RequantiseOnArray
from hwacc.compiler.transforms.separate_outputs import SeparateOutputs
from hwacc.compiler.transforms.verify_hwacc import VerifyHwacc
from hwacc.compiler.transforms.watch_activations import WatchActivations
from hwacc.compiler.transforms.watch_layers import WatchLayers
from hwacc.compiler.upstream import upstream_passes
from hwacc.errors import ModelError

if TYPE_CHECKING:
    from mlir import ir

PASSES: dict[str, Pass] = {
    each.name: each
    for each in (
        ExactQuantise(),
        Float32ForBfloat16(),
        CropPadding(),
        FoldConstants(),
        MarkLayers(),
        WatchActivations(),
        WatchLayers(),
        QuantiseContractions(),
        RequantiseOnArray(),
        NormaliseContractions(),
        FoldZeroPoints(),
        FuseBias(),
        FuseResidual(),
        FuseRescale(),
        FuseClamp(),
        DenseToGemm(),
        SeparateOutputs(),
        FormTasks(),
        VerifyHwacc(),
        ChoosePanels(),
        ArrayToMachine(),
        BufferiseTasks(),
        ReuseBuffers(),
        ArrayToLinalg(),
        BoundIndices(),
        DestinationStyle(),
        CopiesToLinalg(),
        BytesForBooleans(),
        RefuseNarrowElements(),
    )
}
"""Our passes, in the order in which the compiler runs them."""

SEPARATOR = "// -----"
"""Begins a line between the parts of a split file, as upstream has it."""

STDIN = "-"
"""The name of standard input, also in locations."""


@dataclass(frozen=True)
class Wish:
    """What ``hwacc opt`` is asked for.

    ``pipeline`` is text as :func:`.read_pipeline` takes it. ``print_ir`` writes
    the IR to stderr after every pass. ``allow_unregistered`` accepts operations
    of dialects that nobody knows. ``plugins`` are files with more passes, see :mod:`.plugins`.
    ``split`` takes each part of the file, between lines of :data:`SEPARATOR`, as a module of its own.
    """

    pipeline: str = ""
    print_ir: bool = False
    allow_unregistered: bool = False
    plugins: tuple[str, ...] = ()
    split: bool = False


@dataclass(frozen=True)
class Optimised:
    """What ``hwacc opt`` made: the module as text, the seconds of each element of the pipeline, and the errors of parts of a split file."""

    text: str
    seconds: list[tuple[str, float]]
    errors: list[str]


def optimise(text: str, passes: Sequence[str]) -> str:
    """``text`` after ``passes``: names of ours, or upstream's pipeline elements. Raises :class:`ModelError`."""
    from mlir import ir

    with new_context(), ir.Location.unknown():
        module = parse_module(text, "input")
        run_passes(module, [PASSES.get(name, name) for name in passes])
        return str(module)


def optimise_file(path: Path, name: str, wish: Wish) -> Optimised:
    """The module in ``path``, text or bytecode, after a pipeline.

    ``name`` is what the user calls the file; :data:`STDIN` hides the path. Raises :class:`ModelError` in one line with a
    location; of a file that is split, the errors are in the result, because the other parts go on.
    """
    from mlir import ir

    with new_context() as context, ir.Location.unknown():
        context.allow_unregistered_dialects = wish.allow_unregistered
        steps = read_pipeline(wish.pipeline, {**PASSES, **load_plugins(wish.plugins)})
        if wish.split:
            return optimise_parts(path, name, steps, wish)
        module = read_module(path, name)
        seconds = run_timed(module, steps, print_ir=wish.print_ir)
        return Optimised(text_of(module), seconds, [])


def optimise_parts(path: Path, name: str, steps: Sequence[Step], wish: Wish) -> Optimised:
    """Each part of a file on its own; what they took, together."""
    texts, errors, seconds = list[str](), list[str](), dict[str, float]()
    for part in parts_of(path.read_bytes().decode(errors="replace")):
        try:
            module = parse_module(part, name)
            for step, taken in run_timed(module, steps, print_ir=wish.print_ir):
                seconds[step] = seconds.get(step, 0.0) + taken
            texts.append(text_of(module))
        except ModelError as error:
            errors.append(str(error).replace(f"(at {STDIN}:", f"(at {name}:"))
    return Optimised(f"{SEPARATOR}\n".join(texts), list(seconds.items()), errors)


def parts_of(text: str) -> list[str]:
    """What stands between lines that begin with :data:`SEPARATOR`; empty lines before it keep the numbers of its lines."""
    parts = [""]
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if line.startswith(SEPARATOR):
            parts.append("\n" * number)
        else:
            parts[-1] += line
    return parts


def text_of(module: ir.Module) -> str:
    """The module as text that ends with one new line."""
    return str(module).rstrip("\n") + "\n"


def read_module(path: Path, name: str) -> ir.Module:
    """Parses and verifies the file in the current context; raises :class:`ModelError` with ``FILE:LINE``."""
    from mlir import ir

    require_readable(path, name)
    try:
        return ir.Module.parse(path.read_bytes()) if name == STDIN else ir.Module.parseFile(str(path))
    except ir.MLIRError as error:
        said = first_diagnostic(error)
        raise ModelError(said if f"{name}:" in said else f"{name}: {said}") from None
    except RuntimeError:
        raise ModelError(f"{name}: {DAMAGED}") from None


def run_timed(module: ir.Module, steps: Sequence[Step], *, print_ir: bool) -> list[tuple[str, float]]:
    """Runs each step with a pass manager of its own; name and seconds of each."""
    seconds = []
    for step in steps:
        start = time.perf_counter()
        run_passes(module, [step], print_ir=print_ir)
        seconds.append((step if isinstance(step, str) else step.name, time.perf_counter() - start))
    return seconds


def list_passes() -> list[tuple[str, str, str]]:
    """Where it comes from (``hwacc`` or ``upstream``), name and one line for every pass."""
    ours = [("hwacc", name, one_line(each)) for name, each in PASSES.items()]
    return ours + [("upstream", name, text) for name, text in upstream_passes().items()]


def one_line(each: Pass) -> str:
    """What a pass does, from its docstring, without its name."""
    text = " ".join((each.__doc__ or "").split("\n\n")[0].split())
    return text.partition(": ")[2]
