"""The schedule of one way of cutting: panel by panel, load what is missing, compute, store."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from hwacc import isa
from hwacc.compiler.emit import cost, panels
from hwacc.compiler.emit.access import Access, load_fields
from hwacc.compiler.emit.blocking import Blocking, Sizes
from hwacc.compiler.emit.panels import Range, line_words
from hwacc.compiler.emit.residency import Held, Residency, Unit
from hwacc.compiler.emit.schedule import Schedule
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
        self.west = lru_cache(maxsize=None)(lambda rows, steps: self._loads(panels.west_accesses(spec, config, rows, steps)))
        self.north = lru_cache(maxsize=None)(lambda columns, steps: self._loads(panels.north_accesses(spec, config, columns, steps)))
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
        self.results = [Held(slot * result_words, -1) for slot in range(result_count)]
        self.bias = Residency(tiles, bias_words, sizes.acc_words - bias_words)
        self.parameters = Residency(tiles, self.config.parameter_words)
        west = {(i, s): sizes.west(count, step) for i, count in enumerate(rows) for s, step in enumerate(steps)}
        north = {(i, s): sizes.north(count, step) for i, count in enumerate(columns) for s, step in enumerate(steps)}
        self.west, self.north = Residency(west, sizes.operand_words), Residency(north, sizes.operand_words)

    def _panel(self, result: Held, row: int, column: int) -> None:
        """A panel of the result, over all of k, to memory."""
        computed = -1
        for step in range(len(self.blocking.steps)):
            computed = self._compute(result, row, column, step)
        rows, columns = self.blocking.rows[row], self.blocking.columns[column]
        values, after = self._store_values(result, rows, columns), [computed]
        scales = None
        if self.spec.has_parameters:
            scales = self._bring(self.parameters, (column, 0), Target.PARAMETERS, self.shared.parameters(columns))
            values["parameters"] = scales.place
            after.append(scales.loaded)
        width, height = columns[1] - columns[0], rows[1] - rows[0]
        cycles = cost.store_cycles(height, width, self.spec.element_bytes, values["stride1"], self.config)
        result.reader = self.schedule.add(isa.STORE, values, cycles=cycles, slot=self.shared.slots["output"], after=after)
        if scales is not None:
            scales.reader = result.reader

    def _compute(self, result: Held, row: int, column: int, step: int) -> int:
        """One COMPUTE, and the LOADs of what it needs and is not on chip."""
        rows, columns, steps = self.blocking.rows[row], self.blocking.columns[column], self.blocking.steps[step]
        used = [
            self._bring(self.west, (row, step), Target.WEST, self.shared.west(rows, steps)),
            self._bring(self.north, (column, step), Target.NORTH, self.shared.north(columns, steps)),
        ]
        m, n, k = rows[1] - rows[0], columns[1] - columns[0], steps[1] - steps[0]
        nk = self.spec.weights_layout == "nk"
        values = {"m": m, "n": n, "k": k, "west": used[0].place, "north": used[1].place, "acc": result.place}
        values |= {"west_stride": line_words(k, self.config), "north_stride": line_words(k if nk else n, self.config)}
        values |= {"west_k_contiguous": 1, "north_k_contiguous": int(nk), "addend": Addend.ACCUMULATE if step else Addend.NONE}
        if self.spec.has_bias and not step:
            used.append(self._bring(self.bias, (column, 0), Target.ACCUMULATOR, self.shared.bias(columns)))
            values |= {"addend": Addend.BIAS, "bias": used[-1].place}
        after = [held.loaded for held in used] + [result.reader]
        number = self.schedule.add(isa.COMPUTE, values, cycles=cost.compute_cycles(m, n, k, self.config), after=after)
        for held in used:
            held.reader = number
        return number

    def _bring(self, residency: Residency, unit: Unit, target: Target, loads: Loads) -> Held:
        """The unit on chip: found there, or loaded once nobody reads what it replaces."""
        held = residency.find(unit)
        if held is not None:
            return held
        room = residency.make_room(unit)
        base, slot = room.place * self._word_bytes(target), self.shared.slots[_BUFFER[target]]
        number = -1
        for fields, cycles in loads:
            values = {**fields, "local": fields["local"] + base, "target": target}
            number = self.schedule.add(isa.LOAD, values, cycles=cycles, slot=slot, after=[room.reader])
        return residency.put(unit, room.place, number)

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
