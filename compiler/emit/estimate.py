"""Cycles of all regular blockings by arithmetic alone: good enough to choose those worth building.

Everything is an array over [rows, columns, steps], the sizes of a panel tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.emit import cost, panels
from hwacc.compiler.emit.operand import loads_of
from hwacc.compiler.emit.sizes import Sizes
from hwacc.config import INT32_BYTES
from hwacc.isa import Dataflow

Table = NDArray[np.float64]


class Estimate:
    """Cycles of the blockings with panels of these sizes, without building them."""

    def __init__(self, sizes: Sizes, rows: Sequence[int], columns: Sequence[int], steps: Sequence[int]) -> None:
        self.sizes, self.spec, self.config = sizes, sizes.spec, sizes.config
        spec, config = self.spec, self.config
        shapes = (-1, 1, 1), (1, -1, 1), (1, 1, -1)
        self.rows, self.columns, self.steps = (
            np.array(values, np.float64).reshape(shape) for values, shape in zip((rows, columns, steps), shapes)
        )
        self.m_count, self.n_count, self.k_count = (
            np.ceil(total / size) for total, size in ((spec.m, self.rows), (spec.n, self.columns), (spec.k, self.steps))
        )
        self.fits = np.array([[[sizes.fits(r, c, s) for s in steps] for c in columns] for r in rows], bool).reshape(
            len(rows), len(columns), len(steps)
        )
        self.west = np.array([[self._west(r, s) for s in steps] for r in rows], np.float64)[:, None, :]
        self.north = np.array([[self._north(c, s) for s in steps] for c in columns], np.float64)[None, :, :]
        self.residual = spec.m * spec.n * INT32_BYTES / config.bus_bytes if spec.has_residual else 0.0
        pitch = spec.result_elements * spec.element_bytes
        self._store_cycles = cache(lambda r, c: cost.store_cycles(r, c, spec.element_bytes, pitch, config))
        self.store = np.array([[self._store_cycles(r, c) for c in columns] for r in rows], np.float64)[:, :, None]
        pieces = [[self._last_piece(r, c) for c in columns] for r in rows]
        self.last = np.array(pieces, np.float64)[:, :, None]
        # Either is needed with each of the other.
        self._reading, self._feeding = cache(self._read_in_order), cache(self._feed)

    def table(self, rows_inner: bool, dataflow: Dataflow) -> Table:
        """The longest of reading, computing and writing, plus what cannot overlap; infinite for what does not fit."""
        config, panel_count = self.config, self.m_count * self.n_count
        computes = panel_count * self.k_count
        reading, descriptors, few_slots = self._reading(rows_inner)
        computing = self._feeding(dataflow)
        writing = self.store * panel_count
        alone = np.where(few_slots & (computes > 1), np.minimum(reading, computing), 0.0)
        alone = alone + np.where((self._results(dataflow) < 2) & (panel_count > 1), writing, 0.0)
        # The ends can be cut short: the first COMPUTE needs but a slice of k, the last STORE brings but a row or a column of tiles.
        first = (self.west + self.north) * np.minimum(1.0, config.rows / self.steps)
        one = computing / computes
        one = np.where(computes == 1, one / 2, one)  # the first one will be split, and most of the parts begin before all is read
        cycles = np.maximum(reading + one, first + np.maximum(computing, writing)) + alone + self.last + cost.DESCRIPTOR_PRICE * descriptors
        return np.asarray(np.where(self.fits, cycles, np.inf))

    def _read_in_order(self, rows_inner: bool) -> tuple[Table, Table, NDArray[np.bool_]]:
        """Cycles of reading, descriptors, and where an operand has room for less than two units."""
        panel_count = self.m_count * self.n_count
        west_units, north_units = self.m_count * self.k_count, self.n_count * self.k_count
        west_slots, north_slots = self._slots(self.rows * self.steps, west_units), self._slots(self.columns * self.steps, north_units)
        west_again, north_again = self._repeats(rows_inner, west_slots, north_slots)
        west_all = self.west * (self.spec.m / self.rows) * (self.spec.k / self.steps)
        north_all = self.north * (self.spec.n / self.columns) * (self.spec.k / self.steps)
        descriptors = panel_count * self.k_count + panel_count + west_units * west_again + north_units * north_again
        reading = west_all * west_again + north_all * north_again + cost.fetch_cycles(self.config) * descriptors
        return reading + self.residual, descriptors, np.minimum(west_slots, north_slots) < 2

    def _feed(self, dataflow: Dataflow) -> Table:
        """Cycles in which the array is fed."""
        least: Table | int = cost.weight_cycles(self.config)
        if dataflow is Dataflow.OUTPUT_STATIONARY and not (self.spec.west_k_contiguous or self.spec.north_k_contiguous):
            least = np.clip(self.rows, cost.UPDATE_CYCLES, max(self.config.rows, cost.UPDATE_CYCLES))
        m, n, k = (self.spec.m, self.rows), (self.spec.n, self.columns), (self.spec.k, self.steps)
        tiled, streamed = (k, m) if dataflow is Dataflow.WEIGHT_STATIONARY else (m, k)
        column_tiles, tiles = (
            _pieces(*n, lambda size: np.ceil(size / self.config.cols)),
            _pieces(*tiled, lambda size: np.ceil(size / self.config.rows)),
        )
        return np.asarray(column_tiles * tiles * _pieces(*streamed, lambda size: np.maximum(size, least)))

    def _results(self, dataflow: Dataflow) -> Table:
        """Results that can be on chip; one if STORE could not read while COMPUTE works."""
        columns = self.columns.reshape(-1)
        bias = np.array([self.sizes.bias_words(int(count)) for count in columns])[None, :, None]
        words, half, end = self.rows * np.ceil(self.columns / self.config.cols), self.config.acc_words // 2, self.config.acc_words - bias
        if dataflow is Dataflow.WEIGHT_STATIONARY:  # in both halves, or in one
            return np.asarray(np.where((words <= half) & (words <= end - half), 2.0, 1.0))
        return np.asarray(np.floor(end / words))

    def _repeats(self, rows_inner: bool, west_slots: Table, north_slots: Table) -> tuple[Table, Table]:
        """How often each operand is read as a whole."""
        m_count, n_count, k_count = self.m_count, self.n_count, self.k_count
        outer_slots, inner_slots = (north_slots, west_slots) if rows_inner else (west_slots, north_slots)
        outer_count, inner_count = (n_count, m_count) if rows_inner else (m_count, n_count)
        inner_again = np.where(inner_slots >= inner_count * k_count, 1.0, outer_count)
        outer_again = np.where(outer_slots >= k_count, 1.0, inner_count)
        return (inner_again, outer_again) if rows_inner else (outer_again, inner_again)

    def _slots(self, size: Table, units: Table) -> Table:
        slots = np.floor(self.config.operand_bytes / size)
        return np.asarray(np.where(slots >= units, np.maximum(slots, 2.0), slots))

    def _last_piece(self, rows: int, columns: int) -> int:
        """Cycles of the least STORE that can be split off the last one."""
        shapes = ((rows, columns), (rows, min(columns, self.config.cols)), (min(rows, self.config.rows), columns))
        return min([self._store_cycles(*shape) for shape in shapes])

    def _west(self, rows: int, steps: int) -> int:
        """Cycles to load the first west panel."""
        spec, k = self.spec, (0, min(steps, self.spec.k))
        if spec.gathers:
            return rows * steps
        if spec.is_matrix:
            return self._lines(rows, steps, spec.k)
        return sum(cycles for _, cycles in loads_of(panels.west_accesses(spec, (0, min(rows, spec.m)), k, k[1]), self.config))

    def _north(self, columns: int, steps: int) -> int:
        """Cycles to load the first north panel."""
        return self._lines(columns, steps, self.spec.k) if self.spec.weights_layout == "nk" else self._lines(steps, columns, self.spec.n)

    def _lines(self, lines: int, length: int, pitch: int) -> int:
        """Cycles to load a matrix of ``lines``, of ``length`` bytes each, ``pitch`` bytes apart."""
        if length == pitch:
            return cost.load_cycles({"run": lines * length, "address": 0}, self.config)
        return cost.load_cycles({"run": length, "count1": lines, "stride1": pitch, "address": 0}, self.config)


def _pieces(total: int, size: Table, cycles: Callable[[Table], Table]) -> Table:
    """The sum of ``cycles`` over the parts of ``total``, of which the last one may be smaller."""
    whole = np.ceil(total / size) - 1
    return whole * cycles(size) + cycles(total - whole * size)
