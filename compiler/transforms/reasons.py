"""Why the array does not run an operation: noted on it, and shown to the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlir import ir

REASON = "hwacc.reason"
"""Attribute with the reason, in words."""


class NotForArray(Exception):
    """An operation that the array cannot run; the message says why."""


def note(op: ir.Operation, reason: str) -> None:
    """Notes ``reason`` on ``op``."""
    from mlir import ir

    op.attributes[REASON] = ir.StringAttr.get(reason, op.context)


def noted(op: ir.Operation) -> str:
    """The reason noted on ``op``; empty where there is none."""
    return str(op.attributes[REASON].value) if REASON in op.attributes else ""
