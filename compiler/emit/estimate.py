"""Cycles of a regular blocking by arithmetic alone: good enough to choose those worth building."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from hwacc.compiler.emit import cost, panels
from hwacc.compiler.emit.access import Access, load_fields
from hwacc.compiler.emit.sizes import Sizes
from hwacc.config import ArrayConfig
from hwacc.isa import Dataflow


class Estimate:
    """Cycles of a regular blocking, without building it."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.spec = sizes.spec
        self.config = sizes.config
        self.west = lru_cache(maxsize=None)(self._west)
        self.north = lru_cache(maxsize=None)(self._north)
        self.results = lru_cache(maxsize=None)(self._results)

    def cycles(self, rows: int, columns: int, steps: int, rows_inner: bool, dataflow: Dataflow) -> float:
        """The longest of reading, computing and writing, plus what cannot overlap."""
        spec, config = self.spec, self.config
        west_units = -(-spec.m // rows) * -(-spec.k // steps)
        north_units = -(-spec.n // columns) * -(-spec.k // steps)
        panel_count = -(-spec.m // rows) * -(-spec.n // columns)
        computes = panel_count * -(-spec.k // steps)

        west_first, west_all = self.west(rows, steps)
        north_first, north_all = self.north(columns, steps)
        west_slots = self._slots(rows * steps, west_units)
        north_slots = self._slots(columns * steps, north_units)
        west_again, north_again = self._repeats(rows, columns, steps, rows_inner, west_slots, north_slots)
        reading = west_all * west_again + north_all * north_again

        computing = self._feeding(rows, columns, steps, dataflow) + cost.overhead_cycles(dataflow, config) * computes
        stride = spec.n * spec.element_bytes
        last = cost.store_cycles(rows, columns, spec.element_bytes, stride, config)
        writing = last * panel_count

        reading += cost.fetch_cycles(config) * (computes + panel_count + west_units * west_again + north_units * north_again)
        alone = 0.0
        if min(west_slots, north_slots) < 2 and computes > 1:
            alone += min(reading, computing)
        if self.results(rows, columns, dataflow) < 2 and panel_count > 1:
            alone += writing
        # The ends can be cut short: the first COMPUTE needs but a word of k, the last STORE brings but a row or a column of tiles.
        first = (west_first + north_first) * min(1.0, config.rows / steps)
        little = (cost.store_cycles(*shape, spec.element_bytes, stride, config) for shape in ((rows, config.cols), (config.rows, columns)))
        one: float = cost.compute_cycles(min(rows, spec.m), min(columns, spec.n), min(steps, spec.k), dataflow, config)
        one /= 2 if computes == 1 else 1  # the first one will be split, and most of the parts begin before all is read
        return max(reading + one, first + computing, first + writing) + alone + min(last, *little)

    def _feeding(self, rows: int, columns: int, steps: int, dataflow: Dataflow) -> float:
        """Cycles in which the array is fed."""
        spec, config = self.spec, self.config
        columns, steps = min(columns, spec.n), min(steps, spec.k)
        whole, rest = divmod(spec.m, rows)
        fed = whole * cost.fed_cycles(rows, columns, steps, dataflow, config)
        fed += cost.fed_cycles(rest, columns, steps, dataflow, config) if rest else 0
        return fed * (spec.n / columns) * (spec.k / steps)

    def _results(self, rows: int, columns: int, dataflow: Dataflow) -> int:
        """Results that can be on chip; one if STORE could not read while COMPUTE works."""
        sizes, half = self.sizes, self.config.acc_words // 2
        places = sizes.result_places(rows * sizes.column_tiles(columns), sizes.bias_words(columns), dataflow)
        starved = dataflow is Dataflow.WEIGHT_STATIONARY and places[1:2] != [half]
        return 1 if starved else len(places)

    def _repeats(self, rows: int, columns: int, steps: int, rows_inner: bool, west_slots: int, north_slots: int) -> tuple[int, int]:
        """How often each operand is read as a whole."""
        m_count, n_count, k_count = -(-self.spec.m // rows), -(-self.spec.n // columns), -(-self.spec.k // steps)
        outer_slots, inner_slots = (north_slots, west_slots) if rows_inner else (west_slots, north_slots)
        outer_count, inner_count = (n_count, m_count) if rows_inner else (m_count, n_count)
        inner_again = 1 if inner_slots >= inner_count * k_count else outer_count
        outer_again = 1 if outer_slots >= k_count else inner_count
        return (inner_again, outer_again) if rows_inner else (outer_again, inner_again)

    def _slots(self, size: int, units: int) -> int:
        slots = self.config.operand_bytes // size
        return max(slots, 2) if slots >= units else slots

    def _west(self, rows: int, steps: int) -> tuple[float, float]:
        """Cycles to load the first west panel, and all of them once."""
        spec = self.spec
        k = (0, min(steps, spec.k))
        first = load_list_cycles(panels.west_accesses(spec, (0, min(rows, spec.m)), k, k), self.config)
        return first, first * (spec.m / rows) * (spec.k / steps)

    def _north(self, columns: int, steps: int) -> tuple[float, float]:
        """The same for the north panels."""
        spec = self.spec
        k = (0, min(steps, spec.k))
        first = load_list_cycles(panels.north_accesses(spec, (0, min(columns, spec.n)), k, k), self.config)
        return first, first * (spec.n / columns) * (spec.k / steps)


def load_list_cycles(accesses: Iterable[Access], config: ArrayConfig) -> int:
    """Cycles of the LOADs that these accesses need."""
    return sum(cost.load_cycles(fields, config) for access in accesses for fields in load_fields(access))
