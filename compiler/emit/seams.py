"""Beats that hold the end of a row of an operand and the start of the next one, each read once."""

from __future__ import annotations

from hwacc.compiler.emit.panels import Range

LEAST_ROWS = 8
"""Of a block, for its seams to be worth a LOAD more for the row at its edge."""


class Seams:
    """Which rows of an operand were loaded from the start of a beat on, and so with the end of the row above.

    Blocks of an operand that lies on chip as in memory are loaded one after the other: all that begin a row before those that end
    one. Rows of ``row_bytes`` that are no multiple of the ``bus`` share beats with their neighbours. Of such a beat the block that
    begins the lower row brings all; the block that ends the upper one, loaded later, leaves it out.

    The first row of a block has no row above that may be written: at the beginning there is none, and elsewhere COMPUTE may read it.
    So the row before that one gets its end by itself, unless both rows are in blocks whose ends are yet to come.
    """

    def __init__(self, row_bytes: int, bus: int) -> None:
        self._row_bytes, self._bus = row_bytes, bus
        self._begun = (0, 0)
        self._ended = 0

    def of(self, rows: Range, span: Range) -> Range:
        """Of the next block loaded, the bytes ``span`` of ``rows``: those rows that begin with the end of the row above, or leave
        their own end to the row below."""
        begins, ends = span[0] == 0, span[1] == self._row_bytes
        if begins == ends or self._row_bytes % self._bus == 0:
            return rows[0], rows[0]
        return self._begin(rows, span[1]) if begins else self._end(rows, span[0])

    def _begin(self, rows: Range, end: int) -> Range:
        first, last = rows
        if last - first < LEAST_ROWS or not self._is_wide(end):
            return first, first
        low, high = self._begun
        follows = high == first > self._ended
        self._begun = (low if follows else first + 1, last)
        return first if follows else first + 1, last

    def _end(self, rows: Range, start: int) -> Range:
        first, last = rows
        self._ended = max(self._ended, last)
        low, high = self._begun
        if not self._is_wide(start) or first + 1 < low:
            return first, first
        return first, max(first, min(last, high - 1))

    def _is_wide(self, start: int) -> bool:
        """Whether from there to the end of a row there is a beat left, however the beats lie, if the last one is not read."""
        return self._row_bytes - start >= 2 * self._bus - 1
