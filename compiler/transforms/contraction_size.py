"""How much work a contraction is: its kind, its M×K×N, its multiply-accumulates."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from hwacc.compiler.constants import constant_array
from hwacc.compiler.dialects.hwacc import CONV2D, GEMM

if TYPE_CHECKING:
    from mlir import ir


@dataclass(frozen=True)
class Size:
    """Kind (see :data:`hwacc.program.KINDS`) and extent of a contraction."""

    kind: str
    m: int
    k: int
    n: int
    batch: int = 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.batch * self.m * self.k * self.n


def is_contraction(op: ir.Operation) -> bool:
    """Whether ``op`` is a convolution or a matrix product, on whichever backend."""
    name = op.name.removeprefix("linalg.")
    products = ("matmul", "quantized_matmul", "batch_matmul", "quantized_batch_matmul", "matvec", "vecmat", "batch_matvec")
    return op.name in (CONV2D, GEMM) or (
        op.name.startswith("linalg.") and (name in products or name.startswith(("conv_", "depthwise_conv_")))
    )


def contraction_size(op: ir.Operation) -> Size:
    """The size of a contraction, from the shapes of its operands and its result."""
    left, right, out = (list(value.type.shape) for value in (op.operands[0], op.operands[1], op.results[0]))
    if "depthwise" in op.name:
        kernel = prod(right[:2])
        return Size("depthwise", prod(out) // prod(right[2:]), kernel, prod(right[2:]))
    if "conv" in op.name:
        filters = filter_count(op, out)
        return Size("conv2d", prod(out) // filters, prod(right) // filters, filters)
    kind = "gemm" if constant_array(op.operands[1]) is None else "dense"
    if "batch" in op.name:
        return Size(kind, prod(out[1:-1]), left[-1], out[-1], batch=out[0])
    return Size(kind, prod(out[:-1]), left[-1], out[-1])


def filter_count(op: ir.Operation, out: list[int]) -> int:
    """Output channels of a convolution: last where the layout says so, as in NHWC, else second."""
    layout = op.name.removeprefix("linalg.").removesuffix("_q").split("_")
    channels_first = any(part.startswith("nc") for part in layout)
    return int(out[1] if channels_first else out[-1])
