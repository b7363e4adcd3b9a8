"""How a product is cut into panels: the candidates, and a rough cost that ranks them.

A panel is what one COMPUTE works on: ``rows`` × ``columns`` of the result for
``steps`` of k. The steps of a panel of the result follow one another and
accumulate on chip, so each result is written once. Around them, either the
rows or the columns are the inner loop: the operand of the outer loop stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise, product
from math import lcm

from hwacc.compiler.emit import cost, panels
from hwacc.compiler.emit.access import Access, load_fields
from hwacc.compiler.emit.panels import Range
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.isa import COMPUTE

_HIGH = {field.name: field.high for field in COMPUTE.fields}
WORDS_LIMIT = _HIGH["west"] + 1
"""Words of a buffer that a COMPUTE can name."""
MOST_SIZES = 12
"""Sizes tried for each of the three dimensions."""
BIAS_SHARE = 8
"""The bias stays on chip as a whole if it takes no more than this part of the accumulator."""


@dataclass(frozen=True)
class Blocking:
    """Panel boundaries in m, n and k, and which of m and n is the inner loop."""

    rows: tuple[Range, ...]
    columns: tuple[Range, ...]
    steps: tuple[Range, ...]
    rows_inner: bool

    def panels(self) -> Iterator[tuple[int, int]]:
        """Indices into ``rows`` and ``columns``, in the order of work."""
        if self.rows_inner:
            yield from ((row, column) for column, row in product(range(len(self.columns)), range(len(self.rows))))
        else:
            yield from product(range(len(self.rows)), range(len(self.columns)))

    @property
    def computes(self) -> int:
        """COMPUTE descriptors."""
        return len(self.rows) * len(self.columns) * len(self.steps)


class Sizes:
    """What a blocking needs of the on-chip buffers, in words."""

    def __init__(self, spec: ContractionSpec, config: ArrayConfig) -> None:
        self.spec = spec
        self.config = config
        self.operand_words = min(config.operand_words, WORDS_LIMIT)
        self.acc_words = min(config.acc_words, WORDS_LIMIT)

    def west(self, rows: int, steps: int) -> int:
        """Words of a west panel."""
        return rows * panels.line_words(steps, self.config)

    def north(self, columns: int, steps: int) -> int:
        """Words of a north panel."""
        lines, length = (columns, steps) if self.spec.weights_layout == "nk" else (steps, columns)
        return lines * panels.line_words(length, self.config)

    def column_tiles(self, columns: int) -> int:
        """Column tiles of a panel: words of its bias and its parameters, and of a row of its result."""
        return -(-columns // self.config.cols)

    def bias_words(self, columns: int) -> int:
        """Accumulator words set aside for the bias of panels this wide: all of it, two panels' worth, or one."""
        tiles = self.column_tiles(columns)
        if not self.spec.has_bias:
            return 0
        everything = -(-self.spec.n // columns) * tiles
        for words in (everything, min(2 * tiles, everything)):
            if words <= self.acc_words // BIAS_SHARE:
                return words
        return tiles

    def fits(self, rows: int, columns: int, steps: int) -> bool:
        """Whether one panel of this size fits at all."""
        tiles = self.column_tiles(columns)
        return (
            self.west(rows, steps) <= self.operand_words
            and self.north(columns, steps) <= self.operand_words
            and rows * tiles + self.bias_words(columns) <= self.acc_words
            and (not self.spec.has_parameters or tiles <= self.config.parameter_words)
        )


def cuts(total: int, size: int, ramp: tuple[int, ...] = ()) -> tuple[Range, ...]:
    """Ranges of ``size`` from 0 to ``total``, after smaller ones of the sizes ``ramp`` as far as they fit; the last one may be smaller."""
    bounds = [0]
    for first in ramp:
        if bounds[-1] + first < total:
            bounds.append(bounds[-1] + first)
    bounds += [*range(bounds[-1] + size, total, size), total]
    return tuple(pairwise(bounds))


def ranked(spec: ContractionSpec, config: ArrayConfig) -> list[Blocking]:
    """All blockings tried that fit, the most promising first."""
    sizes = Sizes(spec, config)
    estimate = _Estimate(sizes)
    found: list[tuple[float, int, tuple[int, int, int, bool]]] = []
    for shape in product(_row_sizes(sizes), _column_sizes(sizes), _step_sizes(sizes)):
        if sizes.fits(*shape):
            for rows_inner in (True, False):
                found.append((estimate.cycles(*shape, rows_inner), len(found), (*shape, rows_inner)))
    return [
        Blocking(cuts(spec.m, rows), cuts(spec.n, columns), cuts(spec.k, steps), rows_inner)
        for _, _, (rows, columns, steps, rows_inner) in sorted(found)
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


def _ramp(size: int, grain: int) -> tuple[int, ...]:
    """``grain``, twice that, and so on, below ``size``."""
    ramp = []
    while grain < size:
        ramp.append(grain)
        grain *= 2
    return tuple(ramp)


def _row_sizes(sizes: Sizes) -> list[int]:
    spec, rows = sizes.spec, sizes.config.rows
    most = min(sizes.acc_words, sizes.operand_words, _HIGH["m"])
    found = _parts(spec.m, rows, most)
    if not spec.is_matrix:
        # Whole rows of the output picture take fewer LOADs.
        found |= {size for size in _parts(spec.m, lcm(rows, spec.out_width), most) if size % rows == 0}
    return _thinned(found)


def _column_sizes(sizes: Sizes) -> list[int]:
    config = sizes.config
    most = min(sizes.acc_words * config.cols, _HIGH["n"])
    most = min(most, sizes.operand_words if sizes.spec.weights_layout == "nk" else sizes.operand_words * config.word_bytes)
    return _thinned(_parts(sizes.spec.n, config.cols, most))


def _step_sizes(sizes: Sizes) -> list[int]:
    spec, word = sizes.spec, sizes.config.word_bytes
    most = min(sizes.operand_words * (word if spec.weights_layout == "nk" else 1), _HIGH["k"])
    kernel_row = spec.kernel_w * spec.channels
    found = _parts(spec.k, word, most)
    if kernel_row % word == 0:
        found |= _parts(spec.k, kernel_row, most)
    return _thinned(found)


def _parts(total: int, grain: int, most: int) -> set[int]:
    """``total`` divided into 1, 2, 3, … equal parts of whole ``grain``, at most ``most``; if that is less than a grain, powers of two."""
    count = -(-total // grain)
    parts = {min(grain * part, total) for part in _quotients(count)}
    small = {1 << i for i in range(grain.bit_length()) if 1 << i <= min(total, most)}
    return {part for part in parts if part <= most} or small


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


class _Estimate:
    """Cycles of a regular blocking, without building it."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.spec = sizes.spec
        self.config = sizes.config
        self.west = lru_cache(maxsize=None)(self._west)
        self.north = lru_cache(maxsize=None)(self._north)

    def cycles(self, rows: int, columns: int, steps: int, rows_inner: bool) -> float:
        """The longest of reading, computing and writing, plus what cannot overlap."""
        spec, config, sizes = self.spec, self.config, self.sizes
        west_units = -(-spec.m // rows) * -(-spec.k // steps)
        north_units = -(-spec.n // columns) * -(-spec.k // steps)
        panel_count = -(-spec.m // rows) * -(-spec.n // columns)
        computes = panel_count * -(-spec.k // steps)

        west_first, west_all = self.west(rows, steps)
        north_first, north_all = self.north(columns, steps)
        west_slots = self._slots(sizes.west(rows, steps), west_units)
        north_slots = self._slots(sizes.north(columns, steps), north_units)
        west_again, north_again = self._repeats(rows, columns, steps, rows_inner, west_slots, north_slots)
        reading = west_all * west_again + north_all * north_again

        m_tiles = -(-min(rows, spec.m) // config.rows) * (spec.m / rows)
        n_tiles = -(-min(columns, spec.n) // config.cols) * (spec.n / columns)
        computing = m_tiles * n_tiles * cost.tile_cycles(steps, False, config) * (spec.k / steps) + cost.COMPUTE_OVERHEAD * computes
        stride = spec.n * spec.element_bytes
        last = cost.store_cycles(rows, columns, spec.element_bytes, stride, config)
        writing = last * panel_count

        reading += cost.fetch_cycles(config) * (computes + panel_count + west_units * west_again + north_units * north_again)
        results = (sizes.acc_words - sizes.bias_words(columns)) // (rows * sizes.column_tiles(columns))
        alone = 0.0
        if min(west_slots, north_slots) < 2 and computes > 1:
            alone += min(reading, computing)
        if results < 2 and panel_count > 1:
            alone += writing
        return max(reading, computing, writing) + alone + west_first + north_first + last

    def _repeats(self, rows: int, columns: int, steps: int, rows_inner: bool, west_slots: int, north_slots: int) -> tuple[int, int]:
        """How often each operand is read as a whole."""
        m_count, n_count, k_count = -(-self.spec.m // rows), -(-self.spec.n // columns), -(-self.spec.k // steps)
        outer_slots, inner_slots = (north_slots, west_slots) if rows_inner else (west_slots, north_slots)
        outer_count, inner_count = (n_count, m_count) if rows_inner else (m_count, n_count)
        inner_again = 1 if inner_slots >= inner_count * k_count else outer_count
        outer_again = 1 if outer_slots >= k_count else inner_count
        return (inner_again, outer_again) if rows_inner else (outer_again, inner_again)

    def _slots(self, words: int, units: int) -> int:
        slots = self.sizes.operand_words // words
        return max(slots, 2) if slots >= units else slots

    def _west(self, rows: int, steps: int) -> tuple[float, float]:
        """Cycles to load the first west panel, and all of them once."""
        spec = self.spec
        first = load_list_cycles(panels.west_accesses(spec, self.config, (0, min(rows, spec.m)), (0, min(steps, spec.k))), self.config)
        return first, first * (spec.m / rows) * (spec.k / steps)

    def _north(self, columns: int, steps: int) -> tuple[float, float]:
        """The same for the north panels."""
        spec = self.spec
        first = load_list_cycles(panels.north_accesses(spec, self.config, (0, min(columns, spec.n)), (0, min(steps, spec.k))), self.config)
        return first, first * (spec.n / columns) * (spec.k / steps)


def load_list_cycles(accesses: list[Access], config: ArrayConfig) -> int:
    """Cycles of the LOADs that these accesses need."""
    return sum(cost.load_cycles(fields, config) for access in accesses for fields in load_fields(access))
