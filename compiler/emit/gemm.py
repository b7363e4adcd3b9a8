"""Plain GEMMs as streams, for benchmarks: A [M][K] by B [K][N], both int8 and row-major."""

from __future__ import annotations

from math import ceil, log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc import reference
from hwacc.compiler.emit.planner import plan
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.stream import Stream

SCALE = 1_518_500_249
"""⌊2³⁰ · √2⌋: a multiplier with bits set all over."""
TYPICAL_PRODUCT = 74 * 74
"""Standard deviation of the product of two evenly distributed int8 values."""


def gemm_spec(m: int, k: int, n: int, out: str, *, input_layout: str = "mk", weights_layout: str = "kn") -> ContractionSpec:
    """The product with ``out`` ``int32``, or ``int8``: then scaled so that random operands use the range of int8.

    Raises :class:`hwacc.errors.ModelError` for sizes that make no sense.
    """
    shift = 30 + ceil(log2(TYPICAL_PRODUCT * max(k, 1) ** 0.5 / 32))  # what is empty is refused below
    layouts = {"input_layout": input_layout, "weights_layout": weights_layout}
    return ContractionSpec.gemm(m, n, k, **layouts, output=out, multiplier=SCALE, shift=shift, zero_point=-3)  # type: ignore[arg-type]


def gemm_stream(m: int, k: int, n: int, out: str, config: ArrayConfig) -> Stream:
    """Its stream; slots ``input``, ``weights``, ``output``. Raises :class:`hwacc.errors.ModelError` for impossible sizes."""
    return plan(gemm_spec(m, k, n, out), config).stream()


def gemm_reference(spec: ContractionSpec, a: NDArray[np.int8], b: NDArray[np.int8]) -> NDArray[Any]:
    """What the output slot holds afterwards, [M, N], for operands [M, K] and [K, N]."""
    total = reference.gemm(a, b)
    if spec.output == "int32":
        return total
    multiplier, shift = np.array([spec.multiplier]), np.array([spec.shift])
    clamp = {"clamp_min": spec.clamp_min, "clamp_max": spec.clamp_max}
    return reference.requantise(total, multiplier, shift, spec.zero_point, double_round=spec.double_round, **clamp)
