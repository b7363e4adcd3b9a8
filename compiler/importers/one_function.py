"""What every importer owes: one function of linalg on tensors of known rank.

Importers lower their formats as far as upstream takes them and hand the module
to :func:`as_one_function`, which inlines what it calls and says, with the
place in the source, what the rest of the compiler cannot take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hwacc.compiler.constants import dtype_name
from hwacc.compiler.context import place
from hwacc.compiler.importers.resources import resources_to_constants
from hwacc.compiler.transforms.crop_padding import CropPadding
from hwacc.compiler.transforms.float32_for_bfloat16 import Float32ForBfloat16
from hwacc.compiler.transforms.fold_constants import FoldConstants
from hwacc.compiler.transforms.partition import is_number, is_tensor
from hwacc.compiler.transforms.passes import Step, run_passes, walk
from hwacc.compiler.transforms.tensor_function import INPUTS, OUTPUTS
from hwacc.errors import ModelError

if TYPE_CHECKING:
    from mlir import ir

MAIN = "main"
"""The function that is the model, where a module has several that could be."""

INLINE: tuple[Step, ...] = ("inline", "symbol-dce", "func.func(convert-elementwise-to-linalg)")
"""One function, whose arithmetic on tensors is linalg's."""

TIDY: tuple[Step, ...] = (Float32ForBfloat16(), "canonicalize", CropPadding(), FoldConstants(), "canonicalize", "cse")

SIZES: tuple[Step, ...] = ("resolve-ranked-shaped-type-result-dims", "lower-affine", "canonicalize", "cse")
"""Sizes of results as sizes of the inputs, where some are known only at run time."""

DIALECTS = ("arith", "builtin", "cf", "func", "hwacc", "index", "linalg", "math", "scf", "tensor")
"""Dialects whose operations the compiler takes."""

OTHERS = ("tosa.apply_scale",)
"""Operations of other dialects that it takes."""

WITHOUT_LOOPS = (
    "linalg.softmax",
    "linalg.winograd_filter_transform",
    "linalg.winograd_input_transform",
    "linalg.winograd_output_transform",
)
"""Operations that upstream cannot turn into loops."""

UNFOLLOWED = ("tensor.reshape", "tensor.generate", "tensor.unpack", "tensor.pack", "linalg.pack", "linalg.unpack")
"""Operations with results of sizes that nothing says before the model runs."""


def as_one_function(module: ir.Module, where: str, inputs: Sequence[str] = (), outputs: Sequence[str] = ()) -> None:
    """Makes ``module`` one function without attributes of other tools, and names its ends where the importer knows their names.

    Raises :class:`ModelError` naming ``where`` and the place.
    """
    from mlir import ir

    hide_callees(module, where)
    try:
        run_passes(module, INLINE)
        resources_to_constants(module)
        run_passes(module, TIDY)
        require_one(module)
        if has_unknown_sizes(module):
            run_passes(module, SIZES)
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from None
    for name in list(module.operation.attributes):
        del module.operation.attributes[name]
    (function,) = functions(module)
    for name in ("arg_attrs", "res_attrs"):
        if name in function.attributes:
            del function.attributes[name]
    for name, ends in ((INPUTS, inputs), (OUTPUTS, outputs)):
        if ends:
            function.attributes[name] = ir.ArrayAttr.get([ir.StringAttr.get(end) for end in ends])
    require_ends(function, where)
    require_supported(module, where)


def functions(module: ir.Module) -> list[ir.Operation]:
    """The functions of a module that have a body."""
    return [op for op in walk(module.operation, "func.func") if len(op.regions[0].blocks)]


def require_one(module: ir.Module) -> None:
    """Raises :class:`ModelError` where inlining left several functions."""
    found = functions(module)
    if len(found) > 1:
        names = ", ".join(op.attributes["sym_name"].value + place(op) for op in found)
        raise ModelError(f"a model is one function, and these are left: {names}; they call themselves, or stand in several modules")


def has_unknown_sizes(module: ir.Module) -> bool:
    """Whether a result, or an argument of the model, is a tensor some of whose sizes are known only at run time."""
    (function,) = functions(module)
    kinds = function.attributes["function_type"].value.inputs
    return any(map(has_unknown_size, kinds)) or any(has_unknown_size(result.type) for op in walk(module.operation) for result in op.results)


def has_unknown_size(kind: ir.Type) -> bool:
    """Whether it is a tensor some of whose sizes are known only at run time."""
    from mlir import ir

    return isinstance(kind, ir.RankedTensorType) and not kind.has_static_shape


