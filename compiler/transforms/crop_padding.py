"""Cuts off what a negative padding takes away, which upstream's lowering of ``tensor.pad`` refuses.

Frameworks crop pictures in this way:

    %y = tensor.pad %x low[0, -1] high[2, -3] { tensor.yield %c } : tensor<4x9xi8> to tensor<6x5xi8>

becomes

    %s = tensor.extract_slice %x[0, 1] [4, 5] [1, 1] : tensor<4x9xi8> to tensor<4x5xi8>
    %y = tensor.pad %s low[0, 0] high[2, 0] { tensor.yield %c } : tensor<4x5xi8> to tensor<6x5xi8>
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.transforms.build import replace, tensor_type
from hwacc.compiler.transforms.passes import Pass, walk

if TYPE_CHECKING:
    from mlir import ir


class CropPadding(Pass):
    """``crop-padding``: a ``tensor.pad`` by a negative amount becomes a slice, and a ``tensor.pad`` of what is left."""

    name = "crop-padding"

    def run(self, module: ir.Operation) -> None:
        from mlir import ir

        for op in walk(module, "tensor.pad"):
            if len(op.operands) == 1 and op.operands[0].type.has_static_shape:
                with ir.InsertionPoint(op), op.location:
                    crop(op)


def crop(op: ir.Operation) -> None:
    """Replaces ``op`` if it takes something away and leaves something of its operand."""
    from mlir import ir
    from mlir.dialects import tensor

    low, high = ([int(amount) for amount in op.attributes[name]] for name in ("static_low", "static_high"))
    shape = list(op.operands[0].type.shape)
    sizes = [size + min(before, 0) + min(after, 0) for size, before, after in zip(shape, low, high)]
    if sizes == shape or min(sizes) < 1:
        return
    kind, ones = tensor_type(sizes, op.operands[0].type.element_type), [1] * len(sizes)
    part = tensor.ExtractSliceOp(kind, op.operands[0], [], [], [], [max(-before, 0) for before in low], sizes, ones).result
    left = op.clone().operation
    left.operands[0] = part
    for name, amounts in (("static_low", low), ("static_high", high)):
        left.attributes[name] = ir.DenseI64ArrayAttr.get([max(amount, 0) for amount in amounts])
    replace(op, left.results[0])
