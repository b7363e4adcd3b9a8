"""How a product is cut into panels, and which ways of doing so are worth a closer look.

A panel is what one COMPUTE works on: ``rows`` × ``columns`` of the result for
``steps`` of k. The steps of a panel of the result follow one another and
accumulate on chip, so each result is written once. Around them, either the
rows or the columns are the inner loop: the operand of the outer loop stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import inf, lcm

import numpy as np

from hwacc.compiler.emit.estimate import Estimate
from hwacc.compiler.emit.panels import Range
from hwacc.compiler.emit.sizes import LIMITS, Sizes
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.isa import Dataflow

MOST_SIZES = 12
"""Sizes tried for each of the three dimensions."""

Trial = tuple[int, int, int, bool, Dataflow]
"""Rows, columns and steps of a regular blocking's panels, whether the rows are the inner loop, and the dataflow."""


@dataclass(frozen=True)
class Blocking:
    """Panel boundaries in m, n and k, which of m and n is the inner loop, and the dataflow.

    corner
        Panels are worked on in growing squares from the first one on, so that a new row or column of operands is for many of them.
    first_steps, first_panels
        Lengths into which the first COMPUTE of each of the first panels is split along k: each part starts as soon as its share is
        loaded. They count as far as they fit; what is left is one more part.
    first_rows, first_columns, first_parts
        Rows and columns into which the very first of these parts is split, if it is not the only one: each piece starts as soon as its
        operands are loaded. So are as many parts of the first panel, but never its last one.
    west_parts, north_parts
        How many of these parts a LOAD of the operand brings, where a panel lacks both: fewer and longer runs, for a later start.
    last_steps
        The same for the last panel, if that is not the first one.
    last_rows, last_columns
        Rows into which the very last COMPUTE is split likewise, and columns, in whole tiles, into which the last panel is: each part is
        stored while the next one is computed.
    stored_together
        How many of these parts a STORE brings to memory, but for the very last one: fewer descriptors, for later writes. Counts if
        the last COMPUTE, or panel, is split in one way only.
    pieces
        Columns, in whole tiles, into which the first panels are cut, one panel after the other: each piece is computed over all of k and
        stored while the next one is computed. The first piece alone is split by ``first_steps``. What is behind the last of these cuts
        is whole panels, and one more piece of the panel that it is in.
    """

    rows: tuple[Range, ...]
    columns: tuple[Range, ...]
    steps: tuple[Range, ...]
    rows_inner: bool
    dataflow: Dataflow = Dataflow.OUTPUT_STATIONARY
    first_steps: tuple[int, ...] = ()
    first_rows: tuple[int, ...] = ()
    first_columns: tuple[int, ...] = ()
    last_steps: tuple[int, ...] = ()
    last_rows: tuple[int, ...] = ()
    last_columns: tuple[int, ...] = ()
    first_panels: int = 1
    first_parts: int = 1
    west_parts: int = 1
    north_parts: int = 1
    stored_together: int = 1
    corner: bool = False
    pieces: tuple[int, ...] = ()

    @property
    def panel_count(self) -> int:
        """Panels of the result."""
        return len(self.rows) * len(self.columns)

    @property
    def is_even(self) -> bool:
        """Whether all panels, but the last ones, are of one size."""
        return all(len({end - first for first, end in ranges[:-1]}) <= 1 for ranges in (self.rows, self.columns))

    def panels(self) -> Iterator[tuple[int, int]]:
        """Indices into ``rows`` and ``columns``, in the order of work."""
        if self.corner:
            everything = product(range(len(self.rows)), range(len(self.columns)))
            yield from sorted(everything, key=lambda panel: (max(panel), panel[0] > panel[1], min(panel)))
        elif self.rows_inner:
            yield from ((row, column) for column, row in product(range(len(self.columns)), range(len(self.rows))))
        else:
            yield from product(range(len(self.rows)), range(len(self.columns)))


def step_grain(config: ArrayConfig) -> int:
    """Steps of k that panels are cut into multiples of: whole slices of weights, and whole beats."""
    return max(config.rows, config.bus_bytes)


def cuts(total: int, size: int, ramp: tuple[int, ...] = ()) -> tuple[Range, ...]:
    """Ranges of ``size`` from 0 to ``total``, after smaller ones of the sizes ``ramp`` as far as they fit; the last one may be smaller."""
    bounds = [0]
    for first in ramp:
        if bounds[-1] + first < total:
            bounds.append(bounds[-1] + first)
    bounds += [*range(bounds[-1] + size, total, size), total]
    return tuple(pairwise(bounds))


