"""Turns ``dense_resource`` constants into plain ones.

Frameworks keep weights as blobs beside the IR, and MLIR's Python bindings
cannot read those. Printed, a module shows each as a hexadecimal string
behind four bytes of alignment::

    {-# dialect_resources: { builtin: { w: "0x04000000000080BF0000003F" } } #-}
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from hwacc.compiler.constants import dense_attribute, dtype_name
from hwacc.compiler.transforms.passes import walk
from hwacc.errors import ModelError

if TYPE_CHECKING:
    from mlir import ir

BLOB = re.compile(r'^\s*("(?:[^"\\]|\\.)*"|[\w.$-]+): "0x([0-9A-Fa-f]*)"', re.MULTILINE)
HANDLE = re.compile(r'^dense_resource<("(?:[^"\\]|\\.)*"|[^>]+)>')
ALIGNMENT_BYTES = 4


def resources_to_constants(module: ir.Module) -> None:
    """Gives every constant its content; raises :class:`ModelError` for one whose blob is missing or too short."""
    held = [op for op in walk(module.operation, "arith.constant") if is_resource(op.attributes["value"])]
    if not held:
        return
    blobs = blobs_of(str(module))
    for op in held:
        name, kind = handle_name(op.attributes["value"]), op.results[0].type
        if name not in blobs:
            raise ModelError(f"constant {name} has no content in the file (was it printed without its resources?)")
        op.attributes["value"] = content(blobs[name], kind, f"constant {name}")


def is_resource(attribute: ir.Attribute) -> bool:
    """Whether an attribute is a ``dense_resource``; the bindings know by a cast alone."""
    from mlir import ir

    try:
        ir.DenseResourceElementsAttr(attribute)
    except ValueError:
        return False
    return True


def blobs_of(text: str) -> dict[str, bytes]:
    """The blobs at the end of a printed module, by name."""
    tail = text[text.rfind("\n{-#") + 1 :]
    return {match[1]: bytes.fromhex(match[2])[ALIGNMENT_BYTES:] for match in BLOB.finditer(tail)}


def handle_name(attribute: ir.Attribute) -> str:
    """The name of the blob that a ``dense_resource`` attribute refers to, as it is printed."""
    match = HANDLE.match(str(attribute))
    assert match is not None, attribute
    return match[1]


def content(blob: bytes, kind: ir.ShapedType, where: str) -> ir.DenseElementsAttr:
    """The content of a blob of that type; raises :class:`ModelError` naming ``where``."""
    from mlir import ir

    name = str(kind.element_type)
    dtype = "uint16" if name == "bf16" else dtype_name(kind.element_type)
    if dtype is None:
        raise ModelError(f"{where} has elements of {name}, which no buffer can hold")
    if len(blob) != int(np.prod(kind.shape, dtype=np.int64)) * np.dtype(dtype).itemsize:
        raise ModelError(f"{where} has {len(blob)} bytes for {kind}")
    array = np.frombuffer(blob, dtype).reshape(list(kind.shape))
    if name == "bf16":
        return ir.DenseElementsAttr.get(array, type=kind.element_type, shape=list(kind.shape))
    return dense_attribute(array)
