"""Constants: MLIR attributes and NumPy arrays, each as the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mlir import ir

DTYPES = {
    "i1": "bool",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
}
"""NumPy's name of each element type that a buffer may have."""


def dtype_name(element: ir.Type) -> str | None:
    """NumPy's name for an element type; None when no buffer can hold it."""
    return DTYPES.get(element_name(element))


def element_name(element: ir.Type) -> str:
    """What MLIR calls an element type, such as ``i8``; of plain integers, which are asked for often, without MLIR's slow printer."""
    from mlir import ir

    return f"i{element.width}" if isinstance(element, ir.IntegerType) and element.is_signless else str(element)


def constant_array(value: ir.Value) -> NDArray[Any] | None:
    """The content of a value that an ``arith.constant`` defines (a scalar gives a 0-d array), or of a constant global, else None."""
    from mlir import ir

    owner = value.owner
    if isinstance(owner, ir.Block):
        return None
    attribute = constant_attribute(owner.operation)
    if isinstance(attribute, (ir.IntegerAttr, ir.FloatAttr, ir.BoolAttr)):
        dtype = dtype_name(value.type)
        return None if dtype is None else np.array(attribute.value, dtype)
    if isinstance(attribute, ir.DenseElementsAttr) and dtype_name(value.type.element_type):
        return dense_array(attribute)
    return None


def constant_attribute(op: ir.Operation) -> ir.Attribute | None:
    """What ``arith.constant`` makes, or what lies in the constant that ``memref.get_global`` names; None of other operations."""
    from mlir import ir

    if op.name == "arith.constant":
        return op.attributes["value"]
    if op.name != "memref.get_global":
        return None
    table = op.parent
    while table.operation.name != "builtin.module":
        table = table.parent
    attributes = ir.SymbolTable(table.operation)[op.attributes["name"].value].operation.attributes
    return attributes["initial_value"] if "constant" in attributes and "initial_value" in attributes else None


def tensor_content(op: ir.Operation) -> NDArray[Any]:
    """What a constant, filled or empty tensor holds; for an empty one zeros."""
    array = constant_array(op.results[0])
    if array is not None:
        return array
    kind = op.results[0].type
    number = constant_scalar(op.operands[0]) if op.name == "linalg.fill" else 0
    return np.full(list(kind.shape), number, dtype_name(kind.element_type))


def dense_array(attribute: ir.DenseElementsAttr) -> NDArray[Any]:
    """The content of a dense attribute; of one that repeats a number a view, which takes no memory and cannot be written."""
    shaped = attribute.type
    if attribute.is_splat:
        scalar = attribute.get_splat_value().value
        return np.broadcast_to(np.array(scalar, dtype_name(shaped.element_type)), shaped.shape)
    return np.ascontiguousarray(np.array(attribute)).astype(dtype_name(shaped.element_type), copy=False)


def constant_scalar(value: ir.Value) -> int | float | None:
    """The single number that a constant holds, also where a tensor repeats it, else None."""
    array = constant_array(value)
    if array is None or array.size == 0 or (any(array.strides) and (array != array.flat[0]).any()):
        return None
    number: int | float = array.flat[0].item()
    return number


def dense_attribute(array: NDArray[Any]) -> ir.DenseElementsAttr:
    """A dense attribute with the content of ``array``, in the current context."""
    from mlir import ir

    element = ir.Type.parse({dtype: name for name, dtype in DTYPES.items()}[array.dtype.name])
    if array.dtype == np.bool_:  # MLIR packs booleans into bits
        shaped = ir.RankedTensorType.get(list(array.shape), element)
        return ir.DenseElementsAttr.get([ir.IntegerAttr.get(element, int(value)) for value in array.flat], shaped)
    return ir.DenseElementsAttr.get(np.ascontiguousarray(array), type=element, shape=array.shape)


def make_constant(array: NDArray[Any]) -> ir.Value:
    """An ``arith.constant`` with the content of ``array``, at the current insertion point and location."""
    from mlir.dialects import arith

    attribute = dense_attribute(array)
    return arith.ConstantOp(attribute.type, attribute).result
