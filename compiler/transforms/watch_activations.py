"""Makes a float program return what calibration looks at.

    func.func @main(%x) {
      %y = linalg.matmul {hwacc.layer = "fc1"} ins(%h, %w) ...
      return %y

returns also ``%h``, with the name ``watched:fc1.input``. Constants have no range to be found. The model's own results are what they
were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.transforms.layers import FLOAT, activations, sound_layers
from hwacc.compiler.transforms.passes import Pass
from hwacc.compiler.transforms.watched_results import return_also

if TYPE_CHECKING:
    from mlir import ir


class WatchActivations(Pass):
    """``watch-activations``: the function also returns the activations of each layer."""

    name = "watch-activations"

    def run(self, module: ir.Operation) -> None:
        return_also(module, [pair for op in sound_layers(module, named=True) if FLOAT not in op.attributes for pair in activations(op)])
