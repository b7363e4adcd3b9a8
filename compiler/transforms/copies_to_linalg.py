"""Turns copies between buffers into loops.

``memref.copy`` of buffers that are not contiguous lowers to a call of MLIR's
runtime library, which the machine that runs a program need not have.

    memref.copy %a, %b : memref<2x8xi8, strided<[16, 1]>> to memref<2x8xi8>

becomes

    linalg.copy ins(%a : memref<2x8xi8, strided<[16, 1]>>) outs(%b : memref<2x8xi8>)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.transforms.passes import Pass, walk

if TYPE_CHECKING:
    from mlir import ir


class CopiesToLinalg(Pass):
    """``copies-to-linalg``: ``memref.copy`` becomes ``linalg.copy``."""

    name = "copies-to-linalg"

    def run(self, module: ir.Operation) -> None:
        from mlir import ir
        from mlir.dialects import linalg

        for op in walk(module, "memref.copy"):
            with ir.InsertionPoint(op), op.location:
                linalg.copy(op.operands[0], outs=[op.operands[1]])
            op.erase()
