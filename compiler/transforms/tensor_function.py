"""What the passes on whole functions ask of one: a body of one block, and tensors of known rank at its ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.transforms.passes import RejectedError

if TYPE_CHECKING:
    from mlir import ir


def require_tensor_function(function: ir.Operation) -> ir.Block:
    """The block of a function from tensors to tensors of known rank; else reports on its location and raises :class:`RejectedError`."""
    fault = fault_in(function)
    if fault:
        function.location.emit_error(f"function {function.attributes['sym_name'].value} {fault}")
        raise RejectedError
    return function.regions[0].blocks[0]


def fault_in(function: ir.Operation) -> str:
    """What makes ``function`` another kind, in words; empty where nothing does."""
    blocks = len(list(function.regions[0].blocks))
    if blocks != 1:
        return f"has {blocks} blocks; it must be one block of operations on tensors" if blocks else "has no body"
    kind = function.attributes["function_type"].value
    for end, types in (("takes", kind.inputs), ("returns", kind.results)):
        for each in types:
            if not is_ranked_tensor(each):
                return f"{end} {each}; it must take and return tensors of known rank"
    return ""


def is_ranked_tensor(kind: ir.Type) -> bool:
    """Whether it is a tensor whose rank is known."""
    from mlir import ir

    return isinstance(kind, ir.RankedTensorType)
