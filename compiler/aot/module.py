"""One module in MLIR's LLVM dialect with everything of a program: constants, streams, CPU tasks, and the functions that C calls."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwacc.compiler.aot.entry import NAME_SYMBOL, constant_symbol, free_function, init_function, run_function, stream_symbol, task_symbol
from hwacc.compiler.aot.layout import Layout, Step
from hwacc.compiler.aot.routine import declarations
from hwacc.compiler.context import parse_module
from hwacc.compiler.transforms.passes import run_passes
from hwacc.errors import ModelError
from hwacc.program import Program

if TYPE_CHECKING:
    from mlir import ir

CONSTANT_ALIGNMENT = 64
FUNCTION = "llvm.func"
RESERVED = "hwacc"
"""Prefix of the functions of ``hwacc.h``."""


def c_name(program: Program) -> str:
    """The program's name as C can have it: what is no letter or digit of ASCII becomes ``_``."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", program.name).strip("_").lower() or "model"
    return f"model_{name}" if name[0].isdigit() or name == RESERVED else name


def object_module(program: Program, layout: Layout) -> ir.Module:
    """The module, in the current context; only ``NAME_init``, ``NAME_run`` and ``NAME_free`` can be seen from outside."""
    name = c_name(program)
    functions = [init_function(name, program, layout), run_function(name, program, layout), free_function(name)]
    text = "\n".join([*globals_text(program, layout), declarations(), *task_declarations(layout), *functions])
    module = parse_module(text, f"{program.name}: C entry points")
    defined: dict[tuple[bytes, str], str] = {}
    for number, step in enumerate(layout.steps):
        if step.code.backend == "cpu":
            key = step.code.code, step.code.entry
            place_task(module, number, defined.setdefault(key, task_symbol(number)), step)
    run_passes(module, ("canonicalize", "cse"))
    return module


def globals_text(program: Program, layout: Layout) -> list[str]:
    """The name, and the constants and streams that some step uses."""
    used = {index for step in layout.steps for index in step.code.buffers}
    lines = [global_text(NAME_SYMBOL, program.name.encode() + b"\0")]
    for index in sorted(used & set(program.constants)):
        lines.append(global_text(constant_symbol(index), program.constants[index].tobytes()))
    for number, step in enumerate(layout.steps):
        if step.code.backend == "hwacc":
            lines.append(global_text(stream_symbol(number), step.code.code))
    return lines


def global_text(symbol: str, data: bytes) -> str:
    """A constant of bytes; an empty one gets a byte, for it must have an address."""
    data = data or b"\0"
    kind = f"tensor<{len(data)}xi8>"
    attributes = f"{{alignment = {CONSTANT_ALIGNMENT} : i64}}"
    return f'llvm.mlir.global internal constant @{symbol}(dense<"0x{data.hex()}"> : {kind}) {attributes} : !llvm.array<{len(data)} x i8>'


def task_declarations(layout: Layout) -> list[str]:
    """What the entry points call, until :func:`place_task` puts the functions there."""
    return [
        f"llvm.func @{task_symbol(number)}({', '.join(['!llvm.ptr'] * len(step.code.buffers))})"
        for number, step in enumerate(layout.steps)
        if step.code.backend == "cpu"
    ]


def place_task(module: ir.Module, number: int, symbol: str, step: Step) -> None:
    """Puts the code of CPU task ``number`` into ``module`` in place of its declaration; another task's, ``symbol``, if that is the same.

    Raises :class:`ModelError` naming the task where its code is damaged.
    """
    from mlir import ir

    table = ir.SymbolTable(module.operation)
    table.erase(table[task_symbol(number)])
    if symbol != task_symbol(number):
        ir.SymbolTable.replace_all_symbol_uses(task_symbol(number), symbol, module.operation)
        return
    where = f"CPU code of {step.name}"
    task = parse_module(step.code.code, where)
    make_private(task, symbol, step.code.entry)
    if symbol not in ir.SymbolTable(task.operation):
        raise ModelError(f"{where} has no entry {step.code.entry!r}; compile the model again")
    for op in list(task.body.operations):
        if is_declaration(op) and ir.SymbolTable.get_symbol_name(op).value in table:
            continue
        module.body.append(op.operation.detach_from_parent())


def make_private(task: ir.Module, symbol: str, entry: str) -> None:
    """Renames what a task defines, its entry to ``symbol``, the rest to names that begin with it, and hides it from other objects."""
    from mlir import ir

    internal = ir.Attribute.parse("#llvm.linkage<internal>", task.context)
    for op in task.body.operations:
        if not is_declaration(op):
            old = ir.SymbolTable.get_symbol_name(op.operation).value
            new = symbol if old == entry else f"{symbol}.{old}"
            ir.SymbolTable.replace_all_symbol_uses(old, new, task.operation)
            ir.SymbolTable.set_symbol_name(op.operation, new)
            op.operation.attributes["linkage"] = internal


def is_declaration(op: ir.OpView) -> bool:
    """Whether it is a function without a body: one of the C library's."""
    return op.operation.name == FUNCTION and not op.operation.regions[0].blocks
