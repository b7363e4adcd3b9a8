"""The schedule of one way of cutting: panel by panel, load what is missing, compute, store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import product
from typing import Any

from hwacc import isa
from hwacc.compiler.emit import cost, panels
from hwacc.compiler.emit.blocking import Blocking, split_range
from hwacc.compiler.emit.operand import Loads, Operand, Source, loads_of
from hwacc.compiler.emit.panels import Range
from hwacc.compiler.emit.pieces import Paced, Pieces
from hwacc.compiler.emit.residency import Held, Residency, Unit
from hwacc.compiler.emit.schedule import Schedule
from hwacc.compiler.emit.sizes import Sizes
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import INT32_BYTES, PARAMETER_BYTES, ArrayConfig
from hwacc.isa import Addend, Output, Target

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
        self.west, self.north = Source(spec, Target.WEST, config), Source(spec, Target.NORTH, config)
        self.bias = lru_cache(maxsize=None)(lambda columns: loads_of(panels.bias_accesses(spec, config, columns), config))
        self.residual = lru_cache(maxsize=None)(lambda *panel: residual_loads(spec, config, *panel))
        self.parameters = lru_cache(maxsize=None)(lambda columns: loads_of(panels.parameter_accesses(spec, config, columns), config))
        across = not (spec.west_k_contiguous or spec.north_k_contiguous)
        self.compute_cycles = lru_cache(maxsize=None)(lambda m, n, k, flow: cost.fed_cycles(m, n, k, flow, config, across=across))
        pitch = spec.result_elements * spec.element_bytes
        self.store_cycles = lru_cache(maxsize=None)(lambda rows, n: cost.store_cycles(rows, n, spec.element_bytes, pitch, config))

    def fits(self, blocking: Blocking) -> bool:
        """Whether its panels fit."""
        most = (max(end - first for first, end in ranges) for ranges in (blocking.rows, blocking.columns, blocking.steps))
        return self.sizes.fits(*most)

    def build(self, blocking: Blocking) -> Schedule:
        """The schedule of ``blocking``, whose panels must fit."""
        return _Run(self, blocking, Pieces(blocking.pieces)).schedule

    def paced(self, blocking: Blocking, slack: int) -> tuple[Blocking, Schedule]:
        """``blocking``, whose panels must fit, with the largest pieces for which STORE never waits longer than ``slack`` cycles."""
        k, flow = self.spec.k, blocking.dataflow
        pieces = Paced(slack, k, lambda rows, columns: self.compute_cycles(rows, columns, k, flow), self.config)
        schedule = _Run(self, blocking, pieces).schedule
        return replace(blocking, pieces=pieces.before_whole_panels(self.spec.n)), schedule


class _Run:
    """One schedule in the making: what is on chip, and who used it last."""

    def __init__(self, shared: PanelScheduler, blocking: Blocking, pieces: Pieces) -> None:
        self.shared = shared
        self.spec, self.config = shared.spec, shared.config
        self.blocking = blocking
        self.schedule = Schedule(shared.config)
        self.idle = cost.idle_cycles(blocking.dataflow, shared.config)
        self.loaded: tuple[object, ...] = ()  # kinds of the last LOAD and of the last COMPUTE
        self.computed: tuple[Any, ...] = (0, 0)
        self.fed: tuple[bool, object] = (False, None)  # whether the last COMPUTE hides the weights of the next, and its panel
        self.pieces = pieces
        self._divide_buffers()
        last = blocking.panel_count - 1
        for number, (row, column) in enumerate(blocking.panels()):
            self._panel(self.results[number % len(self.results)], row, column, number, is_last=number == last)

    def _divide_buffers(self) -> None:
        """Gives every unit of the operands, the bias, the parameters and the results its room."""
        sizes, blocking = self.shared.sizes, self.blocking
        rows, columns = ([end - first for first, end in ranges] for ranges in (blocking.rows, blocking.columns))
        tiles = {(index, 0): sizes.column_tiles(count) for index, count in enumerate(columns)}
        bias_words = sizes.bias_words(max(columns))
        result_words = max(rows) * max(tiles.values())
        places = sizes.result_places(result_words, bias_words, blocking.dataflow)
        self.results = [Held(place) for place in places[: blocking.panel_count]]
        self.bias = Residency(tiles, bias_words, sizes.acc_words - bias_words)
        self.parameters = Residency(tiles, self.config.parameter_words)
        self.west = Operand(self.shared.west, blocking.rows, blocking.steps)
        self.north = Operand(self.shared.north, blocking.columns, blocking.steps)

    def _panel(self, result: Held, row: int, column: int, number: int, *, is_last: bool) -> None:
        """A panel of the result, over all of k, to memory: the first ones and the last one in parts."""
        result.before, result.loaded = result.reader, None
        if self.pieces.are_left:
            self._panel_in_pieces(result, row, column, is_first=number == 0)
            return
        blocking, rows, columns = self.blocking, self.blocking.rows[row], self.blocking.columns[column]
        some_rows = split_range(rows, blocking.last_rows) if is_last else [rows]
        some_columns = split_range(columns, blocking.last_columns) if is_last else [columns]
        *parts, last = self._parts(blocking.first_steps if number < blocking.first_panels else blocking.last_steps if is_last else ())
        whole = [(rows, columns)]
        first = whole if number else list(product(split_range(rows, blocking.first_rows), split_range(columns, blocking.first_columns)))
        for index, (step, part) in enumerate(parts):
            for some in first if index < blocking.first_parts else whole:
                self._compute(result, row, column, step, part, some)
        reader = None
        for finished in _together(list(product(some_rows, some_columns)), blocking.stored_together):
            computed = [self._compute(result, row, column, *last, some) for some in finished]
            (first_row, _), (first_column, _) = finished[0]
            (_, end_row), (_, end_column) = finished[-1]
            reader = self._store(result, row, column, ((first_row, end_row), (first_column, end_column)), computed[-1])
        result.reader = reader

    def _panel_in_pieces(self, result: Held, row: int, column: int, *, is_first: bool) -> None:
        """A panel of the result to memory, piece by piece: each over all of k, the very first one in parts along it."""
        rows, (place, end) = self.blocking.rows[row], self.blocking.columns[column]
        reader, splits = None, self.blocking.first_steps if is_first else ()
        while place < end:
            size = self.pieces.columns(self.schedule, rows[1] - rows[0], end - place, loads=is_first)
            some = rows, (place, min(end, place + size))
            computed = [self._compute(result, row, column, step, part, some) for step, part in self._parts(splits)]
            reader = self._store(result, row, column, some, computed[-1])
            place, splits = some[1][1], ()
        result.reader = reader

    def _parts(self, parts: Sequence[int]) -> list[tuple[int, Range]]:
        """Index of a step, and of its k what a COMPUTE takes: what is in one of these ``parts`` of all of k, and of the rest all."""
        whole = (0, self.spec.k)
        return [
            (index, (max(step[0], part[0]), min(step[1], part[1])))
            for part in split_range(whole, parts)
            for index, step in enumerate(self.blocking.steps)
            if part[0] < step[1] and step[0] < part[1]
        ]

    def _store(self, result: Held, row: int, column: int, some: Part, computed: int) -> int:
        """Brings a part of a panel, which ``computed`` finished, to memory; returns the number of the STORE."""
        rows, columns = some
        after: list[int | None] = [computed]
        scales = None
        if self.spec.has_parameters:
            scales = self.parameters.place((column, 0))
            self._bring(scales, Target.PARAMETERS, self.shared.parameters, self.blocking.columns[column])
            after.append(scales.loaded)
        values = partial(self._store_values, result, row, column, some, scales.place if scales else None)
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
        west, north = self.west.unit(row, step), self.north.unit(column, step)
        length, brings = part[1] - part[0], min(west.filled, north.filled) < part[1]
        both = max(west.filled, north.filled) < part[1]
        if west.filled < part[1]:
            self._provide(self.west, west, (row, step), some[0], part, blocking.west_parts if both else 1)
        if north.filled < part[1]:
            self._provide(self.north, north, (column, step), some[1], part, blocking.north_parts if both else 1)
        after = [west.loaded, north.loaded, result.reader]
        bias = self.bias.place((column, 0)) if self.spec.has_bias and part[0] == 0 else None
        if bias is not None:
            self._bring(bias, Target.ACCUMULATOR, self.shared.bias, blocking.columns[column])
            after.append(bias.loaded)
        if self.spec.has_residual and part[0] == 0:
            self._bring(result, Target.ACCUMULATOR, self.shared.residual, blocking.rows[row], blocking.columns[column])
            after.append(result.loaded)
        values = partial(self._compute_values, (row, column, step), (west, north, result, bias), part, some)
        rows, columns = (end - first for first, end in some)
        reads = part[0] > 0 or bias is not None or self.spec.has_residual
        gap = 0 if self.fed[0] else self.idle
        if reads and self.fed[1] != (row, column, some):
            gap = self.idle or cost.READ_BACK
        cycles = gap + self.shared.compute_cycles(rows, columns, length, blocking.dataflow)
        one_tile = columns <= self.config.cols and length <= self.config.rows
        self.fed = cost.hides_weights(rows, self.config, one_tile=one_tile), (row, column, some)
        # A unit that is to make room is released by the COMPUTE that reads it last, so the descriptor ends there.
        units = (None if self.west.stays else step, None if self.north.stays else step)
        kind, loads = (row, column, some, brings, units), self.schedule.loads
        joins = part[0] > 0 and self.computed[:-2] == kind and self.computed[-2] >= length and loads <= self.computed[-1] + LOADS_AHEAD
        number = self.schedule.add(isa.COMPUTE, values, cycles=cycles, idle=max(self.idle - gap, 0), after=after, joins=joins)
        self.computed = *kind, length, self.computed[-1] if joins else loads
        west.reader = north.reader = number
        return number

    def _provide(self, operand: Operand, held: Held, unit: Unit, some: Range, part: Range, parts: int) -> None:
        """Loads ``some`` rows or columns and a ``part`` of the steps of a unit that are not all there.

        Of whole lines, as many ``parts`` of steps at once.
        """
        lines, steps = operand.lines[unit[0]], operand.steps[unit[1]]
        goes_on = 0 < held.ahead < part[1]
        first = some[0] if goes_on else max(lines[0], held.next_line)
        if first >= some[1]:
            return
        end = min(steps[1], part[0] + parts * (part[1] - part[0])) if (first, some[1]) == lines else part[1]
        span = max(part[0], held.ahead if goes_on else held.filled), end
        loads, place = operand.loads(held, *unit, (first, some[1]), span)
        where = () if operand.stays else unit
        self._load(held, operand.source.target, loads, place, (*where, some[1] - first, span[1] - span[0]))
        held.next_line, held.ahead = some[1], span[1]
        if some[1] == lines[1]:
            held.filled, held.next_line, held.ahead = span[1], lines[0], 0

    def _compute_values(
        self, unit: tuple[int, int, int], held: tuple[Held, Held, Held, Held | None], part: Range, some: Part
    ) -> dict[str, int]:
        """Fields of a COMPUTE of a ``part`` of the steps of a panel, for ``some`` of it; ``unit`` is its index in m, n and k."""
        (row, column, step), (west, north, result, bias), (rows, columns) = unit, held, some
        panel = self.blocking.rows[row], self.blocking.columns[column]
        values = {"m": rows[1] - rows[0], "n": columns[1] - columns[0], "k": part[1] - part[0], "dataflow": self.blocking.dataflow}
        adds = part[0] > 0 or self.spec.has_residual
        values |= {"addend": Addend.ACCUMULATE if adds else Addend.NONE, **self._result_words(result, *panel, some)}
        if bias is not None:
            values |= {"addend": Addend.BIAS, "bias": bias.place + (columns[0] - panel[1][0]) // self.config.cols}
        values |= self.west.fields(west, row, step, rows, part)
        return values | self.north.fields(north, column, step, columns, part)

    def _result_words(self, result: Held, rows: Range, columns: Range, some: Part) -> dict[str, int]:
        """Where ``some`` of a panel is in the accumulator; a row of it begins as many words after the other as one of the panel."""
        tiles = self.shared.sizes.column_tiles
        pitch = tiles(columns[1] - columns[0])
        place = result.place + (some[0][0] - rows[0]) * pitch + tiles(some[1][0] - columns[0])
        return {"acc": place} if some[1] == columns else {"acc": place, "acc_stride": pitch}

    def _bring(self, held: Held, target: Target, loads: Callable[..., Loads], *ranges: Range) -> None:
        """Loads a unit, unless it is there."""
        if held.loaded is None:
            words = {Target.ACCUMULATOR: self.config.acc_word_bytes, Target.PARAMETERS: self.config.cols * PARAMETER_BYTES}
            self._load(held, target, loads(*ranges), held.place * words[target])

    def _load(self, held: Held, target: Target, loads: Loads, place: int, part: tuple[int, ...] = ()) -> None:
        """LOADs to ``place``, once nobody reads what was there: one more ``part``, if the LOAD before brought one like it."""
        buffer = "residual" if target is Target.ACCUMULATOR and self.spec.has_residual else _BUFFER[target]
        slot, kind = self.shared.slots[buffer], (target, *part)
        follows = held.loaded is not None or held.before is None  # it waits for nothing
        joins = len(loads) == 1 and follows and self.loaded == kind
        for fields, cycles in loads:
            values = partial(_moved, fields, place, target)
            held.loaded = self.schedule.add(isa.LOAD, values, cycles=cycles, slot=slot, after=(held.before,), joins=joins)
        self.loaded = kind if part else ()

    def _store_values(self, result: Held, row: int, column: int, some: Part, scales: int | None) -> dict[str, int]:
        """Fields of a STORE of ``some`` of a panel whose parameters are at ``scales``."""
        spec, panel = self.spec, (self.blocking.rows[row], self.blocking.columns[column])
        rows, columns = some
        values = {
            "address": (rows[0] * spec.result_elements + columns[0]) * spec.element_bytes,
            "n": columns[1] - columns[0],
            **self._result_words(result, *panel, some),
            "count1": rows[1] - rows[0],
            "stride1": spec.result_elements * spec.element_bytes,
            "output": Output[spec.output.upper()],
        }
        if scales is not None:
            values["parameters"] = scales + (columns[0] - panel[1][0]) // self.config.cols
        if spec.output == "int8":
            values |= {name: int(getattr(spec, name)) for name in ("per_channel", "double_round", "zero_point", "clamp_min", "clamp_max")}
            values |= {} if spec.per_channel else {"multiplier": spec.multiplier, "shift": spec.shift}
        return values


_BUFFER = {Target.WEST: "input", Target.NORTH: "weights", Target.ACCUMULATOR: "bias", Target.PARAMETERS: "parameters"}


def _together(parts: Sequence[Part], count: int) -> list[Sequence[Part]]:
    """``parts`` of a panel, ``count`` a group, the last one alone; each by itself if they follow one another along both dimensions."""
    if len(parts) > 1 and min(len(set(ranges)) for ranges in zip(*parts)) > 1:
        count = 1
    return [parts[first : min(first + count, len(parts) - 1)] for first in range(0, len(parts) - 1, count)] + [parts[-1:]]


def residual_loads(spec: ContractionSpec, config: ArrayConfig, rows: Range, columns: Range) -> Loads:
    """The LOADs of what a panel's sums begin with; where its beats reach into the next accumulator word, they take a cycle more."""
    loads = loads_of(panels.residual_accesses(spec, config, rows, columns), config)
    shifted = (spec.result_elements * INT32_BYTES) % config.bus_bytes or (columns[0] * INT32_BYTES) % config.bus_bytes
    return [(fields, cycles + (cycles * config.bus_bytes // config.acc_word_bytes if shifted else 0)) for fields, cycles in loads]


def _moved(fields: dict[str, int], place: int, target: Target) -> dict[str, int]:
    """Fields of a LOAD to a place."""
    return {**fields, "local": fields["local"] + place, "target": target}
