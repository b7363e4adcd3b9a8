"""Why the array does not run an operation: noted on it, and shown to the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlir import ir

FUNCTION = "func.func"
"""The operation in whose body, not in a loop or a branch in it, the array's operations stand."""
REASON = "hwacc.reason"
"""Attribute with the reason, in words."""


class NotForArray(Exception):
    """An operation that the array cannot run; the message says why."""


def require_in_function(op: ir.Operation) -> None:
    """Raises :class:`NotForArray` for an operation in a loop or a branch: it can be no task of its own."""
    if not is_in_function(op):
        raise NotForArray(inside(op))


def is_in_function(op: ir.Operation) -> bool:
    """Whether ``op`` stands in a function itself, not in a loop or a branch."""
    return bool(op.parent.name == FUNCTION)


def inside(op: ir.Operation) -> str:
    """The reason of an operation that does not."""
    return f"is inside {op.parent.name}; the array takes what stands in the function itself"


def note(op: ir.Operation, reason: str) -> None:
    """Notes ``reason`` on ``op``."""
    from mlir import ir

    op.attributes[REASON] = ir.StringAttr.get(reason, op.context)


def noted(op: ir.Operation) -> str:
    """The reason noted on ``op``; empty where there is none."""
    return str(op.attributes[REASON].value) if REASON in op.attributes else ""
