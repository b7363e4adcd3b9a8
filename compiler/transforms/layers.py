"""Layers: the float contractions that can be quantised, their names and the ranges of their activations.

A layer has a name (``hwacc.layer``), unique in the model, taken from the model's source; it is the same each time
the model is compiled. A range found by calibration stands on the operation for each operand:
``hwacc.ranges = [array<f64: -1.5, 2.0>, array<f64>]``, nothing for one of which none is known.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from hwacc.compiler.constants import constant_array
from hwacc.compiler.context import given_name
from hwacc.compiler.names import short_name, unique_names
from hwacc.compiler.transforms.build import defining
from hwacc.compiler.transforms.loop_nest import Read
from hwacc.compiler.transforms.passes import RejectedError, walk
from hwacc.compiler.transforms.quantised_operand import Range
from hwacc.compiler.transforms.reasons import is_in_function

if TYPE_CHECKING:
    from mlir import ir

LAYER = "hwacc.layer"
"""Attribute of a layer: its name."""
RANGES = "hwacc.ranges"
"""Attribute of a layer: for each operand the range of its values, or nothing."""
FLOAT = "hwacc.float"
"""Attribute of a layer that is to stay as it is."""
OPERANDS = ("input", "weights")
"""Names of the operands of a layer; both may be activations."""

CONVOLUTIONS = {
    "linalg.conv_1d_nwc_wcf": ("nwc", "wcf", "nwf"),
    "linalg.conv_1d_ncw_fcw": ("ncw", "fcw", "nfw"),
    "linalg.conv_2d_nhwc_hwcf": ("nhwc", "hwcf", "nhwf"),
    "linalg.conv_2d_nhwc_fhwc": ("nhwc", "fhwc", "nhwf"),
    "linalg.conv_2d_nchw_fchw": ("nchw", "fchw", "nfhw"),
}
"""Convolutions that can be quantised, with the dimensions of input, weights and result."""


def layers(root: ir.Operation) -> list[ir.Operation]:
    """The layers under ``root``, in order. A contraction in a loop or a branch is none: the array could not run it."""
    return [op for op in walk(root) if is_layer(op) and is_in_function(op)]


def sound_layers(root: ir.Operation, *, named: bool) -> list[ir.Operation]:
    """The layers under ``root``, for a pass that reads what is noted on them; ``named``: each must have its name.

    Raises :class:`RejectedError` after reporting those whose notes are none.
    """
    found = layers(root)
    faults = [(op, note_fault(op, named=named)) for op in found]
    for op, fault in faults:
        if fault:
            op.location.emit_error(f"{op.name}: {fault}")
    if any(fault for _, fault in faults):
        raise RejectedError
    return found


def note_fault(op: ir.Operation, *, named: bool) -> str:
    """What is wrong with the name and the ranges noted on a layer; empty if nothing is."""
    from mlir import ir

    if named and LAYER not in op.attributes:
        return f"has no {LAYER}; run mark-layers before this pass"
    if LAYER in op.attributes and not isinstance(op.attributes[LAYER], ir.StringAttr):
        return f"{LAYER} must be a word, not {op.attributes[LAYER]}"
    if RANGES in op.attributes and not are_ranges(op.attributes[RANGES]):
        return f"{RANGES} must be a list of two array<f64: least, largest>, empty where it is not known, not {op.attributes[RANGES]}"
    return ""


def are_ranges(attribute: ir.Attribute) -> bool:
    """Whether an attribute is a range, finite and in order, or nothing, for each operand."""
    from mlir import ir

    if not isinstance(attribute, ir.ArrayAttr) or len(attribute) != len(OPERANDS):
        return False
    pairs = [list(each) for each in attribute if isinstance(each, ir.DenseF64ArrayAttr)]
    return len(pairs) == len(OPERANDS) and all(not pair or (len(pair) == 2 and -inf < pair[0] <= pair[1] < inf) for pair in pairs)


def is_layer(op: ir.Operation) -> bool:
    """Whether ``op`` is a contraction of floats, on tensors of static size, of a form that can be quantised."""
    from mlir import ir
    from mlir.dialects import linalg

    if not op.name.startswith("linalg.") or len(op.results) != 1 or len(op.operands) != 3:
        return False
    shaped = [value.type for value in (*op.operands, *op.results)]
    if not all(isinstance(kind, ir.RankedTensorType) and kind.has_static_shape for kind in shaped):
        return False
    if not all(isinstance(kind.element_type, (ir.BF16Type, ir.F16Type, ir.F32Type, ir.F64Type)) for kind in shaped):
        return False
    return op.name in CONVOLUTIONS or bool(linalg.isa_contraction_op(op))


def named_layers(root: ir.Operation) -> dict[str, ir.Operation]:
    """The layers under ``root`` by name, in order."""
    found = layers(root)
    return dict(zip(unique_names([wanted_name(op, number) for number, op in enumerate(found)]), found))


def wanted_name(op: ir.Operation, number: int) -> str:
    """The name that the model's source gives a layer: that of its weights, else its own; else its form and number."""
    if LAYER in op.attributes:
        return str(op.attributes[LAYER].value)
    source = unmoved(op.operands[1])
    weights = defining(source)
    sources = [given_name(op.location)]
    if weights is not None and constant_array(source) is not None:
        sources.insert(0, given_name(weights.location))
    return short_name(sources) or f"{op.name.removeprefix('linalg.')}_{number}"


def place_of(op: ir.Operation, part: str = "") -> ir.Location:
    """Where a layer, or a ``part`` of its work, comes from: with its name, which becomes that of a task."""
    from mlir import ir

    if LAYER not in op.attributes:
        return op.location
    name = str(op.attributes[LAYER].value)
    return ir.Location.name(f"{name}.{part}" if part else name, op.location)


def range_of(op: ir.Operation, operand: int) -> Range | None:
    """The range of an operand's values that calibration found; None where there is none."""
    if RANGES not in op.attributes or not len(op.attributes[RANGES][operand]):
        return None
    low, high = op.attributes[RANGES][operand]
    return float(low), float(high)


def activations(op: ir.Operation) -> list[tuple[str, ir.Value]]:
    """The operands of a layer that are not constant, with their names."""
    name = str(op.attributes[LAYER].value)
    values = [(activation_name(name, operand), op.operands[index]) for index, operand in enumerate(OPERANDS)]
    return [(label, value) for label, value in values if constant_array(unmoved(value)) is None]


def unmoved(value: ir.Value) -> ir.Value:
    """What transposes and broadcasts made ``value`` from."""
    return Read(value, tuple(range(len(value.type.shape)))).behind_moves().value


def activation_name(layer: str, operand: str) -> str:
    """What calibration calls an operand of a layer."""
    return f"{layer}.{operand}"
