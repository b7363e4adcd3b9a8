"""How a product is cut into panels, and which ways of doing so are worth a closer look.

A panel is what one COMPUTE works on: ``rows`` × ``columns`` of the result for
``steps`` of k. The steps of a panel of the result follow one another and
accumulate on chip, so each result is written once. Around them, either the
rows or the columns are the inner loop: the operand of the outer loop stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from itertools import pairwise, product
from math import lcm

from hwacc.compiler.emit.estimate import Estimate
from hwacc.compiler.emit.panels import Range
from hwacc.compiler.emit.sizes import LIMITS, Sizes
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.isa import Dataflow

MOST_SIZES = 12
"""Sizes tried for each of the three dimensions."""


@dataclass(frozen=True)
class Blocking:
    """Panel boundaries in m, n and k, which of m and n is the inner loop, and the dataflow.

    first_steps
        Lengths into which the very first COMPUTE is split along k: each part starts as soon as its share is loaded. They count as
        far as they fit; what is left is one more part.
    last_rows
        Rows of the parts into which the very last COMPUTE is split likewise: each part is stored while the next one is computed.
    """

    rows: tuple[Range, ...]
    columns: tuple[Range, ...]
    steps: tuple[Range, ...]
    rows_inner: bool
    dataflow: Dataflow = Dataflow.OUTPUT_STATIONARY
    first_steps: tuple[int, ...] = ()
    last_rows: tuple[int, ...] = ()

    def panels(self) -> Iterator[tuple[int, int]]:
        """Indices into ``rows`` and ``columns``, in the order of work."""
        if self.rows_inner:
            yield from ((row, column) for column, row in product(range(len(self.columns)), range(len(self.rows))))
        else:
            yield from product(range(len(self.rows)), range(len(self.columns)))


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
    parts = cuts(whole[1] - whole[0], whole[1] - whole[0], tuple(sizes))
    return [(whole[0] + first, whole[0] + end) for first, end in parts]


def ranked(spec: ContractionSpec, config: ArrayConfig, most: int, dataflows: Collection[Dataflow] = tuple(Dataflow)) -> list[Blocking]:
    """At most ``most`` regular blockings that fit, the most promising first."""
    sizes = Sizes(spec, config)
    estimate = Estimate(sizes)
    shapes = _fitting(sizes, _row_sizes(sizes), _column_sizes(sizes), _step_sizes(sizes))
    if not shapes:  # buffers smaller than the array: whatever fits
        shapes = _fitting(sizes, *(_powers(total, name) for total, name in ((spec.m, "m"), (spec.n, "n"), (spec.k, "k"))))
    trials = (
        (shape, rows_inner, dataflow)
        for shape, rows_inner, dataflow in product(shapes, (True, False), dataflows)
        if rows_inner or (shape[0] < spec.m and shape[1] < spec.n)  # else the order is the same
    )
    promising = nsmallest(most, trials, key=lambda trial: estimate.cycles(*trial[0], *trial[1:]))
    return [
        Blocking(cuts(spec.m, rows), cuts(spec.n, columns), cuts(spec.k, steps), rows_inner, dataflow)
        for (rows, columns, steps), rows_inner, dataflow in promising
    ]


def ramped(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations that begin with small panels, so that the array starts early."""
    rows = cuts(blocking.rows[-1][1], blocking.rows[0][1], _ramp(blocking.rows[0][1], config.rows))
    columns = cuts(blocking.columns[-1][1], blocking.columns[0][1], _ramp(blocking.columns[0][1], config.cols))
    steps = cuts(blocking.steps[-1][1], blocking.steps[0][1], _ramp(blocking.steps[0][1], config.word_bytes))
    variations = (
        replace(blocking, rows=rows),
        replace(blocking, columns=columns),
        replace(blocking, rows=rows, columns=columns),
        replace(blocking, steps=steps),
    )
    yield from (variation for variation in dict.fromkeys(variations) if variation != blocking)


