"""Machine-level IR and descriptor streams, each as the other.

A plan becomes a function over buffers whose body is ``hwacc.load``,
``hwacc.compute`` and ``hwacc.store``, one for each descriptor. The stream is
read off that function, so what ``--emit hwacc`` shows is what runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from hwacc import isa
from hwacc.compiler.dialects.hwacc import MACHINE_OPS, has_buffer, ir_fields, op_name
from hwacc.compiler.transforms.build import integer
from hwacc.config import ArrayConfig
from hwacc.stream import Slot, Stream

if TYPE_CHECKING:
    from mlir import ir

SLOT = "hwacc.slot"
"""Attribute of an argument: the name of the buffer."""

BY_NAME = {op_name(op): op for op in MACHINE_OPS}
NAMES = {op.name: [field.name for field in ir_fields(op)] for op in MACHINE_OPS}
"""Attributes of each operation."""


def machine_function(name: str, slots: Sequence[Slot], operations: Sequence[tuple[isa.Descriptor, int | None]]) -> ir.Operation:
    """A function ``name`` with one argument for each slot and one operation for each descriptor, at the current insertion point."""
    from mlir import ir
    from mlir.dialects import func

    byte = integer(8)
    buffers = [ir.MemRefType.get([slot.size], byte) for slot in slots]
    function = func.FuncOp(name, ir.FunctionType.get(buffers, []))
    block = function.add_entry_block()
    function.arg_attrs = [ir.DictAttr.get({SLOT: ir.StringAttr.get(slot.name)}) for slot in slots]
    wide, arguments = integer(64), list(block.arguments)
    number = cache(lambda value: ir.IntegerAttr.get(wide, value))
    with ir.InsertionPoint(block):
        for descriptor, slot in operations:
            values = descriptor.values
            attributes = {name: number(values[name]) for name in NAMES[descriptor.op.name]}
            operands = [] if slot is None else [arguments[slot]]
            ir.Operation.create(op_name(descriptor.op), operands=operands, attributes=attributes)
        func.ReturnOp([])
    return function.operation


def stream_of(function: ir.Operation, config: ArrayConfig) -> Stream:
    """The stream that a machine-level function describes."""
    from mlir import ir

    (block,) = function.regions[0].blocks
    arguments = list(block.arguments)
    names = [attributes[SLOT].value for attributes in function.attributes["arg_attrs"]]
    slots = tuple(Slot(name, buffer_bytes(argument)) for name, argument in zip(names, arguments))
    descriptors, relocations = [], []
    for op in (each.operation for each in block.operations):
        kind = BY_NAME.get(op.name)
        if kind is None:
            continue
        attributes = op.attributes
        values: Mapping[str, int] = {name: attributes[name].value for name in NAMES[kind.name]}
        descriptors.append(isa.describe(kind, **values))
        relocations.append(ir.BlockArgument(op.operands[0]).arg_number if has_buffer(kind) else None)
    return Stream(config.hash, slots, tuple(descriptors), tuple(relocations))


def buffer_bytes(value: ir.Value) -> int:
    """Bytes of a buffer of bytes."""
    return int(np.prod(list(value.type.shape), dtype=np.int64))
