"""Small changes to a blocking, of which the planner takes those that help.

Panels of one size are seldom best: at the beginning the array waits for operands, so the first panels are to be
small; at the end the memory waits for results, so the last ones are. Between them, whole panels cost the least.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

from hwacc.compiler.emit.blocking import Blocking, cuts, step_grain
from hwacc.compiler.emit.panels import Range
from hwacc.config import ArrayConfig

WHOLE = 1 << 16
"""More parts than any panel has."""
PARTS_AT_ONCE = ((1, 1), (4, 1), (WHOLE, 1), (1, 4), (1, WHOLE))
"""Parts of the west and of the north operand that are loaded at once."""
TOGETHER = (1, 2, 3, 4)
"""Parts of a panel that a STORE brings."""
SMALL_PANEL = 1 << 13
"""Bytes of an operand of a panel for which the descriptors take a good part of the cycles."""
LONG_SLICE = 512
"""Rows or columns of a slice of k that is worth being cut."""
MOST_STREAMED = 512
"""Parts of a product whose panels are all split: each is an operation to build."""


def first_split(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations whose first COMPUTE, or those of the first panels, are split along k: into equal parts, or into ever longer ones.

    Both at once: to split the first panel alone often gains nothing, since the second one then waits.
    """
    grain, total = step_grain(config), blocking.steps[0][1]
    splits = [*_equal(total, grain), *(_ramp(total, grain * size) for size in (1, 2, 4) if grain * size < total)]
    counts = _numbers(blocking, (1, 3, 6, blocking.panel_count))
    yield from (replace(blocking, first_steps=split, first_panels=panels) for split, panels in product(splits, counts))
    yield replace(blocking, first_steps=(), first_panels=1)