def hide_callees(module: ir.Module, where: str) -> None:
    """Makes all functions but the model private, so that they can go once they are inlined; raises :class:`ModelError`."""
    from mlir import ir

    found = functions(module)
    if not found:
        raise ModelError(f"{where}: holds no function with a body; a model is one function on tensors")
    names = [op.attributes["sym_name"].value for op in found]
    public = [
        n for n, op in zip(names, found) if "sym_visibility" not in op.attributes or op.attributes["sym_visibility"].value == "public"
    ]
    if MAIN not in names and len(public) != 1:
        raise ModelError(f"{where}: which of the functions {', '.join(names)} is the model? Call it {MAIN}, or make the others private")
    model = MAIN if MAIN in names else public[0]
    for name, op in zip(names, found):
        if name != model:
            op.attributes["sym_visibility"] = ir.StringAttr.get("private", op.context)
        elif "sym_visibility" in op.attributes:
            del op.attributes["sym_visibility"]


def require_ends(function: ir.Operation, where: str) -> None:
    """Raises :class:`ModelError` unless the function takes and returns tensors that a buffer can hold."""
    kind = function.attributes["function_type"].value
    if len(function.regions[0].blocks) > 1:
        raise ModelError(f"{where}: the function branches (it has {len(function.regions[0].blocks)} blocks), which is not supported")
    if not kind.results:
        raise ModelError(f"{where}: the function returns nothing")
    for what, types in (("input", kind.inputs), ("output", kind.results)):
        for number, each in enumerate(types):
            fault = end_fault(each)
            if fault:
                raise ModelError(f"{where}: {what} {number} is {each}: {fault}")


def end_fault(kind: ir.Type) -> str:
    """Why an input or output cannot have this type; empty if it can."""
    from mlir import ir

    if not isinstance(kind, ir.RankedTensorType):
        return "only tensors with a known rank are supported"
    if has_encoding(kind):
        return "only dense tensors are supported"
    return "" if dtype_name(kind.element_type) else f"no buffer holds elements of {kind.element_type}"


def has_encoding(kind: ir.Type) -> bool:
    """Whether it is a tensor whose elements lie otherwise than densely: a sparse one, say."""
    from mlir import ir

    return isinstance(kind, ir.RankedTensorType) and kind.encoding is not None


def require_supported(module: ir.Module, where: str) -> None:
    """Raises :class:`ModelError` for the first operation that the compiler does not take."""
    (function,) = functions(module)
    body = function.regions[0].blocks[0]
    for op in walk(module.operation):
        fault = op_fault(op) or (number_fault(op) if op.block == body else nested_fault(op))
        if fault:
            raise ModelError(f"{where}: {op.name}{place(op)} {fault}")


def op_fault(op: ir.Operation) -> str:
    """Why the compiler cannot take an operation; empty if it can."""
    from mlir import ir

    if op.name.partition(".")[0] not in DIALECTS and op.name not in OTHERS:
        return "is not supported"
    if op.name in WITHOUT_LOOPS:
        return "is not supported: it has no form in loops"
    if op.name == "func.call":
        return f"calls {op.attributes['callee'].value}, which cannot be inlined (it has no body, or calls itself)"
    if (op.name in UNFOLLOWED or op.name.startswith("scf.")) and any(has_unknown_size(result.type) for result in op.results):
        return f"has the type {op.results[0].type}: sizes that are computed when the model runs are not supported"
    for result in op.results:
        if has_encoding(result.type):
            return f"has the type {result.type}: only dense tensors are supported"
        if isinstance(result.type, (ir.UnrankedTensorType, ir.ComplexType)) or "complex<" in str(result.type):
            return f"has the type {result.type}, which is not supported"
    return ""


def nested_fault(op: ir.Operation) -> str:
    """Why an operation inside loops cannot give what it gives: sizes are followed outside only; empty if it can."""
    unknown = [result.type for result in op.results if has_unknown_size(result.type)]
    return f"has the type {unknown[0]}; inside loops sizes must be known when the model is compiled" if unknown else ""


def number_fault(op: ir.Operation) -> str:
    """Why an operation outside loops cannot give what it gives, which is no tensor; empty if it can."""
    if is_number(op) or op.name == "arith.constant" or all(is_tensor(result) for result in op.results):
        return ""
    kind = next(result.type for result in op.results if not is_tensor(result))
    return f"gives {kind}; outside loops only tensors, and arithmetic on numbers, are supported"
