"""Makes a float program return what int8 does to each layer.

    func.func @main(%x) {
      %y = linalg.matmul {hwacc.layer = "fc1"} ins(%h, %w) ...
      return %y

returns also ``%y`` itself, as ``watched:fc1.float``, and as ``watched:fc1.int8`` what ``quantise-contractions`` would put in its place,
computed from the same ``%h``. The model's own results are what they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.quantisation import FLOAT_RESULT, INT8_RESULT
from hwacc.compiler.transforms.layers import FLOAT, LAYER, sound_layers
from hwacc.compiler.transforms.passes import Pass
from hwacc.compiler.transforms.quantise_contractions import quantised
from hwacc.compiler.transforms.watched_results import return_also

if TYPE_CHECKING:
    from mlir import ir


class WatchLayers(Pass):
    """``watch-layers``: the function also returns each layer's result, and that of the same layer in int8."""

    name = "watch-layers"

    def run(self, module: ir.Operation) -> None:
        found: list[tuple[str, ir.Value]] = []
        for op in sound_layers(module, named=True):
            result = quantised(op) if FLOAT not in op.attributes else None
            if result is not None:
                name = op.attributes[LAYER].value
                found += [(name + FLOAT_RESULT, op.results[0]), (name + INT8_RESULT, result)]
        return_also(module, found)
