"""What the passes on whole functions ask of one: a body of one block, and tensors of known rank at its ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hwacc.compiler.transforms.passes import RejectedError

if TYPE_CHECKING:
    from mlir import ir

INPUTS, OUTPUTS = "hwacc.inputs", "hwacc.outputs"
"""Attributes of the model's function: the names of its arguments and of its results."""
QUANTISATION = "hwacc.quantisation"
"""Attribute likewise: for each argument, then each result, the scale and the zero point, or nothing."""


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
    return ends_fault(function)


def ends_fault(function: ir.Operation) -> str:
    """What is wrong with what is said about the function's ends; empty where nothing is."""
    for name in (INPUTS, OUTPUTS):
        if name in function.attributes and not is_list(function.attributes[name], is_word):
            return f"has {name} = {function.attributes[name]}, which must be a list of words"
    if QUANTISATION in function.attributes and not is_list(function.attributes[QUANTISATION], is_scale):
        return f"has {QUANTISATION} = {function.attributes[QUANTISATION]}, which must be a list of pairs [scale, zero point], or of []"
    return ""


def is_list(attribute: ir.Attribute, is_member: Callable[[ir.Attribute], bool]) -> bool:
    """Whether it is a list of such members."""
    from mlir import ir

    return isinstance(attribute, ir.ArrayAttr) and all(map(is_member, attribute))


def is_word(attribute: ir.Attribute) -> bool:
    """Whether it is a string."""
    from mlir import ir

    return isinstance(attribute, ir.StringAttr)


def is_scale(attribute: ir.Attribute) -> bool:
    """Whether it is a scale and a zero point, or an empty list."""
    from mlir import ir

    if not isinstance(attribute, ir.ArrayAttr) or len(attribute) not in (0, 2):
        return False
    return not len(attribute) or (isinstance(attribute[0], ir.FloatAttr) and isinstance(attribute[1], ir.IntegerAttr))


def is_ranked_tensor(kind: ir.Type) -> bool:
    """Whether it is a tensor whose rank is known."""
    from mlir import ir

    return isinstance(kind, ir.RankedTensorType)
