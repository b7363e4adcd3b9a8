"""Gives a task's function the signature under which it is called: buffers in, buffers out.

The caller owns all memory; the code must neither return tensors nor allocate
its results. Said before bufferization, this lets upstream's bufferization
write the results in place:

    func.func @add(%a: tensor<4xi8>, %b: tensor<4xi8>) -> tensor<4xi8> {
      %0 = linalg.generic ins(%a, %b) ...
      return %0

becomes

    func.func @add(%a: memref<4xi8>, %b: memref<4xi8>, %out: memref<4xi8>) {
      %a2 = bufferization.to_tensor %a restrict : memref<4xi8> to tensor<4xi8>
      %b2 = bufferization.to_tensor %b restrict : memref<4xi8> to tensor<4xi8>
      %0 = linalg.generic ins(%a2, %b2) ...
      bufferization.materialize_in_destination %0 in restrict writable %out
      return
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.transforms.passes import Pass, RejectedError, walk
from hwacc.compiler.transforms.tensor_function import require_tensor_function

if TYPE_CHECKING:
    from mlir import ir


class DestinationStyle(Pass):
    """``destination-style``: every function takes memrefs, its results last, and returns nothing; one that does so already stays."""

    name = "destination-style"

    def run(self, module: ir.Operation) -> None:
        for function in walk(module, "func.func"):
            if not has_style(function):
                rewrite(function)


def has_style(function: ir.Operation) -> bool:
    """Whether a function takes memrefs only, and returns nothing."""
    from mlir import ir

    kind = function.attributes["function_type"].value
    return bool(kind.inputs) and not kind.results and all(isinstance(each, ir.MemRefType) for each in kind.inputs)


def rewrite(function: ir.Operation) -> None:
    """Changes one function in place."""
    from mlir import ir
    from mlir.dialects import bufferization

    block = require_tensor_function(function)
    terminator = list(block.operations)[-1].operation
    kind = function.attributes["function_type"].value
    buffers = [buffer_of(each, function) for each in (*kind.inputs, *kind.results)]
    with function.location:
        with ir.InsertionPoint.at_block_begin(block):
            for argument, buffer in zip(list(block.arguments), buffers):
                value = argument.type
                argument.set_type(buffer)
                tensor = bufferization.ToTensorOp(value, argument, restrict=True)
                argument.replace_all_uses_except(tensor.result, tensor.operation)
        with ir.InsertionPoint(terminator):
            for result, buffer in zip(list(terminator.operands), buffers[len(kind.inputs) :]):
                destination = block.add_argument(buffer, function.location)
                bufferization.MaterializeInDestinationOp(None, result, destination, restrict=True, writable=True)
            ir.Operation.create("func.return")
        terminator.erase()
        function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(buffers, []))


def buffer_of(kind: ir.RankedTensorType, function: ir.Operation) -> ir.MemRefType:
    """The buffer of a tensor; reports on ``function`` and raises :class:`RejectedError` for elements that no buffer holds."""
    from mlir import ir

    try:
        return ir.MemRefType.get(list(kind.shape), kind.element_type)
    except ir.MLIRError:
        name = function.attributes["sym_name"].value
        function.location.emit_error(f"function {name} takes or returns {kind}, whose elements no buffer can hold")
        raise RejectedError from None