def tapered(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations that end with small panels, so that little is left to store when the array is done."""
    rows, columns = (_tapers(ranges, grain) for ranges, grain in ((blocking.rows, config.rows), (blocking.columns, config.cols)))
    yield from (replace(blocking, rows=ranges) for ranges in rows)
    yield from (replace(blocking, columns=ranges) for ranges in columns)


def _tapers(ranges: tuple[Range, ...], grain: int) -> Iterator[tuple[Range, ...]]:
    """With the last range split: a tile off its end, two of them, half of it."""
    first, end = ranges[-1]
    middle = first + -(-(end - first) // (2 * grain)) * grain
    last = first + (end - first - 1) // grain * grain
    for bound in dict.fromkeys((last, last - grain, middle)):
        if first < bound < end:
            yield (*ranges[:-1], (first, bound), (bound, end))


def first_split(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations whose first COMPUTE is split along k: into equal parts, or into ever longer ones."""
    word, total = config.word_bytes, blocking.steps[0][1]
    parts = [-(-total // (word * count)) * word for count in (2, 4, 8)]
    yield from (replace(blocking, first_steps=(part,) * (total // part)) for part in dict.fromkeys(parts) if part < total)
    yield from (replace(blocking, first_steps=_ramp(total, word * size)) for size in (1, 2, 4) if word * size < total)


def last_split(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations whose last COMPUTE is split along m: the last rows off, into halves and halves of these, or tile by tile."""
    total, grain = blocking.rows[-1][1] - blocking.rows[-1][0], config.rows
    if total > grain:
        splits = (((total - 1) // grain * grain,), _halves(total, grain), (grain,) * (total // grain))
        yield from (replace(blocking, last_rows=split) for split in dict.fromkeys(splits))


def _halves(size: int, grain: int) -> tuple[int, ...]:
    """Half of ``size``, half of what is left, and so on, in whole ``grain``, until no more than that is left."""
    halves = []
    while size > grain:
        halves.append(-(-size // (2 * grain)) * grain)
        size -= halves[-1]
    return tuple(halves)


def _ramp(size: int, grain: int) -> tuple[int, ...]:
    """``grain``, twice that, and so on, below ``size``."""
    ramp = []
    while grain < size:
        ramp.append(grain)
        grain *= 2
    return tuple(ramp)


def _row_sizes(sizes: Sizes) -> list[int]:
    spec, rows = sizes.spec, sizes.config.rows
    most = min(sizes.acc_words, sizes.operand_words * (1 if spec.input_layout == "mk" else sizes.config.word_bytes), LIMITS["m"])
    found = _parts(spec.m, rows, most)
    if not spec.is_matrix:
        # Whole rows of the output picture take fewer LOADs.
        found |= {size for size in _parts(spec.m, lcm(rows, spec.out_width), most) if size % rows == 0}
    return _thinned(found)


def _column_sizes(sizes: Sizes) -> list[int]:
    config = sizes.config
    most = min(sizes.acc_words * config.cols, LIMITS["n"])
    most = min(most, sizes.operand_words if sizes.spec.weights_layout == "nk" else sizes.operand_words * config.word_bytes)
    return _thinned(_parts(sizes.spec.n, config.cols, most))


def _step_sizes(sizes: Sizes) -> list[int]:
    spec, word = sizes.spec, sizes.config.word_bytes
    contiguous = spec.input_layout == "mk" and spec.weights_layout == "nk"
    most = min(sizes.operand_words * (word if contiguous else 1), LIMITS["k"])
    kernel_row = spec.kernel_w * spec.channels
    found = _parts(spec.k, word, most)
    if kernel_row % word == 0:
        found |= _parts(spec.k, kernel_row, most)
    # Accumulating short steps keeps the accumulator so busy that STORE cannot read it.
    return _thinned({size for size in found if size >= 2 * sizes.config.rows} or found)


def _fitting(sizes: Sizes, *choices: list[int]) -> list[tuple[int, int, int]]:
    """The shapes that fit, of all combinations of rows, columns and steps."""
    return [(rows, columns, steps) for rows, columns, steps in product(*choices) if sizes.fits(rows, columns, steps)]


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
