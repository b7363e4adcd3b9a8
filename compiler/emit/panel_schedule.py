"""The schedule of one way of cutting: panel by panel, load what is missing, compute, store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from itertools import product
from typing import Any

from hwacc import isa
from hwacc.compiler.emit import cost, panels
from hwacc.compiler.emit.access import Access, load_fields
from hwacc.compiler.emit.blocking import Blocking, split_range
from hwacc.compiler.emit.panels import Range
from hwacc.compiler.emit.residency import Held, Residency
from hwacc.compiler.emit.schedule import Schedule
from hwacc.compiler.emit.sizes import Sizes
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import PARAMETER_BYTES, ArrayConfig
from hwacc.isa import Addend, Output, Target

Loads = list[tuple[dict[str, int], int]]
"""Field values and cycles of each LOAD of a unit, for local address 0."""
Part = tuple[Range, Range]
"""Rows and columns of a part of a panel."""

LOADS_AHEAD = 4
"""LOADs for later parts of a COMPUTE that may come before it in the stream: their queue has room for them."""


class PanelScheduler:
    """Schedules of one contraction; remembers the LOADs of panels, which many blockings share."""

    def __init__(self, spec: ContractionSpec, config: ArrayConfig) -> None:
        self.spec = spec
        self.config = config
        self.sizes = Sizes(spec, config)
        self.slots = {slot.name: index for index, slot in enumerate(spec.slots(config))}
        self.west = lru_cache(maxsize=None)(lambda *ranges: self._loads(panels.west_accesses(spec, *ranges)))
        self.north = lru_cache(maxsize=None)(lambda *ranges: self._loads(panels.north_accesses(spec, *ranges)))
        self.bias = lru_cache(maxsize=None)(lambda columns: self._loads(panels.bias_accesses(spec, config, columns)))
        self.parameters = lru_cache(maxsize=None)(lambda columns: self._loads(panels.parameter_accesses(spec, config, columns)))
        across = not (spec.west_k_contiguous or spec.north_k_contiguous)
        self.compute_cycles = lru_cache(maxsize=None)(lambda m, n, k, flow: cost.fed_cycles(m, n, k, flow, config, across=across))
        pitch = spec.n * spec.element_bytes
        self.store_cycles = lru_cache(maxsize=None)(lambda rows, n: cost.store_cycles(rows, n, spec.element_bytes, pitch, config))

    def fits(self, blocking: Blocking) -> bool:
        """Whether its panels fit."""
        most = (max(end - first for first, end in ranges) for ranges in (blocking.rows, blocking.columns, blocking.steps))
        return self.sizes.fits(*most)

    def build(self, blocking: Blocking) -> Schedule:
        """The schedule of ``blocking``, whose panels must fit."""
        return _Run(self, blocking).schedule

    def _loads(self, accesses: Iterable[Access]) -> Loads:
        return [(fields, cost.load_cycles(fields, self.config)) for access in accesses for fields in load_fields(access)]


class _Run:
    """One schedule in the making: what is on chip, and who used it last."""

    def __init__(self, shared: PanelScheduler, blocking: Blocking) -> None:
        self.shared = shared
        self.spec, self.config = shared.spec, shared.config
        self.blocking = blocking
        self.schedule = Schedule(shared.config)
        self.idle = cost.idle_cycles(blocking.dataflow, shared.config)
        self.loaded: tuple[object, ...] = ()  # kinds of the last LOAD and of the last COMPUTE
        self.computed: tuple[Any, ...] = (0, 0)
        self._divide_buffers()
        last = blocking.panel_count - 1
        for number, (row, column) in enumerate(blocking.panels()):
            self._panel(self.results[number % len(self.results)], row, column, number, is_last=number == last)

    def _divide_buffers(self) -> None:
        """Gives every unit of the operands, the bias, the parameters and the results its room."""
        sizes, blocking = self.shared.sizes, self.blocking
        rows, columns, steps = ([end - first for first, end in ranges] for ranges in (blocking.rows, blocking.columns, blocking.steps))
        tiles = {(index, 0): sizes.column_tiles(count) for index, count in enumerate(columns)}
        bias_words = sizes.bias_words(max(columns))
        result_words = max(rows) * max(tiles.values())
        places = sizes.result_places(result_words, bias_words, blocking.dataflow)
        self.results = [Held(place) for place in places[: blocking.panel_count]]
        self.bias = Residency(tiles, bias_words, sizes.acc_words - bias_words)
        self.parameters = Residency(tiles, self.config.parameter_words)
        west, north = ({(i, s): size * step for i, size in enumerate(lines) for s, step in enumerate(steps)} for lines in (rows, columns))
        self.west, self.north = Residency(west, self.config.operand_bytes), Residency(north, self.config.operand_bytes)

    def _panel(self, result: Held, row: int, column: int, number: int, *, is_last: bool) -> None:
        """A panel of the result, over all of k, to memory: the first ones and the last one in parts."""
        blocking, rows, columns = self.blocking, self.blocking.rows[row], self.blocking.columns[column]
        some_columns = split_range(columns, blocking.last_columns) if is_last else [columns]
        some_rows = split_range(rows, blocking.last_rows) if is_last else [rows]
        *pieces, last = self._pieces(blocking.first_steps if number < blocking.first_panels else blocking.last_steps if is_last else ())
        for step, part in pieces:
            for some in some_columns:
                self._compute(result, row, column, step, part, (rows, some))
        reader = None
        for finished in product(some_rows, some_columns):
            computed = self._compute(result, row, column, *last, finished)
            reader = self._store(result, row, column, finished, computed)
        result.reader = reader

    def _pieces(self, parts: Sequence[int]) -> list[tuple[int, Range]]:
        """Index of a step, and of its k what a COMPUTE takes: all of it, but of a single step these ``parts``, or of the first."""
        return [(0, part) for part in split_range(self.blocking.steps[0], parts)] + list(enumerate(self.blocking.steps))[1:]

    def _store(self, result: Held, row: int, column: int, some: Part, computed: int) -> int:
        """Brings a part of a panel, which ``computed`` finished, to memory; returns the number of the STORE."""
        rows, columns = some
        after: list[int | None] = [computed]
        scales = None
        if self.spec.has_parameters:
            scales = self.parameters.place((column, 0))
            self._bring(scales, Target.PARAMETERS, self.shared.parameters, self.blocking.columns[column])
            after.append(scales.loaded)
        values = partial(self._store_values, result.place, row, column, some, scales.place if scales else None)
        cycles = self.shared.store_cycles(rows[1] - rows[0], columns[1] - columns[0])
        number = self.schedule.add(isa.STORE, values, cycles=cycles, slot=self.shared.slots["output"], after=after)
        if scales is not None:
            scales.reader = number
        if self.spec.has_bias:  # COMPUTE's token for LOAD comes before the bias has been added; STORE's comes after
            self.bias.place((column, 0)).reader = number
        return number

    def _compute(self, result: Held, row: int, column: int, step: int, part: Range, some: Part) -> int:
        """A ``part`` of a step for ``some`` of a panel: the LOADs of what is not on chip, and a COMPUTE; returns its number."""
        blocking = self.blocking
        rows, columns, steps = blocking.rows[row], blocking.columns[column], blocking.steps[step]
        west, north = self.west.place((row, step)), self.north.place((column, step))
        length, brings = part[1] - part[0], min(west.filled, north.filled) < part[1]
        both = max(west.filled, north.filled) < part[1]
        if west.filled < part[1]:
            span = _span(west, steps, part, blocking.west_parts if both else 1)
            self._load(west, Target.WEST, self.shared.west(rows, steps, span), (row, span[1] - span[0]))
            west.filled = span[1]
        if north.filled < part[1]:
            span = _span(north, steps, part, blocking.north_parts if both else 1)
            self._load(north, Target.NORTH, self.shared.north(columns, steps, span), (column, span[1] - span[0]))
            north.filled = span[1]
        after = [west.loaded, north.loaded, result.reader]
        bias = self.bias.place((column, 0)) if self.spec.has_bias and part[0] == 0 else None
        if bias is not None:
            self._bring(bias, Target.ACCUMULATOR, self.shared.bias, columns)
            after.append(bias.loaded)
        places = west.place, north.place, result.place, bias.place if bias else None
        values = partial(self._compute_values, places, (rows, columns, steps), part, some)
        count = some[0][1] - some[0][0]
        cycles = self.shared.compute_cycles(count, some[1][1] - some[1][0], length, blocking.dataflow)
        cycles += 0 if cost.hides_weights(count, self.config) else self.idle
        # A unit that is to make room is released by the COMPUTE that reads it last, so the descriptor ends there.
        units = (None if self.west.stays else step, None if self.north.stays else step)
        kind, loads = (row, column, some, brings, units), self.schedule.loads
        joins = part[0] > 0 and self.computed[:-2] == kind and self.computed[-2] >= length and loads <= self.computed[-1] + LOADS_AHEAD
        number = self.schedule.add(isa.COMPUTE, values, cycles=cycles, idle=self.idle, after=after, joins=joins)
        self.computed = *kind, length, self.computed[-1] if joins else loads
        west.reader = north.reader = number
        return number

    def _compute_values(
        self, places: tuple[int, int, int, int | None], panel: tuple[Range, Range, Range], part: Range, some: Part
    ) -> dict[str, int]:
        """Fields of a COMPUTE of a ``part`` of the steps of a ``panel``, for ``some`` of it."""
        (west, north, acc, bias), (rows, columns, steps), spec = places, panel, self.spec
        values = {"m": some[0][1] - some[0][0], "n": some[1][1] - some[1][0], "k": part[1] - part[0], "dataflow": self.blocking.dataflow}
        values |= {"addend": Addend.ACCUMULATE if part[0] else Addend.NONE, "acc": acc + self._result_words(rows, columns, some)}
        if bias is not None:
            values |= {"addend": Addend.BIAS, "bias": bias + (some[1][0] - columns[0]) // self.config.cols}
        values |= operand_fields("west", west, spec.west_k_contiguous, (rows, some[0]), (steps, part))
        return values | operand_fields("north", north, spec.north_k_contiguous, (columns, some[1]), (steps, part))

    def _result_words(self, rows: Range, columns: Range, some: Part) -> int:
        """Accumulator words of a panel before ``some`` of it: all its rows of the columns before, and the rows before of these columns.

        Columns that are computed apart thus have words of their own.
        """
        tiles = self.shared.sizes.column_tiles
        return (rows[1] - rows[0]) * tiles(some[1][0] - columns[0]) + (some[0][0] - rows[0]) * tiles(some[1][1] - some[1][0])

    def _bring(self, held: Held, target: Target, loads: Callable[..., Loads], *ranges: Range) -> None:
        """Loads a unit, unless it is there."""
        if held.loaded is None:
            self._load(held, target, loads(*ranges))

    def _load(self, held: Held, target: Target, loads: Loads, part: tuple[int, ...] = ()) -> None:
        """LOADs to the place of a unit, once nobody reads what was there: one more ``part``, if the LOAD before brought one like it."""
        slot, kind = self.shared.slots[_BUFFER[target]], (target, *part)
        follows = held.loaded is not None or held.before is None  # it waits for nothing
        joins = len(loads) == 1 and follows and self.loaded == kind
        for fields, cycles in loads:
            values = partial(self._load_values, held.place, target, fields)
            held.loaded = self.schedule.add(isa.LOAD, values, cycles=cycles, slot=slot, after=(held.before,), joins=joins)
        self.loaded = kind if part else ()

    def _load_values(self, place: int, target: Target, fields: dict[str, int]) -> dict[str, int]:
        """Fields of a LOAD to a place, counted in words where the buffer is not an operand's."""
        words = {Target.ACCUMULATOR: self.config.acc_word_bytes, Target.PARAMETERS: self.config.cols * PARAMETER_BYTES}
        return {**fields, "local": fields["local"] + place * words.get(target, 1), "target": target}

    def _store_values(self, place: int, row: int, column: int, some: Part, scales: int | None) -> dict[str, int]:
        """Fields of a STORE of ``some`` of a panel whose result is at ``place``, and whose parameters are at ``scales``."""
        spec, panel = self.spec, (self.blocking.rows[row], self.blocking.columns[column])
        rows, columns = some
        values = {
            "address": (rows[0] * spec.n + columns[0]) * spec.element_bytes,
            "n": columns[1] - columns[0],
            "acc": place + self._result_words(*panel, some),
            "count1": rows[1] - rows[0],
            "stride1": spec.n * spec.element_bytes,
            "output": Output[spec.output.upper()],
        }
        if scales is not None:
            values["parameters"] = scales + (columns[0] - panel[1][0]) // self.config.cols
        if spec.output == "int8":
            values |= {name: int(getattr(spec, name)) for name in ("per_channel", "double_round", "zero_point", "clamp_min", "clamp_max")}
            values |= {} if spec.per_channel else {"multiplier": spec.multiplier, "shift": spec.shift}
        return values


_BUFFER = {Target.WEST: "input", Target.NORTH: "weights", Target.ACCUMULATOR: "bias", Target.PARAMETERS: "parameters"}


def _span(held: Held, steps: Range, part: Range, parts: int) -> Range:
    """Steps of k that are loaded at once to provide ``part`` of ``steps``: so many ``parts`` like it, as far as they are not there yet."""
    return max(part[0], held.filled), min(steps[1], part[0] + parts * (part[1] - part[0]))


def operand_fields(side: str, place: int, k_contiguous: bool, lanes: tuple[Range, Range], steps: tuple[Range, Range]) -> dict[str, int]:
    """Fields of a COMPUTE for the operand at ``side``, whose panel begins at byte ``place``: of the rows or columns ``lanes`` of the
    panel, and of its ``steps`` of k, what the second range of each says."""
    (panel, some), (length, part) = lanes, steps
    aside, before = some[0] - panel[0], part[0] - length[0]
    if k_contiguous:
        line = length[1] - length[0]
        return {side: place + aside * line + before, f"{side}_stride": line, f"{side}_k_contiguous": 1}
    line = panel[1] - panel[0]
    return {side: place + before * line + aside, f"{side}_stride": line}
