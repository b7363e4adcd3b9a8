"""The schedule of one way of cutting: panel by panel, load what is missing, compute, store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from hwacc import isa
from hwacc.compiler.emit import cost, panels
from hwacc.compiler.emit.access import Access, load_fields
from hwacc.compiler.emit.blocking import Blocking, cuts
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
        for number, (row, column) in enumerate(blocking.panels()):
            self._panel(self.results[number % len(self.results)], row, column)

    def _divide_buffers(self) -> None:
        """Gives every unit of the operands, the bias, the parameters and the results its room."""
        sizes, blocking = self.shared.sizes, self.blocking
        rows, columns, steps = ([end - first for first, end in ranges] for ranges in (blocking.rows, blocking.columns, blocking.steps))
        tiles = {(index, 0): sizes.column_tiles(count) for index, count in enumerate(columns)}
        bias_words = sizes.bias_words(max(columns))
        result_words = max(rows) * max(tiles.values())
        result_count = min((sizes.acc_words - bias_words) // result_words, len(rows) * len(columns))
        self.results = [Held(slot * result_words) for slot in range(result_count)]
        self.bias = Residency(tiles, bias_words, sizes.acc_words - bias_words)
        self.parameters = Residency(tiles, self.config.parameter_words)
        west = {(i, s): sizes.west(count, step) for i, count in enumerate(rows) for s, step in enumerate(steps)}
        north = {(i, s): sizes.north(count, step) for i, count in enumerate(columns) for s, step in enumerate(steps)}
        self.west, self.north = Residency(west, sizes.operand_words), Residency(north, sizes.operand_words)

    def _panel(self, result: Held, row: int, column: int) -> None:
        """A panel of the result, over all of k, to memory."""
        computed = -1
        for step in range(len(self.blocking.steps)):
            computed = self._step(result, row, column, step)
        rows, columns = self.blocking.rows[row], self.blocking.columns[column]
        values = self._store_values(result, rows, columns)
        after: list[int | None] = [computed]
        scales = None
        if self.spec.has_parameters:
            scales = self.parameters.place((column, 0))
            self._bring(scales, Target.PARAMETERS, self.shared.parameters, columns)
            values["parameters"] = scales.place
            after.append(scales.loaded)
        width, height = columns[1] - columns[0], rows[1] - rows[0]
        cycles = cost.store_cycles(height, width, self.spec.element_bytes, values["stride1"], self.config)
        result.reader = self.schedule.add(isa.STORE, values, cycles=cycles, slot=self.shared.slots["output"], after=after)
        if scales is not None:
            scales.reader = result.reader
        if self.spec.has_bias:  # COMPUTE's token for LOAD comes before the bias has been added; STORE's comes after
            self.bias.place((column, 0)).reader = result.reader

    def _step(self, result: Held, row: int, column: int, step: int) -> int:
        """One step of a panel: the LOADs of what it needs and is not on chip, and its COMPUTE; returns the latter's number."""
        rows, columns, steps = self.blocking.rows[row], self.blocking.columns[column], self.blocking.steps[step]
        west, north = self.west.place((row, step)), self.north.place((column, step))
        west_missing, north_missing = west.loaded is None, north.loaded is None
        bias = self.bias.place((column, 0)) if self.spec.has_bias and not step else None
        number = -1
        for part in self._parts(steps):
            if west_missing:
                self._load(west, Target.WEST, self.shared.west(rows, steps, part))
            if north_missing:
                self._load(north, Target.NORTH, self.shared.north(columns, steps, part))
            values = self._compute_values(rows, columns, steps, part)
            values |= {"west": west.place + values["west"], "north": north.place + values["north"], "acc": result.place}
            after = [west.loaded, north.loaded, result.reader]
            if bias is not None and part[0] == 0:
                self._bring(bias, Target.ACCUMULATOR, self.shared.bias, columns)
                values |= {"addend": Addend.BIAS, "bias": bias.place}
                after.append(bias.loaded)
            cycles = cost.compute_cycles(values["m"], values["n"], values["k"], self.config)
            number = self.schedule.add(isa.COMPUTE, values, cycles=cycles, after=after)
        west.reader = north.reader = number
        return number

    def _parts(self, steps: Range) -> list[Range]:
        """``steps`` itself or, at the very beginning, parts of it that begin on a word."""
        if self.schedule.operations:
            return [steps]
        word = self.config.word_bytes
        size = -(-(steps[1] - steps[0]) // (word * self.blocking.first_parts)) * word
        return [(steps[0] + first, steps[0] + end) for first, end in cuts(steps[1] - steps[0], size)]

    def _compute_values(self, rows: Range, columns: Range, steps: Range, part: Range) -> dict[str, int]:
        """Fields of a COMPUTE of ``part`` of a panel's ``steps``, if both panels began at word 0."""
        n, before = columns[1] - columns[0], part[0] - steps[0]
        line = line_words(steps[1] - steps[0], self.config)
        values = {"m": rows[1] - rows[0], "n": n, "k": part[1] - part[0], "addend": Addend.ACCUMULATE if part[0] else Addend.NONE}
        values |= {"west": before // self.config.word_bytes, "west_stride": line, "west_k_contiguous": 1}
        if self.spec.weights_layout == "nk":
            return values | {"north": before // self.config.word_bytes, "north_stride": line, "north_k_contiguous": 1}
        across = line_words(n, self.config)
        return values | {"north": before * across, "north_stride": across}

    def _bring(self, held: Held, target: Target, loads: Callable[..., Loads], *ranges: Range) -> None:
        """Loads a unit, unless it is there."""
        if held.loaded is None:
            self._load(held, target, loads(*ranges))

    def _load(self, held: Held, target: Target, loads: Loads) -> None:
        """LOADs to the place of a unit, once nobody reads what was there."""
        base, slot = held.place * self._word_bytes(target), self.shared.slots[_BUFFER[target]]
        for fields, cycles in loads:
            values = {**fields, "local": fields["local"] + base, "target": target}
            held.loaded = self.schedule.add(isa.LOAD, values, cycles=cycles, slot=slot, after=[held.reader])

    def _word_bytes(self, target: Target) -> int:
        words = {Target.ACCUMULATOR: self.config.acc_word_bytes, Target.PARAMETERS: self.config.cols * PARAMETER_BYTES}
        return words.get(target, self.config.word_bytes)

    def _store_values(self, result: Held, rows: Range, columns: Range) -> dict[str, int]:
        spec = self.spec
        values = {
            "address": (rows[0] * spec.n + columns[0]) * spec.element_bytes,
            "n": columns[1] - columns[0],
            "acc": result.place,
            "count1": rows[1] - rows[0],
            "stride1": spec.n * spec.element_bytes,
            "output": Output[spec.output.upper()],
        }
        if spec.output == "int8":
            values |= {name: int(getattr(spec, name)) for name in ("per_channel", "double_round", "zero_point", "clamp_min", "clamp_max")}
            values |= {} if spec.per_channel else {"multiplier": spec.multiplier, "shift": spec.shift}
        return values


_BUFFER = {Target.WEST: "input", Target.NORTH: "weights", Target.ACCUMULATOR: "bias", Target.PARAMETERS: "parameters"}