def more_split(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations that split other numbers of panels along k: until enough operands for the next one are there in time."""
    if blocking.first_steps:
        counts = _numbers(blocking, (1, 2, 3, 4, 6, blocking.panel_count))
        yield from (replace(blocking, first_panels=panels) for panels in counts)


def larger_loads(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations that bring one operand or the other in larger parts than it is used in."""
    if blocking.first_steps:
        yield from (replace(blocking, west_parts=west, north_parts=north) for west, north in PARTS_AT_ONCE)


def streamed(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations with all of k in a panel, and every panel in equal parts: COMPUTE follows LOAD closely, and descriptors are few."""
    grain, total = step_grain(config), blocking.steps[-1][1]
    panels = blocking.panel_count
    for size, (west, north) in product((1, 2, 4, 8), PARTS_AT_ONCE):
        parts = _equal_parts(total, grain * size, grain)
        if 0 < panels * len(parts) <= MOST_STREAMED:
            steps = ((0, total),)
            yield replace(blocking, steps=steps, first_steps=parts, first_panels=panels, west_parts=west, north_parts=north)


def sliced(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations with the whole result as one panel, to which slices of k are added as they come: every byte is read once.

    The last slice is longer, so that there is time to store the result piece by piece.
    """
    grain, total = step_grain(config), blocking.steps[-1][1]
    m, n = blocking.rows[-1][1], blocking.columns[-1][1]
    steps = cuts(total, max(grain, config.operand_bytes // (2 * max(m, n)) // grain * grain))
    pieces = {"last_columns": _halves(n, config.cols)} if n > m else {"last_rows": _halves(m, config.rows)}
    whole = replace(blocking, rows=((0, m),), columns=((0, n),), steps=steps, first_panels=1, last_steps=(), corner=False)
    for size, last, (west, north) in product((1, 2, 4), (2, 3, 4, 6, 8), PARTS_AT_ONCE):
        count = (total - 1 - grain * last) // (grain * size)
        if 0 < count <= MOST_STREAMED:
            found = replace(_changed(whole, **pieces), first_steps=(grain * size,) * count, west_parts=west, north_parts=north)
            yield found
            if size == 1 and max(m, n) >= LONG_SLICE and 1 < west < WHOLE:
                yield from (_in_pieces(found, config, equal) for equal in (2, 3, 4))


def _in_pieces(blocking: Blocking, config: ArrayConfig, count: int) -> Blocking:
    """``blocking``, of a single panel, with each slice in so many pieces, so that COMPUTE waits for a piece and not for a slice."""
    m, n = blocking.rows[-1][1], blocking.columns[-1][1]
    name, total, grain = ("columns", n, config.cols) if n > m else ("rows", m, config.rows)
    size = -(-total // (grain * count)) * grain
    pieces = {f"first_{name}": (size,) * (count - 1), f"last_{name}": (4 * grain,) * (total // (4 * grain))}
    return _changed(blocking, **pieces, first_parts=WHOLE)


def _numbers(blocking: Blocking, wanted: Iterable[int]) -> list[int]:
    """Those of the numbers ``wanted`` that are not above that of all panels."""
    return [number for number in dict.fromkeys(wanted) if number <= blocking.panel_count]


def cornered(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """The same from the corner on, or along the rows, or the columns."""
    if min(len(blocking.rows), len(blocking.columns)) > 1:
        yield from (replace(blocking, corner=corner, rows_inner=inner) for corner, inner in ((True, True), (False, True), (False, False)))


def last_steps(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations whose last panel is split along k, if its operands come that late: into equal parts, or not at all."""
    if blocking.panel_count > 1:
        splits = _equal(blocking.steps[0][1], step_grain(config))
        yield from (replace(blocking, last_steps=split) for split in ((), *splits))


def _equal(total: int, grain: int) -> Iterator[tuple[int, ...]]:
    """``total`` in equal parts, in whole ``grain``; the last one is left out."""
    parts = [-(-total // (grain * count)) * grain for count in (2, 3, 4, 8)] + [2 * grain, grain]
    yield from (_equal_parts(total, part, grain) for part in dict.fromkeys(parts) if part < total)


def _equal_parts(total: int, part: int, grain: int) -> tuple[int, ...]:
    """Equal parts of ``total`` but the last one, which is no shorter than about a ``grain``: the array takes no less time for it."""
    count, rest = divmod(total, part)
    return (part,) * (count - (count > 1 and 0 < rest <= grain * 7 // 8))


def last_split(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations whose last COMPUTE is split along m or n: the last tiles off, into halves and halves of these, tile by tile, or not."""
    for name, ranges, grain in (("last_rows", blocking.rows, config.rows), ("last_columns", blocking.columns, config.cols)):
        total = ranges[-1][1] - ranges[-1][0]
        splits = ((), ((total - 1) // grain * grain,), _halves(total, grain), *_pieces(total, grain)) if total > grain else ((),)
        yield from (_changed(blocking, **{"last_rows": (), "last_columns": (), name: split}) for split in splits)


def first_pieces(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations whose first COMPUTE, if it is a part of a panel along k, is split along m or n: into ever longer pieces, or equal ones."""
    if blocking.first_steps or len(blocking.steps) > 1:
        for name, ranges, grain in (("first_rows", blocking.rows, config.rows), ("first_columns", blocking.columns, config.cols)):
            total = ranges[0][1] - ranges[0][0]
            if total > grain:
                yield from (_changed(blocking, **{name: split}) for split in ((), _ramp(total, grain), *_pieces(total, grain)))


def ends(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations with the first or the last range of rows or columns cut in two, or joined with its neighbour.

    The first one may also be a part of a tile: where memory, not the array, is the limit, its few operands are there sooner.
    """
    for name, grain in (("rows", config.rows), ("columns", config.cols)):
        ranges: tuple[Range, ...] = getattr(blocking, name)
        for bound in _bounds(ranges[-1], grain, -1):
            yield _changed(blocking, **{name: (*ranges[:-1], (ranges[-1][0], bound), (bound, ranges[-1][1]))})
        for bound in (*_bounds(ranges[0], grain, 1), *_within_a_tile(ranges[0], grain)):
            yield _changed(blocking, **{name: ((ranges[0][0], bound), (bound, ranges[0][1]), *ranges[1:])})
        if len(ranges) > 2:
            yield _changed(blocking, **{name: (*ranges[:-2], (ranges[-2][0], ranges[-1][1]))})
            yield _changed(blocking, **{name: ((ranges[0][0], ranges[1][1]), *ranges[2:])})


def sizes(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations with other equal panels: a little smaller or larger, half as large or twice as large."""
    for name, grain in (("rows", config.rows), ("columns", config.cols), ("steps", step_grain(config))):
        ranges: tuple[Range, ...] = getattr(blocking, name)
        total, size = ranges[-1][1], max(end - first for first, end in ranges)
        tiles, size_tiles = -(-total // grain), -(-size // grain)
        for wanted in dict.fromkeys((size_tiles - 1, size_tiles + 1, -(-size_tiles // 2), 2 * size_tiles)):
            if 1 <= wanted <= tiles and wanted != size_tiles:
                yield _changed(blocking, **{name: cuts(total, wanted * grain)})


def ramped(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations that begin with small panels, each twice as large as the one before."""
    for name, grain in (("rows", config.rows), ("columns", config.cols), ("steps", step_grain(config))):
        ranges: tuple[Range, ...] = getattr(blocking, name)
        size = max(end - first for first, end in ranges)
        yield _changed(blocking, **{name: cuts(ranges[-1][1], size, _ramp(size, grain))})


def tapered(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations whose panels get smaller and smaller: a large one, whose loads are for much work, then each half of what is left."""
    for name, grain in (("rows", config.rows), ("columns", config.cols)):
        total = getattr(blocking, name)[-1][1]
        tiles = -(-total // grain)
        for first in dict.fromkeys(-(-tiles * share // 8) for share in (4, 5, 6, 7)):
            if first < tiles:
                yield _changed(blocking, **{name: cuts(total, total, (first * grain, *_halves(total - first * grain, grain)))})


def merged(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations with all panels but the first few as parts of a single one, or with other numbers of such parts stored together.

    For small panels only, of which the descriptors take a good part of the bus.
    """
    for name, grain in (("rows", 1), ("columns", config.cols)):
        ranges: tuple[Range, ...] = getattr(blocking, name)
        if len(ranges) == blocking.panel_count and not blocking.last_steps:
            small = max(end - first for first, end in ranges) * blocking.steps[-1][1] <= SMALL_PANEL
            for kept, together in product((0, 1, 2), TOGETHER[1:]) if small else ():
                sizes = tuple(end - first for first, end in ranges[kept:-1])
                whole = all(size % grain == 0 for size in sizes)
                if sizes and whole and (kept or not blocking.first_steps):
                    panels = {name: (*ranges[:kept], (ranges[kept][0], ranges[-1][1])), f"last_{name}": sizes}
                    yield _changed(blocking, **panels, stored_together=together, first_panels=min(kept, blocking.first_panels) or 1)
    if blocking.last_rows or blocking.last_columns:
        yield from (replace(blocking, stored_together=together) for together in TOGETHER)


def reversed_sizes(blocking: Blocking, config: ArrayConfig) -> Iterator[Blocking]:
    """Variations whose panels have their sizes in reverse: what is left over when cut into whole tiles comes first, not last.

    The first panel can start sooner, and the last one is wide enough to leave the ends of rows to the first, see :mod:`.seams`.
    """
    for name in ("rows", "columns"):
        ranges: tuple[Range, ...] = getattr(blocking, name)
        if len(ranges) > 1:
            yield _changed(blocking, **{name: tuple((ranges[-1][1] - end, ranges[-1][1] - first) for first, end in reversed(ranges))})


def _changed(blocking: Blocking, **fields: Any) -> Blocking:
    """``blocking`` with other values in fields that are named at run time."""
    return replace(blocking, **fields)


def _bounds(span: Range, grain: int, direction: int) -> list[int]:
    """Where to cut a range: a tile off its beginning or end, two of them, or half of it, each a multiple of ``grain`` from its start."""
    first, end = span
    tiles = -(-(end - first) // grain)
    counts = dict.fromkeys((1, 2, tiles // 2) if direction > 0 else (tiles - 1, tiles - 2, -(-tiles // 2)))
    return [first + count * grain for count in counts if 0 < count < tiles]


def _within_a_tile(span: Range, grain: int) -> list[int]:
    """Where to cut half or a quarter of a tile off a range's beginning."""
    return [span[0] + part for part in (grain // 2, grain // 4) if 0 < part < span[1] - span[0]]


def _pieces(total: int, grain: int) -> list[tuple[int, ...]]:
    """``total`` in equal pieces of one ``grain``, two of them, and so on; what is left is one more piece."""
    return [(grain * size,) * (total // (grain * size)) for size in (1, 2, 4, 8) if grain * size < total]


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
