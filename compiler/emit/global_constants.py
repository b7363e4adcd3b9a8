"""Constant tensors as constants in memory: ``memref.global``, one for all that are equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlir import ir

NAME = "constant"
"""Of a global; where that is taken, with a number behind it."""


class GlobalConstants:
    """The constants that a pass places in the memory of ``module``, before all that is in it."""

    def __init__(self, module: ir.Operation) -> None:
        from mlir import ir

        self._before = module.regions[0].blocks[0].operations[0]
        self._symbols = ir.SymbolTable(module)
        self._names: dict[ir.Attribute, str] = {}

    def place(self, content: ir.DenseElementsAttr) -> ir.Value:
        """A memref that holds ``content``, at the current insertion point and location."""
        from mlir import ir
        from mlir.dialects import memref

        kind = ir.MemRefType.get(list(content.type.shape), content.type.element_type)
        if content not in self._names:
            private = ir.StringAttr.get("private")
            with ir.InsertionPoint(self._before):
                made = memref.GlobalOp(NAME, kind, initial_value=content, constant=True, sym_visibility=private)
            self._names[content] = self._symbols.insert(made.operation).value
        return memref.GetGlobalOp(kind, self._names[content]).result
