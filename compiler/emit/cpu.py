"""From a task's function to code for the CPU: text in MLIR's LLVM dialect.

Everything here is upstream's: fusion, bufferization, loops, LLVM. The entry
point takes one bare pointer for each buffer, inputs first, outputs last; all
are row-major with the static shapes that the program states. Temporaries are
freed before it returns. Nothing but the C library is called.

Where sizes are known only at run time, the entry point takes a pointer to
MLIR's descriptor of each buffer instead: :data:`hwacc.program.MEMREF_ENTRY`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.context import place
from hwacc.compiler.transforms.array_to_linalg import ArrayToLinalg
from hwacc.compiler.transforms.bound_indices import BoundIndices
from hwacc.compiler.transforms.bytes_for_booleans import BytesForBooleans
from hwacc.compiler.transforms.copies_to_linalg import CopiesToLinalg
from hwacc.compiler.transforms.destination_style import DestinationStyle
from hwacc.compiler.transforms.passes import Step, run_passes, walk
from hwacc.compiler.transforms.refuse_narrow_elements import RefuseNarrowElements
from hwacc.errors import ModelError

if TYPE_CHECKING:
    from mlir import ir

ENTRY = "entry"
"""Symbol of the entry point."""

TO_LOOPS: tuple[Step, ...] = (
    ArrayToLinalg(),
    BoundIndices(),
    "func.func(tosa-to-arith{include-apply-rescale=true})",
    "linalg-fuse-elementwise-ops",
    "canonicalize",
    "cse",
    DestinationStyle(),
    "eliminate-empty-tensors",
    "func.func(empty-tensor-to-alloc-tensor)",
    "one-shot-bufferize",
    "canonicalize",
    "cse",
    "buffer-deallocation-pipeline",
    CopiesToLinalg(),
    "symbol-dce",
    "func.func(convert-linalg-to-loops)",
    BytesForBooleans(),
    RefuseNarrowElements(),
)
"""From linalg on tensors to loops over buffers."""

DESCRIPTORS = "convert-func-to-llvm"
BARE_POINTERS = f"{DESCRIPTORS}{{use-bare-ptr-memref-call-conv=true}}"
"""What an entry point takes for a buffer."""

TO_LLVM: tuple[Step, ...] = (
    "fold-memref-alias-ops",
    "expand-strided-metadata",
    "lower-affine",
    "canonicalize",
    "cse",
    "convert-scf-to-cf",
    "math-extend-to-supported-types",
    "func.func(arith-emulate-unsupported-floats{source-types=bf16 target-type=f32})",
    "func.func(arith-expand{include-bf16=true})",
    "func.func(math-expand-ops{ops=fpowi})",
    "convert-math-to-funcs",
    "convert-math-to-llvm",
    "convert-math-to-libm",
    "convert-arith-to-llvm",
    "convert-index-to-llvm",
    "finalize-memref-to-llvm",
    BARE_POINTERS,
    "convert-cf-to-llvm",
    "reconcile-unrealized-casts",
    "canonicalize",
)
"""From loops to the LLVM dialect."""


def cpu_code(function: ir.Operation) -> bytes:
    """The code of one task; raises :class:`ModelError` naming the task where upstream cannot lower it."""
    from mlir import ir

    module = ir.Module.create(function.location)
    with ir.InsertionPoint(module.body):
        entry = function.clone().operation
    for name in list(entry.attributes):
        if name.startswith("hwacc."):
            del entry.attributes[name]
    entry.attributes["sym_name"] = ir.StringAttr.get(ENTRY, function.context)
    entry.attributes["sym_visibility"] = ir.StringAttr.get("public", function.context)
    kind = entry.attributes["function_type"].value
    dynamic = any(not each.has_static_shape for each in (*kind.inputs, *kind.results))
    if dynamic:
        entry.attributes["llvm.emit_c_interface"] = ir.UnitAttr.get(function.context)
    bring_constants(entry, function)
    to_llvm = [DESCRIPTORS if dynamic and step == BARE_POINTERS else step for step in TO_LLVM]
    try:
        run_passes(module, (*TO_LOOPS, *to_llvm))
        require_llvm(module)
    except ModelError as error:
        name = function.attributes["sym_name"].value
        raise ModelError(f"task {name} has no CPU code: {error}") from None
    return str(module).encode()


def bring_constants(entry: ir.Operation, function: ir.Operation) -> None:
    """Copies the globals that ``entry``, a copy of ``function`` in another module, takes from the module of ``function``."""
    from mlir import ir

    names = {op.attributes["name"].value for op in walk(entry, "memref.get_global")}
    symbols = ir.SymbolTable(function.parent.operation) if names else {}
    for name in sorted(names):
        symbols[name].operation.clone(ir.InsertionPoint(entry))


def require_llvm(module: ir.Module) -> None:
    """Raises :class:`ModelError` for what upstream left as it was without a word: functions of empty buffers."""
    for op in walk(module.operation):
        if op.name == "func.func":
            kinds = op.attributes["function_type"].value.inputs
            raise ModelError(f"{next((kind for kind in kinds if 0 in kind.shape), kinds[0])}{place(op)} has no form as a pointer")
        if not op.name.startswith("llvm."):
            raise ModelError(f"{op.name}{place(op)} has no form in LLVM")
