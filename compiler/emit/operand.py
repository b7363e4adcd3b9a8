"""One operand of a product that is cut into panels: its units, where they are on chip, and the LOADs that bring them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import product

from hwacc.compiler.emit import cost, panels
from hwacc.compiler.emit.access import WHOLE, Access, Cuts, load_fields
from hwacc.compiler.emit.panels import Range
from hwacc.compiler.emit.residency import Held, Residency
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.isa import Target

Loads = list[tuple[dict[str, int], int]]
"""Field values and cycles of each LOAD of a unit, for local address 0."""


class Source:
    """An operand in memory, and the LOADs of its blocks, which many ways of cutting share.

    ``size`` is its m or n, ``slot`` the name of its buffer; ``has_rows``: runs of a LOAD are parts of rows in memory, as on chip.
    """

    def __init__(self, spec: ContractionSpec, target: Target, config: ArrayConfig) -> None:
        west = target is Target.WEST
        self.config = config
        self.target = target
        self.slot = "input" if west else "weights"
        self.size, self.k = spec.m if west else spec.n, spec.k
        self.k_contiguous = spec.west_k_contiguous if west else spec.north_k_contiguous
        self.has_rows = not west or (spec.is_matrix and not spec.gathers)
        accesses: Callable[..., list[Access]] = panels.west_accesses if west else panels.north_accesses
        self.loads = lru_cache(maxsize=None)(lambda *block: self._loads(accesses(spec, *block)))

    @property
    def row_bytes(self) -> int:
        """Bytes of a line that holds all of the operand's; with ``has_rows``, of a row in memory."""
        return self.k if self.k_contiguous else self.size

    def _loads(self, accesses: Iterable[Access]) -> Loads:
        return [(fields, cost.load_cycles(fields, self.config)) for access in accesses for fields in load_fields(access)]


class Operand:
    """An operand whose ``lines``, ranges of its rows or columns, and whose ``steps`` of k make its units.

    Where all units fit together they stay, and lie in the buffer as they do in memory: there, parts of a row in memory are parts of a
    line on chip. Else each unit has its lines to itself.
    """

    def __init__(self, source: Source, lines: Sequence[Range], steps: Sequence[Range]) -> None:
        self.source, self.lines, self.steps = source, lines, steps
        units = list(product(range(len(lines)), range(len(steps))))
        sizes = {(i, s): (lines[i][1] - lines[i][0]) * (steps[s][1] - steps[s][0]) for i, s in units}
        whole = {(i, s): self._offset(lines[i][0], steps[s][0], source.row_bytes) for i, s in units}
        self.residency = Residency(sizes, source.config.operand_bytes, places=whole)

    @property
    def stays(self) -> bool:
        """Whether no unit makes room for another one."""
        return self.residency.stays

    def unit(self, line: int, step: int) -> Held:
        """Where a unit is, or is to go."""
        return self.residency.place((line, step))

    def loads(self, held: Held, line: int, step: int, some: Range, part: Range) -> tuple[Loads, int]:
        """The LOADs of ``some`` rows or columns and a ``part`` of the steps of a unit, and the local address to add to theirs."""
        cuts = self._cuts(line, step, some, part) if self.source.has_rows else WHOLE
        loads = self.source.loads(some, part, self._pitch(line, step), cuts)
        return loads, self._place(held, line, step, some[0], part[0])

    def fields(self, held: Held, line: int, step: int, some: Range, part: Range) -> dict[str, int]:
        """Fields of a COMPUTE that takes ``some`` rows or columns and a ``part`` of the steps of a unit."""
        side = self.source.target.name.lower()
        fields = {side: self._place(held, line, step, some[0], part[0]), f"{side}_stride": self._pitch(line, step)}
        return fields | ({f"{side}_k_contiguous": 1} if self.source.k_contiguous else {})

    def _pitch(self, line: int, step: int) -> int:
        """Bytes from one line of a unit to the next."""
        if self.stays:
            return self.source.row_bytes
        first, end = self.steps[step] if self.source.k_contiguous else self.lines[line]
        return end - first

    def _place(self, held: Held, line: int, step: int, lane: int, k: int) -> int:
        """Where the element of row or column ``lane`` and step ``k`` of a unit is."""
        return held.place + self._offset(lane - self.lines[line][0], k - self.steps[step][0], self._pitch(line, step))

    def _offset(self, lane: int, k: int, pitch: int) -> int:
        return lane * pitch + k if self.source.k_contiguous else k * pitch + lane

    def _cuts(self, line: int, step: int, some: Range, part: Range) -> Cuts:
        """At which ends runs are cut out of longer ones, such that it pays and that others bring the rest to the same line."""
        if self.source.k_contiguous:
            run, whole = part, (0, self.source.k) if self.stays else self.steps[step]
        else:
            run, whole = some, (0, self.source.size) if self.stays else self.lines[line]
        bus = self.source.config.bus_bytes

        def shared(bound: int) -> bool:
            """Whether a cut there divides beats, and the run that begins there has bytes left wherever they do."""
            return (self.source.row_bytes % bus != 0 or bound % bus != 0) and whole[1] - bound >= bus

        return run[0] > whole[0] and shared(run[0]) and run[1] - run[0] >= bus, run[1] < whole[1] and shared(run[1])
