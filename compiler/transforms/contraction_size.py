"""How much work a contraction is: its kind, its M×K×N, its multiply-accumulates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from hwacc.compiler.constants import constant_array
from hwacc.compiler.dialects.hwacc import CONV2D, TENSOR_OPS, group_count
from hwacc.compiler.transforms.build import defining
from hwacc.compiler.transforms.linalg_form import Form, read_form
from hwacc.compiler.transforms.loop_roles import with_roles
from hwacc.compiler.transforms.reasons import NotForArray
from hwacc.program import describe_shape

if TYPE_CHECKING:
    from mlir import ir


@dataclass(frozen=True)
class Size:
    """Kind (see :data:`hwacc.program.KINDS`) and extent of a contraction; ``batch`` of them, each of this extent.

    What is known only at run time is negative.
    """

    kind: str
    m: int
    k: int
    n: int
    batch: int = 1

    @property
    def words(self) -> str:
        """``9x24x10``, M×K×N; ``12 of 9x24x10`` for a batch or groups."""
        extent = describe_shape([self.m, self.k, self.n])
        return extent if self.batch == 1 else f"{describe_shape([self.batch])} of {extent}"

    @property
    def macs(self) -> int:
        """Multiply-accumulates; 0 if unknown."""
        sizes = (self.batch, self.m, self.k, self.n)
        return 0 if min(sizes) < 0 else prod(sizes)


def is_contraction(op: ir.Operation) -> bool:
    """Whether ``op`` is a convolution or a matrix product, on whichever backend."""
    return op.name in TENSOR_OPS or read_form(op) is not None


def contraction_size(op: ir.Operation) -> Size:
    """The size of a contraction, from the shapes of its operands and its result."""
    if op.name not in TENSOR_OPS:
        form = read_form(op)
        assert form is not None, f"{op.name} is no contraction"
        return size_of(form)
    left, right, out = (list(value.type.shape) for value in (op.operands[0], op.operands[1], op.results[0]))
    groups = group_count(op)
    if op.name == CONV2D:
        return Size("conv2d", product(out[:-1]), product(right[1:]), out[-1] // groups, groups)
    kind = "gemm" if constant_array(op.operands[1]) is None else "dense"
    m, n = out[-2:]
    return Size(kind, m, left[-2 if op.attributes["input_km"].value else -1], n, groups)


def size_of(form: Form) -> Size:
    """The size of a contraction of linalg."""
    try:
        form, roles = with_roles(form)
    except NotForArray:
        loops = set(form.sizes) - set(form.out)
        return Size("other", product(form.shape(form.out)), product(form.sizes[loop] for loop in loops), 1)
    rows, columns = (product(form.shape(loops)) for loops in (roles.rows + roles.pixels, roles.columns))
    length, batch = product(form.shape(roles.inner + roles.kernel)), product(form.shape(roles.batch))
    if roles.is_depthwise(form):
        return Size("depthwise", rows, length, product((batch, columns)))
    if roles.windows:
        return Size("conv2d", rows, length, columns, batch)
    return Size("gemm" if constant_array(form.right.value) is None else "dense", rows, length, columns, batch)


def inner_macs(op: ir.Operation) -> int:
    """Multiply-accumulates of the contractions in the loops and branches of ``op``: as often as a loop is known to turn, else once."""
    inside = sum(inner_macs(inner.operation) for region in op.regions for block in region.blocks for inner in block.operations)
    own = contraction_size(op).macs if is_contraction(op) and len(op.results) else 0
    return own + turns(op) * inside


def turns(op: ir.Operation) -> int:
    """How often a loop with constant bounds turns; 1 for anything else."""
    if op.name != "scf.for":
        return 1
    bounds = [defining(value) for value in list(op.operands)[:3]]
    if any(bound is None or bound.name != "arith.constant" for bound in bounds):
        return 1
    first, end, step = (bound.attributes["value"].value for bound in bounds if bound is not None)
    return len(range(first, end, step)) if step > 0 else 1


def product(sizes: Iterable[int]) -> int:
    """The product; negative if a size is known only at run time."""
    known = list(sizes)
    return min(known) if known and min(known) < 0 else prod(known)
