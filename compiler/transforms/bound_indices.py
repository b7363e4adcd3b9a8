"""Bounds the indices that come from data.

A lookup in a table (an embedding, say) reads where an input tells it to. A
number out of range would read, or crash on, memory that is none of the
table's; frameworks differ in what they do then. Here it reads the nearest
element, as in JAX, and the assertions that frameworks write for the purpose,
which would end the user's process, go.

    %i = arith.index_cast %id : i64 to index
    %e = tensor.extract %table[%i, %j] : tensor<30522x384xf32>

becomes

    %low = arith.maxsi %i, %c0
    %bounded = arith.minsi %low, %c30521
    %e = tensor.extract %table[%bounded, %j] : tensor<30522x384xf32>
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.transforms.build import defining, scalar, size_of
from hwacc.compiler.transforms.passes import Pass, walk

if TYPE_CHECKING:
    from mlir import ir

POSITIONS = ("linalg.index", "arith.constant")
"""What gives an index that does not depend on data."""


class BoundIndices(Pass):
    """``bound-indices``: no ``tensor.extract`` reads outside its tensor, and no ``cf.assert`` is left."""

    name = "bound-indices"

    def run(self, module: ir.Operation) -> None:
        for op in walk(module, "tensor.extract", "cf.assert"):
            if op.name == "cf.assert":
                op.erase()
            else:
                bound(op)


def bound(extract: ir.Operation) -> None:
    """Bounds each index of ``extract`` that comes from data by the tensor's size."""
    from mlir import ir
    from mlir.dialects import arith

    for number, size in enumerate(extract.operands[0].type.shape, 1):
        if comes_from_data(extract.operands[number]):
            with ir.InsertionPoint(extract), extract.location:
                first, last = scalar(0, ir.IndexType.get()), last_index(extract.operands[0], number - 1, size)
                extract.operands[number] = arith.minsi(arith.maxsi(extract.operands[number], first), last)


def last_index(tensor: ir.Value, axis: int, size: int) -> ir.Value:
    """The last index along an axis, known or not; of one that is known to be empty 0."""
    from mlir import ir
    from mlir.dialects import arith

    if size >= 0:
        return scalar(max(0, size - 1), ir.IndexType.get())
    return arith.subi(size_of(tensor, axis), scalar(1, ir.IndexType.get()))


def comes_from_data(index: ir.Value) -> bool:
    """Whether ``index`` is more than arithmetic on positions and constants."""
    work = [index]
    while work:
        op = defining(work.pop())
        if op is None or not (op.name in POSITIONS or op.name.startswith("arith.")):
            return True
        work += op.operands
    return False
