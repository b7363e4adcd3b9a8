"""Refuses buffers whose elements are narrower than a byte.

Upstream's lowering of memrefs to LLVM aborts the process on them
(``getWidth() >= 8`` in MLIR 22.1). Booleans are bytes by then
(:mod:`.bytes_for_booleans`); the model with other ones gets an error:

    %alloc = memref.alloc() : memref<4xi4>

is refused with ``memref<4xi4>: elements narrower than a byte are not supported``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.transforms.passes import Pass, RejectedError, walk

if TYPE_CHECKING:
    from mlir import ir

BYTE = 8
"""Bits of the narrowest element that a buffer may have."""


class RefuseNarrowElements(Pass):
    """``refuse-narrow-elements``: an error for every buffer of elements of less than 8 bits."""

    name = "refuse-narrow-elements"

    def run(self, module: ir.Operation) -> None:
        from mlir import ir

        for op in walk(module):
            arguments = [argument for region in op.regions for block in region.blocks for argument in block.arguments]
            for value in (*op.results, *arguments):
                if isinstance(value.type, ir.MemRefType) and is_narrow(value.type.element_type):
                    op.location.emit_error(f"{value.type}: elements narrower than a byte are not supported")
                    raise RejectedError


def is_narrow(element: ir.Type) -> bool:
    """Whether an element has less than 8 bits."""
    from mlir import ir

    return isinstance(element, ir.IntegerType) and element.width < BYTE