def split_range(whole: Range, sizes: Sequence[int]) -> list[Range]:
    """``whole`` in parts of these sizes as far as they fit, and what is left."""
    if not sizes:
        return [whole]
    parts = cuts(whole[1] - whole[0], whole[1] - whole[0], tuple(sizes))
    return [(whole[0] + first, whole[0] + end) for first, end in parts]


def ranked(spec: ContractionSpec, config: ArrayConfig, most: int, dataflows: Collection[Dataflow] = tuple(Dataflow)) -> list[Blocking]:
    """At most ``most`` regular blockings that fit, the most promising first."""
    sizes = Sizes(spec, config)
    choices = _row_sizes(sizes), _column_sizes(sizes), _step_sizes(sizes)
    found = _promising(sizes, choices, most, dataflows)
    if not found:  # buffers smaller than the array: whatever fits
        choices = _powers(spec.m, "m"), _powers(spec.n, "n"), _powers(spec.k, "k")
        found = _promising(sizes, choices, most, dataflows)
    return [
        Blocking(cuts(spec.m, rows), cuts(spec.n, columns), cuts(spec.k, steps), rows_inner, dataflow)
        for rows, columns, steps, rows_inner, dataflow in found
    ]


def _promising(sizes: Sizes, choices: tuple[list[int], ...], most: int, dataflows: Collection[Dataflow]) -> list[Trial]:
    """Sizes of panels, order and dataflow of the regular blockings of which the estimate is lowest."""
    if not all(choices):
        return []
    estimate, found = Estimate(sizes, *choices), []
    for number, (rows_inner, dataflow) in enumerate(product((True, False), dataflows)):
        table = estimate.table(rows_inner, dataflow)
        best = np.argsort(table, axis=None, kind="stable")[:most]
        places = zip(*(each.tolist() for each in np.unravel_index(best, table.shape)))
        for cycles, (row, column, step) in zip(table.reshape(-1)[best].tolist(), places):
            panel = choices[0][row], choices[1][column], choices[2][step]
            single = panel[0] >= sizes.spec.m or panel[1] >= sizes.spec.n  # then the order is the same
            if cycles < inf and (rows_inner or not single):
                found.append((cycles, number, (*panel, rows_inner, dataflow)))
    return [trial for *_, trial in sorted(found)[:most]]


def _row_sizes(sizes: Sizes) -> list[int]:
    spec, rows = sizes.spec, sizes.config.rows
    most = min(sizes.acc_words, sizes.config.operand_bytes, LIMITS["m"])
    found = _parts(spec.m, rows, most)
    if not spec.is_matrix:
        # Whole rows of the output picture take fewer LOADs.
        found |= {size for size in _parts(spec.m, lcm(rows, spec.out_width), most) if size % rows == 0}
    return _thinned(found)


def _column_sizes(sizes: Sizes) -> list[int]:
    config = sizes.config
    most = min(sizes.acc_words * config.cols, config.operand_bytes, LIMITS["n"])
    return _thinned(_parts(sizes.spec.n, config.cols, most))


def _step_sizes(sizes: Sizes) -> list[int]:
    spec, word = sizes.spec, step_grain(sizes.config)
    most = min(sizes.config.operand_bytes, LIMITS["k"])
    kernel_row = spec.kernel_w * spec.channels
    found = _parts(spec.k, word, most)
    if kernel_row % word == 0:
        found |= _parts(spec.k, kernel_row, most)
    # Accumulating short steps keeps the accumulator so busy that STORE cannot read it.
    return _thinned({size for size in found if size >= 2 * sizes.config.rows} or found)


def _powers(total: int, field: str) -> list[int]:
    """Powers of two up to ``total`` and what the field holds."""
    return [1 << i for i in range(min(total, LIMITS[field]).bit_length())]


def _parts(total: int, grain: int, most: int) -> set[int]:
    """``total`` divided into 1, 2, 3, … equal parts of whole ``grain``, at most ``most``."""
    parts = {min(grain * part, total) for part in _quotients(-(-total // grain))}
    return {part for part in parts if part <= most}


def _quotients(count: int) -> set[int]:
    """ceil(count / q) for all q, without trying each q of a long range."""
    found, part = set(), count
    while part >= 1:
        found.add(part)
        divisions = -(-count // part) + 1
        part = min(part - 1, -(-count // divisions))
    return found


def _thinned(found: set[int]) -> list[int]:
    """At most :data:`MOST_SIZES` of them, with the smallest and the largest."""
    ordered = sorted(found)
    if len(ordered) <= MOST_SIZES:
        return ordered
    last = len(ordered) - 1
    return sorted({ordered[round(i * last / (MOST_SIZES - 1))] for i in range(MOST_SIZES)})
