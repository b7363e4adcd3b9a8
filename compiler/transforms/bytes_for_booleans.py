"""Stores booleans as bytes.

Upstream's lowering of memrefs to LLVM aborts the process on elements narrower
than a byte (``getWidth() >= 8`` in MLIR 22.1), and programs hold a boolean in
a byte anyway. Most boolean tensors vanish when elementwise operations are
fused; those that are left become bytes of 0 and 1:

    %flag = memref.load %mask[%i] : memref<4xi1>

becomes

    %byte = memref.load %mask[%i] : memref<4xi8>
    %flag = arith.trunci %byte : i8 to i1

and a store extends its value before. It runs on loops, where nothing but loads
and stores looks at elements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwacc.compiler.transforms.passes import Pass, walk

if TYPE_CHECKING:
    from mlir import ir


class BytesForBooleans(Pass):
    """``bytes-for-booleans``: every memref of ``i1`` becomes one of ``i8``."""

    name = "bytes-for-booleans"

    def run(self, module: ir.Operation) -> None:
        for op in walk(module):
            for value in values_of(op):
                if holds_booleans(value.type):
                    value.set_type(of_bytes(value.type))
                    for use in list(value.uses):
                        if use.owner.name == "memref.store" and use.operand_number == 1:
                            extend(use.owner.operation)
            if op.name == "memref.load":
                truncate(op)
        for name, key in (("func.func", "function_type"), ("memref.global", "type")):
            for op in walk(module, name):
                retype(op, key)


def values_of(op: ir.Operation) -> list[Any]:
    """The results of an operation, and the arguments of its blocks."""
    return [*op.results, *(argument for region in op.regions for block in region.blocks for argument in block.arguments)]


def holds_booleans(kind: ir.Type) -> bool:
    """Whether a type is a memref of ``i1``."""
    from mlir import ir

    return isinstance(kind, ir.MemRefType) and str(kind.element_type) == "i1"


def of_bytes(kind: ir.MemRefType) -> ir.MemRefType:
    """The same memref of ``i8``."""
    from mlir import ir

    byte = ir.IntegerType.get_signless(8, kind.context)
    return ir.MemRefType.get(list(kind.shape), byte, kind.layout, kind.memory_space, loc=ir.Location.unknown(kind.context))


def extend(store: ir.Operation) -> None:
    """Makes the boolean that ``store`` writes a byte."""
    from mlir import ir
    from mlir.dialects import arith

    with ir.InsertionPoint(store), store.location:
        store.operands[0] = arith.extui(ir.IntegerType.get_signless(8), store.operands[0])


def truncate(load: ir.Operation) -> None:
    """Makes a boolean of the byte that ``load`` now reads, if it reads bytes where it gave booleans."""
    from mlir import ir
    from mlir.dialects import arith

    value = load.results[0]
    if str(value.type) != "i1":
        return
    with ir.InsertionPoint.after(load), load.location:
        value.set_type(ir.IntegerType.get_signless(8))
        flag = arith.TruncIOp(ir.IntegerType.get_signless(1), value)
        value.replace_all_uses_except(flag.result, flag.operation)


def retype(op: ir.Operation, key: str) -> None:
    """Says in the type attribute ``key`` of a function or a global what its values have become."""
    from mlir import ir

    kind = op.attributes[key].value
    if isinstance(kind, ir.FunctionType):
        inputs, results = ([of_bytes(t) if holds_booleans(t) else t for t in types] for types in (kind.inputs, kind.results))
        op.attributes[key] = ir.TypeAttr.get(ir.FunctionType.get(inputs, results, context=op.context))
    elif holds_booleans(kind):
        op.attributes[key] = ir.TypeAttr.get(of_bytes(kind), op.context)
        if "initial_value" in op.attributes and not isinstance(op.attributes["initial_value"], ir.UnitAttr):
            op.attributes["initial_value"] = bytes_of(op.attributes["initial_value"])


def bytes_of(flags: ir.DenseElementsAttr) -> ir.DenseElementsAttr:
    """Booleans as a dense attribute of bytes."""
    import numpy as np

    from hwacc.compiler.constants import dense_array, dense_attribute

    with flags.type.context:
        return dense_attribute(dense_array(flags).astype(np.int8))
