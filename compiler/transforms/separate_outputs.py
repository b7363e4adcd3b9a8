"""Makes each result of the model the result of one operation.

A program writes each of its outputs into a buffer of its own. What the model
returns twice, or returns without computing it, has no such buffer: it is
copied, which is an operation like any other.

    func.func @main(%x: tensor<4xi8>) -> (tensor<4xi8>, tensor<4xi8>, tensor<4xi8>) {
      %y = ...
      return %y, %y, %x

becomes

      %y = ...
      %copy = linalg.generic ins(%y) { linalg.yield %in }
      %input = linalg.generic ins(%x) { linalg.yield %in }
      return %y, %copy, %input
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.transforms.build import defining, elementwise, view_root
from hwacc.compiler.transforms.partition import is_cheap
from hwacc.compiler.transforms.passes import Pass, walk
from hwacc.compiler.transforms.tensor_function import require_tensor_function

if TYPE_CHECKING:
    from mlir import ir


class SeparateOutputs(Pass):
    """``separate-outputs``: what a function returns are results of different operations, none of them an argument or a constant."""

    name = "separate-outputs"

    def run(self, module: ir.Operation) -> None:
        for function in walk(module, "func.func"):
            separate(function)


def separate(function: ir.Operation) -> None:
    """Copies what needs it in one function."""
    from mlir import ir

    terminator = list(require_tensor_function(function).operations)[-1].operation
    seen: set[ir.Value] = set()
    for index, value in enumerate(terminator.operands):
        root = view_root(value)
        op = defining(root)
        if root in seen or op is None or is_cheap(op):
            with ir.InsertionPoint(terminator), terminator.location:
                terminator.operands[index] = elementwise([value], value.type.element_type, lambda element: element)
        seen.add(root)
