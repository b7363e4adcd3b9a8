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
    return DTYPES.get(str(element))


def constant_array(value: ir.Value) -> NDArray[Any] | None:
    """The content of a value that an ``arith.constant`` defines (a scalar gives a 0-d array), else None."""
    from mlir import ir

    owner = value.owner
    if isinstance(owner, ir.Block) or owner.name != "arith.constant":
        return None
    attribute = owner.attributes["value"]
    if isinstance(attribute, (ir.IntegerAttr, ir.FloatAttr, ir.BoolAttr)):
        dtype = dtype_name(value.type)
        return None if dtype is None else np.array(attribute.value, dtype)
    if isinstance(attribute, ir.DenseElementsAttr) and dtype_name(value.type.element_type):
        return dense_array(attribute)
    return None


def dense_array(attribute: ir.DenseElementsAttr) -> NDArray[Any]:
    """The content of a dense attribute."""
    shaped = attribute.type
    if attribute.is_splat:
        scalar = attribute.get_splat_value().value
        return np.full(shaped.shape, scalar, dtype_name(shaped.element_type))
    return np.ascontiguousarray(np.array(attribute)).astype(dtype_name(shaped.element_type), copy=False)


def constant_scalar(value: ir.Value) -> int | float | None:
    """The single number that a constant holds, also where a tensor repeats it, else None."""
    array = constant_array(value)
    if array is None or array.size == 0 or (array != array.flat[0]).any():
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
