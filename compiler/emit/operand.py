"""One operand of a product that is cut into panels: its units, where they are on chip, and the LOADs that bring them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import product

from hwacc.compiler.emit import cost, panels
from hwacc.compiler.emit.access import WHOLE, Access, load_fields, moved_ends
from hwacc.compiler.emit.panels import Range
from hwacc.compiler.emit.residency import Held, Residency
from hwacc.compiler.emit.seams import Seams
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.isa import Target

Loads = list[tuple[dict[str, int], int]]
"""Field values and cycles of each LOAD of a unit, for local address 0."""


def loads_of(accesses: Iterable[Access], config: ArrayConfig) -> Loads:
    """The LOADs that these accesses need."""
    return [(fields, cost.load_cycles(fields, config)) for access in accesses for fields in load_fields(access)]


class Source:
    """An operand in memory, and the LOADs of its blocks, which many ways of cutting share.

    ``size`` is its m or n; ``has_rows``: runs of a LOAD are parts of rows in memory, as on chip.
    """

    def __init__(self, spec: ContractionSpec, target: Target, config: ArrayConfig) -> None:
        west = target is Target.WEST
        self.config = config
        self.target = target
        self.size, self.k = spec.m if west else spec.n, spec.k
        self.k_contiguous = spec.west_k_contiguous if west else spec.north_k_contiguous
        self.has_rows = not west or (spec.is_matrix and not spec.gathers)
        self._accesses: Callable[..., list[Access]] = partial(panels.west_accesses if west else panels.north_accesses, spec)
        self.loads = lru_cache(maxsize=None)(self._loads)

    @property
    def row_bytes(self) -> int:
        """Bytes of a line that holds all of the operand's; with ``has_rows``, of a row in memory."""
        return self.k if self.k_contiguous else self.size

    def block(self, lanes: Range, part: Range) -> tuple[Range, Range]:
        """Rows in memory, and the bytes of each, that hold some rows or columns ``lanes`` and a ``part`` of k."""
        return (lanes, part) if self.k_contiguous else (part, lanes)

    def _loads(self, lanes: Range, part: Range, row: Range, seam: Range) -> Loads:
        """The LOADs of some rows or columns ``lanes`` and a ``part`` of k, to lines that hold the bytes ``row`` of a row in memory each.

        What other LOADs bring of these bytes is not read again; ``seam`` is what :class:`Seams` says of this block.
        """
        rows, run = self.block(lanes, part)
        bus = self.config.bus_bytes

        def shared(bound: int) -> bool:
            """Whether a cut there divides beats, and the run that begins there has bytes left wherever they do."""
            return (self.row_bytes % bus != 0 or bound % bus != 0) and row[1] - bound >= bus

        at_start = run[0] > row[0] and shared(run[0]) and run[1] - run[0] >= bus
        cuts = (at_start, run[1] < row[1] and shared(run[1])) if self.has_rows else WHOLE
        accesses = self._accesses(lanes, part, row[1] - row[0], cuts)
        if seam[0] < seam[1]:
            accesses = list(self._seamed(accesses[0], rows, seam))
        return loads_of(accesses, self.config)

    def _seamed(self, access: Access, rows: Range, seam: Range) -> Iterator[Access]:
        """The block of ``access``, whose rows in memory are ``rows``: those of the ``seam``, and the others."""
        (loop,), (at_start, at_end), beat = access.loops, access.cuts, self.config.bus_bytes - 1
        for first, end in ((rows[0], seam[0]), seam, (seam[1], rows[1])):
            local, some = (first - rows[0]) * loop.local, (replace(loop, count=end - first),)
            if first == end:
                continue
            part = access._replace(y=first, local=local, loops=some)
            if (first, end) != seam:
                yield part
            elif access.x == 0:
                yield moved_ends(part._replace(cuts=(True, at_end)), beat, 0)
            else:
                yield moved_ends(part._replace(cuts=(at_start, True)), 0, beat)


class Operand:
    """An operand whose ``lines``, ranges of its rows or columns, and whose ``steps`` of k make its units.

    Where all units fit together, it ``stays``: no unit makes room for another one. Then they lie in the buffer as they do in memory, and
    parts of a row in memory are parts of a line on chip. Else each unit has its lines to itself.
    """

    def __init__(self, source: Source, lines: Sequence[Range], steps: Sequence[Range]) -> None:
        self.source, self.lines, self.steps = source, lines, steps
        units = list(product(range(len(lines)), range(len(steps))))
        sizes = {(i, s): (lines[i][1] - lines[i][0]) * (steps[s][1] - steps[s][0]) for i, s in units}
        whole = {(i, s): self._offset(lines[i][0], steps[s][0], source.row_bytes) for i, s in units}
        self.residency = Residency(sizes, source.config.operand_bytes, places=whole)
        self.stays = self.residency.stays
        self._seams = Seams(source.row_bytes, source.config.bus_bytes) if self.stays and source.has_rows else None

    def unit(self, line: int, step: int) -> Held:
        """Where a unit is, or is to go."""
        return self.residency.place((line, step))

    def loads(self, held: Held, line: int, step: int, some: Range, part: Range) -> tuple[Loads, int]:
        """The LOADs of ``some`` rows or columns and a ``part`` of the steps of a unit, and the local address to add to theirs."""
        seam = self._seams.of(*self.source.block(some, part)) if self._seams else (0, 0)
        return self.source.loads(some, part, self._row(line, step), seam), self._place(held, line, step, some[0], part[0])

    def fields(self, held: Held, line: int, step: int, some: Range, part: Range) -> dict[str, int]:
        """Fields of a COMPUTE that takes ``some`` rows or columns and a ``part`` of the steps of a unit."""
        side = self.source.target.name.lower()
        fields = {side: self._place(held, line, step, some[0], part[0]), f"{side}_stride": self._pitch(line, step)}
        return fields | ({f"{side}_k_contiguous": 1} if self.source.k_contiguous else {})

    def _row(self, line: int, step: int) -> Range:
        """Which bytes of a row in memory a line on chip holds."""
        if self.stays:
            return 0, self.source.row_bytes
        return self.steps[step] if self.source.k_contiguous else self.lines[line]

    def _pitch(self, line: int, step: int) -> int:
        """Bytes from one line of a unit to the next."""
        first, end = self._row(line, step)
        return end - first

    def _place(self, held: Held, line: int, step: int, lane: int, k: int) -> int:
        """Where the element of row or column ``lane`` and step ``k`` of a unit is."""
        return held.place + self._offset(lane - self.lines[line][0], k - self.steps[step][0], self._pitch(line, step))

    def _offset(self, lane: int, k: int, pitch: int) -> int:
        return lane * pitch + k if self.source.k_contiguous else k * pitch + lane
