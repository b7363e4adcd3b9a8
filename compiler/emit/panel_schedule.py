"""The schedule of one way of cutting: panel by panel, load what is missing, compute, store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from hwacc import isa
from hwacc.compiler.emit import cost, panels
from hwacc.compiler.emit.access import Access, load_fields
from hwacc.compiler.emit.blocking import Blocking, split_range
from hwacc.compiler.emit.panels import Range, line_words
from hwacc.compiler.emit.residency import Held, Residency
from hwacc.compiler.emit.schedule import Schedule
from hwacc.compiler.emit.sizes import Sizes
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import PARAMETER_BYTES, ArrayConfig
from hwacc.isa import Addend, Output, Target

Loads = list[tuple[dict[str, int], int]]
"""Field values and cycles of each LOAD of a unit, for local address 0."""


class PanelScheduler:
    """Schedules of one contraction; remembers the LOADs of panels, which many blockings share."""

    def __init__(self, spec: ContractionSpec, config: ArrayConfig) -> None:
        self.spec = spec
        self.config = config
        self.sizes = Sizes(spec, config)
        self.slots = {slot.name: index for index, slot in enumerate(spec.slots(config))}
        self.west = lru_cache(maxsize=None)(lambda *ranges: self._loads(panels.west_accesses(spec, config, *ranges)))
        self.north = lru_cache(maxsize=None)(lambda *ranges: self._loads(panels.north_accesses(spec, config, *ranges)))
        self.bias = lru_cache(maxsize=None)(lambda columns: self._loads(panels.bias_accesses(spec, config, columns)))
        self.parameters = lru_cache(maxsize=None)(lambda columns: self._loads(panels.parameter_accesses(spec, config, columns)))

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
        self._divide_buffers()
        last = len(blocking.rows) * len(blocking.columns) - 1
        for number, (row, column) in enumerate(blocking.panels()):
            self._panel(self.results[number % len(self.results)], row, column, is_last=number == last)

    def _divide_buffers(self) -> None:
        """Gives every unit of the operands, the bias, the parameters and the results its room."""
        sizes, blocking = self.shared.sizes, self.blocking
        rows, columns, steps = ([end - first for first, end in ranges] for ranges in (blocking.rows, blocking.columns, blocking.steps))
        tiles = {(index, 0): sizes.column_tiles(count) for index, count in enumerate(columns)}
        bias_words = sizes.bias_words(max(columns))
        result_words = max(rows) * max(tiles.values())
        places = sizes.result_places(result_words, bias_words, blocking.dataflow)
        self.results = [Held(place) for place in places[: len(rows) * len(columns)]]
        self.bias = Residency(tiles, bias_words, sizes.acc_words - bias_words)
        self.parameters = Residency(tiles, self.config.parameter_words)
        west = {(i, s): sizes.west(count, step) for i, count in enumerate(rows) for s, step in enumerate(steps)}
        north = {(i, s): sizes.north(count, step) for i, count in enumerate(columns) for s, step in enumerate(steps)}
        self.west, self.north = Residency(west, sizes.operand_words), Residency(north, sizes.operand_words)

    def _panel(self, result: Held, row: int, column: int, *, is_last: bool) -> None:
        """A panel of the result, over all of k, to memory: the first one of all split along k, the last one along m."""
        blocking, rows, columns = self.blocking, self.blocking.rows[row], self.blocking.columns[column]
        first = [] if self.schedule.operations else [*blocking.first_steps]
        *pieces, last = [(0, part) for part in split_range(blocking.steps[0], first)] + list(enumerate(blocking.steps))[1:]
        for step, part in pieces:
            self._compute(result, row, column, step, part, rows)
        reader = None
        for some_rows in split_range(rows, self._last_rows() if is_last else ()):
            computed = self._compute(result, row, column, *last, some_rows)
            reader = self._store(result, some_rows, rows, columns, column, computed)
        result.reader = reader

    def _last_rows(self) -> tuple[int, ...]:
        """The parts of the last COMPUTE; none if one of them would begin within a word of the west operand."""
        across = self.spec.input_layout == "km"
        splits = self.blocking.last_rows
        return () if across and any(size % self.config.word_bytes for size in splits) else splits

    def _store(self, result: Held, rows: Range, panel_rows: Range, columns: Range, column: int, computed: int) -> int:
        """Brings ``rows`` of a panel, which ``computed`` finished, to memory; returns the number of the STORE."""
        values = self._store_values(result.place + self._result_words(rows[0] - panel_rows[0], columns), rows, columns)
        after: list[int | None] = [computed]
        scales = None
        if self.spec.has_parameters:
            scales = self.parameters.place((column, 0))
            self._bring(scales, Target.PARAMETERS, self.shared.parameters, columns)
            values["parameters"] = scales.place
            after.append(scales.loaded)
        width, height = columns[1] - columns[0], rows[1] - rows[0]
        cycles = cost.store_cycles(height, width, self.spec.element_bytes, values["stride1"], self.config)
        number = self.schedule.add(isa.STORE, values, cycles=cycles, slot=self.shared.slots["output"], after=after)
        if scales is not None:
            scales.reader = number
        if self.spec.has_bias:  # COMPUTE's token for LOAD comes before the bias has been added; STORE's comes after
            self.bias.place((column, 0)).reader = number
        return number

    def _compute(self, result: Held, row: int, column: int, step: int, part: Range, some_rows: Range) -> int:
        """A ``part`` of a panel's step for some of its rows: the LOADs of what is not on chip, and a COMPUTE; returns its number."""
        blocking = self.blocking
        rows, columns, steps = blocking.rows[row], blocking.columns[column], blocking.steps[step]
        west, north = self.west.place((row, step)), self.north.place((column, step))
        self._fill(west, Target.WEST, part, lambda: self.shared.west(rows, steps, part))
        self._fill(north, Target.NORTH, part, lambda: self.shared.north(columns, steps, part))
        values = self._compute_values(rows, columns, steps, part, some_rows)
        values |= {"west": west.place + values["west"], "north": north.place + values["north"], "acc": result.place + values["acc"]}
        after = [west.loaded, north.loaded, result.reader]
        bias = self.bias.place((column, 0)) if self.spec.has_bias and part[0] == 0 else None
        if bias is not None:
            self._bring(bias, Target.ACCUMULATOR, self.shared.bias, columns)
            values |= {"addend": Addend.BIAS, "bias": bias.place}
            after.append(bias.loaded)
        cycles = cost.compute_cycles(values["m"], values["n"], values["k"], blocking.dataflow, self.config)
        number = self.schedule.add(isa.COMPUTE, values, cycles=cycles, after=after)
        west.reader = north.reader = number
        return number

    def _compute_values(self, rows: Range, columns: Range, steps: Range, part: Range, some_rows: Range) -> dict[str, int]:
        """Fields of a COMPUTE of ``part`` of a panel's ``steps`` for some of its ``rows``, if the panels and the result began at word 0."""
        spec, before, skipped = self.spec, part[0] - steps[0], some_rows[0] - rows[0]
        values = {
            "m": some_rows[1] - some_rows[0],
            "n": columns[1] - columns[0],
            "k": part[1] - part[0],
            "dataflow": self.blocking.dataflow,
        }
        values |= {"addend": Addend.ACCUMULATE if part[0] else Addend.NONE, "acc": self._result_words(skipped, columns)}
        values |= self._operand_values("west", spec.input_layout == "mk", rows, steps, skipped, before)
        return values | self._operand_values("north", spec.weights_layout == "nk", columns, steps, 0, before)

    def _operand_values(self, side: str, k_contiguous: bool, span: Range, steps: Range, skipped: int, before: int) -> dict[str, int]:
        """Where an operand of a COMPUTE begins that leaves out ``skipped`` rows or columns, and ``before`` steps of k, of its panel."""
        word = self.config.word_bytes
        if k_contiguous:
            line = line_words(steps[1] - steps[0], self.config)
            return {side: before // word + skipped * line, f"{side}_stride": line, f"{side}_k_contiguous": 1}
        line = line_words(span[1] - span[0], self.config)
        return {side: before * line + skipped // word, f"{side}_stride": line}

    def _result_words(self, rows: int, columns: Range) -> int:
        """Accumulator words of so many rows."""
        return rows * self.shared.sizes.column_tiles(columns[1] - columns[0])

    def _fill(self, held: Held, target: Target, part: Range, loads: Callable[[], Loads]) -> None:
        """Loads a ``part`` of a unit, unless it is there; parts come in order."""
        if held.filled < part[1]:
            self._load(held, target, loads())
            held.filled = part[1]

    def _bring(self, held: Held, target: Target, loads: Callable[..., Loads], *ranges: Range) -> None:
        """Loads a unit, unless it is there."""
        if held.loaded is None:
            self._load(held, target, loads(*ranges))

    def _load(self, held: Held, target: Target, loads: Loads) -> None:
        """LOADs to the place of a unit, once nobody reads what was there."""
        base, slot = held.place * self._word_bytes(target), self.shared.slots[_BUFFER[target]]
        for fields, cycles in loads:
            values = {**fields, "local": fields["local"] + base, "target": target}
            held.loaded = self.schedule.add(isa.LOAD, values, cycles=cycles, slot=slot, after=[held.before])

    def _word_bytes(self, target: Target) -> int:
        words = {Target.ACCUMULATOR: self.config.acc_word_bytes, Target.PARAMETERS: self.config.cols * PARAMETER_BYTES}
        return words.get(target, self.config.word_bytes)

    def _store_values(self, place: int, rows: Range, columns: Range) -> dict[str, int]:
        spec = self.spec
        values = {
            "address": (rows[0] * spec.n + columns[0]) * spec.element_bytes,
            "n": columns[1] - columns[0],
            "acc": place,
            "count1": rows[1] - rows[0],
            "stride1": spec.n * spec.element_bytes,
            "output": Output[spec.output.upper()],
        }
        if spec.output == "int8":
            values |= {name: int(getattr(spec, name)) for name in ("per_channel", "double_round", "zero_point", "clamp_min", "clamp_max")}
            values |= {} if spec.per_channel else {"multiplier": spec.multiplier, "shift": spec.shift}
        return values


_BUFFER = {Target.WEST: "input", Target.NORTH: "weights", Target.ACCUMULATOR: "bias", Target.PARAMETERS: "parameters"}
