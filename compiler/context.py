"""MLIR contexts, and how MLIR's complaints become one line.

MLIR reports through diagnostics that hang on exceptions; users of HWACC see
one line from the :class:`~hwacc.errors.HwaccError` tree. This is the only
file that knows how to turn one into the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.errors import MissingToolError, ModelError

if TYPE_CHECKING:
    from mlir import ir


def require_mlir() -> None:
    """Raises :class:`MissingToolError` when the MLIR bindings are not installed."""
    try:
        import mlir.ir  # noqa: F401
    except ImportError as error:
        raise MissingToolError(f"the MLIR bindings cannot be loaded ({error}); install them with: pip install 'hwacc[compiler]'") from None


def new_context() -> ir.Context:
    """A context that knows the ``hwacc`` dialect and keeps quiet: errors travel on exceptions."""
    require_mlir()
    from mlir import ir

    from hwacc.compiler.dialects.hwacc import load_dialect

    context = ir.Context()
    context.emit_error_diagnostics = False
    load_dialect(context)
    return context


def parse_module(text: str | bytes, where: str) -> ir.Module:
    """Parses MLIR text or bytecode in the current context; raises :class:`ModelError` naming ``where``."""
    from mlir import ir

    try:
        return ir.Module.parse(text)
    except ir.MLIRError as error:
        raise ModelError(f"{where}: {first_diagnostic(error)}") from None
    except RuntimeError:
        raise ModelError(f"{where}: {DAMAGED}") from None


DAMAGED = "it is damaged: its names are not UTF-8"
"""What the bindings mean when they raise a ``RuntimeError``: they could not make a string of what MLIR says."""


def first_diagnostic(error: ir.MLIRError) -> str:
    """The first message of an MLIR error, on one line, with the name that its location carries."""
    if not error.error_diagnostics:
        return " ".join(str(error).split())
    diagnostic = error.error_diagnostics[0]
    name = " ".join(source_name(diagnostic.location).split())
    message = " ".join(diagnostic.message.split())
    return f"{message} (at {name})" if name else message


def source_name(location: ir.Location) -> str:
    """The name that a location carries, else ``file:line``; empty when it says nothing."""
    return given_name(location) or file_place(location)


def file_place(location: ir.Location) -> str:
    """``file:line`` of a location; of a place in a library the one from which it was called, which is the author's own."""
    if location.is_a_file() and location.start_line:
        return f"{location.filename}:{location.start_line}"
    if location.is_a_fused():
        return next((place for place in map(file_place, location.locations) if place), "")
    return file_place(location.caller) or file_place(location.callee) if location.is_a_callsite() else ""


def place(op: ir.Operation) -> str:
    """Where an operation came from, in words; empty if it does not say."""
    name = source_name(op.location)
    return f" at {name!r}" if name else ""


def given_name(location: ir.Location) -> str:
    """The first name in a location: what the model's author, or a converter, called the thing; empty if there is none."""
    if location.is_a_name():
        return str(location.name_str)
    if location.is_a_fused():
        return next((name for name in map(given_name, location.locations) if name), "")
    return given_name(location.callee) if location.is_a_callsite() else ""
