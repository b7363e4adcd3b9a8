"""Our passes by name, for tests and for looking at one step: text in, text out."""

from __future__ import annotations

from collections.abc import Sequence

from hwacc.compiler.context import new_context, parse_module
from hwacc.compiler.transforms.array_to_linalg import ArrayToLinalg
from hwacc.compiler.transforms.copies_to_linalg import CopiesToLinalg
from hwacc.compiler.transforms.dense_to_gemm import DenseToGemm
from hwacc.compiler.transforms.destination_style import DestinationStyle
from hwacc.compiler.transforms.exact_quantise import ExactQuantise
from hwacc.compiler.transforms.fold_zero_points import FoldZeroPoints
from hwacc.compiler.transforms.form_tasks import FormTasks
from hwacc.compiler.transforms.fuse_clamp import FuseClamp
from hwacc.compiler.transforms.fuse_rescale import FuseRescale
from hwacc.compiler.transforms.normalise_contractions import NormaliseContractions
from hwacc.compiler.transforms.passes import Pass, run_passes
from hwacc.compiler.transforms.refuse_narrow_elements import RefuseNarrowElements
from hwacc.compiler.transforms.separate_outputs import SeparateOutputs
from hwacc.compiler.transforms.verify_hwacc import VerifyHwacc

PASSES: dict[str, Pass] = {
    each.name: each
    for each in (
        ExactQuantise(),
        NormaliseContractions(),
        FoldZeroPoints(),
        FuseRescale(),
        FuseClamp(),
        DenseToGemm(),
        SeparateOutputs(),
        FormTasks(),
        VerifyHwacc(),
        ArrayToLinalg(),
        DestinationStyle(),
        RefuseNarrowElements(),
        CopiesToLinalg(),
    )
}
"""Our passes, in the order in which the compiler runs them."""


def optimise(text: str, passes: Sequence[str]) -> str:
    """``text`` after ``passes``: names of ours, or upstream's pipeline elements. Raises :class:`ModelError`."""
    from mlir import ir

    with new_context(), ir.Location.unknown():
        module = parse_module(text, "input")
        run_passes(module, [PASSES.get(name, name) for name in passes])
        return str(module)
