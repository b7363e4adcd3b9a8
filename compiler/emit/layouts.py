"""How the operands of a product with few steps of k are best laid out on chip.

Output-stationary tiles of operands that lie across take no longer than k or the
rows of a tile; a lane of any other operand is served once in a tile, so such a
tile takes as long as there are lanes. Where k is smaller than that, it pays to
have both operands across:

- of a single row or column, or a single step of k, both layouts are the same bytes;
- a small input can be brought byte by byte, and lie across although it lies [M][K] in memory.

A product of a single column is that of a single row with its operands exchanged, the same bytes; as a row, ``cols`` of its
elements are one accumulator word, and not each its own.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from hwacc.compiler.emit import cost
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.isa import Dataflow


def laid_out(spec: ContractionSpec, config: ArrayConfig, dataflows: Collection[Dataflow]) -> ContractionSpec:
    """The same product of the same bytes, exchanged or with both operands across where that saves cycles; else ``spec`` itself."""
    spec = exchanged(spec) or spec
    short = spec.k < cost.weight_cycles(config) and Dataflow.OUTPUT_STATIONARY in dataflows
    if not (short and spec.is_matrix and (spec.weights_layout == "kn" or 1 in (spec.n, spec.k))):
        return spec
    if spec.input_layout == "km" or 1 in (spec.m, spec.k):
        return replace(spec, input_layout="km", weights_layout="kn")
    return replace(spec, weights_layout="kn", gathers=True) if _gathering_pays(spec, config, dataflows) else spec


def exchanged(spec: ContractionSpec) -> ContractionSpec | None:
    """The same product with its operands exchanged; None where that cannot be, or would not make a single row of a single column."""
    if spec.n > 1 or spec.m == 1 or not spec.is_matrix or spec.gathers or spec.has_bias or spec.has_parameters:
        return None
    layout = "nk" if spec.input_layout == "mk" else "kn"
    row = replace(spec, batch=1, height=1, width=1, input_layout="mk", out_channels=spec.m, weights_layout=layout, exchanged=True)
    assert (row.m, row.n, row.k) == (spec.n, spec.m, spec.k)
    return row


def _gathering_pays(spec: ContractionSpec, config: ArrayConfig, dataflows: Collection[Dataflow]) -> bool:
    """Whether shorter tiles save more cycles than it takes to read each byte of the input on its own."""
    m, n, k = spec.m, spec.n, spec.k
    moves = max(cost.store_cycles(m, n, spec.element_bytes, n * spec.element_bytes, config), n * k // config.bus_bytes)
    today = min(cost.fed_cycles(m, n, k, dataflow, config) for dataflow in dataflows)
    across = cost.fed_cycles(m, n, k, Dataflow.OUTPUT_STATIONARY, config, across=True)
    return m * k + max(across, moves) < m * k // config.bus_bytes + max(today, moves)
