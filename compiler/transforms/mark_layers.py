"""Writes on each layer its name, and what is known and wanted of it.

    %y = linalg.matmul ins(%x, %w : tensor<5x24xf32>, tensor<24x10xf32>) outs(%bias)

becomes, with a range found by calibration,

    %y = linalg.matmul {hwacc.layer = "fc1", hwacc.ranges = [array<f64: -1.5, 2.0>, array<f64>]} ins(%x, %w) outs(%bias)

The passes after this one need no options: what they are to do stands in the IR.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.quantisation import Quantisation
from hwacc.compiler.transforms.layers import FLOAT, LAYER, OPERANDS, RANGES, activation_name, named_layers
from hwacc.compiler.transforms.passes import Pass
from hwacc.errors import ModelError

if TYPE_CHECKING:
    from mlir import ir


class MarkLayers(Pass):
    """``mark-layers``: the float contractions get their names, ranges, and the wish to stay float.

    With a ``quantisation`` a model without layers is an error, and so is the name of a layer or activation that is not there.
    """

    name = "mark-layers"

    def __init__(self, quantisation: Quantisation | None = None) -> None:
        self.needs_layers = quantisation is not None
        self.quantisation = quantisation or Quantisation()

    def run(self, module: ir.Operation) -> None:
        found = named_layers(module)
        if self.needs_layers and not found:
            raise ModelError(
                "there is nothing to quantise: no matrix product of floats, and no convolution in one group, "
                "whose sizes are known and that stands in no loop or branch"
            )
        for name in self.quantisation.keep:
            if name not in found:
                raise ModelError(f"there is no layer {name!r} to keep in float; there are: {', '.join(found)}")
        unknown = set(self.quantisation.ranges) - {activation_name(name, operand) for name in found for operand in OPERANDS}
        if unknown:
            raise ModelError(f"a range is given for {min(unknown)}, which is no activation of this model; calibrate it again")
        for name, op in found.items():
            self.mark(name, op)

    def mark(self, name: str, op: ir.Operation) -> None:
        """Writes on one layer."""
        from mlir import ir

        op.attributes[LAYER] = ir.StringAttr.get(name)
        ranges = [self.quantisation.ranges.get(activation_name(name, operand), ()) for operand in OPERANDS]
        if any(ranges):
            op.attributes[RANGES] = ir.ArrayAttr.get([ir.DenseF64ArrayAttr.get(list(each)) for each in ranges])
        if name in self.quantisation.keep:
            op.attributes[FLOAT] = ir.UnitAttr.get()
