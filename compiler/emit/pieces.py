"""The pieces of columns that the first panels of a schedule are cut into: those that its blocking names, or as many as memory needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hwacc.compiler.emit import cost
from hwacc.compiler.emit.schedule import Schedule
from hwacc.config import ArrayConfig
from hwacc.isa import Engine


class Pieces:
    """Pieces of these ``sizes``, in columns, one after the other."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = list(sizes)
        self._begun = 0

    @property
    def are_left(self) -> bool:
        """Whether the next panel is to be cut."""
        return self._begun < len(self.sizes)

    def columns(self, schedule: Schedule, rows: int, left: int, *, loads: bool) -> int:
        """The next piece of a panel of ``rows``, of which so many columns are ``left``; more than these: all of them.

        ``schedule`` is all that comes before it. ``loads``: the weights of the piece have to come first.
        """
        self._begun += 1
        return self.sizes[self._begun - 1] if self._begun <= len(self.sizes) else left


class Paced(Pieces):
    """The largest pieces for which STORE never waits longer than ``slack`` cycles, if they need not be less than a tile.

    ``sizes`` are those given out so far. ``compute_cycles`` are those of some rows and columns over all ``k``.
    """

    def __init__(self, slack: int, k: int, compute_cycles: Callable[[int, int], int], config: ArrayConfig) -> None:
        super().__init__(())
        self._slack, self._k, self._cycles, self._config = slack, k, compute_cycles, config

    @property
    def are_left(self) -> bool:
        """Always: a panel that may be whole is a single piece."""
        return True

    def columns(self, schedule: Schedule, rows: int, left: int, *, loads: bool) -> int:
        """As in :class:`Pieces`."""
        tile, bus = self._config.cols, self._config.bus_bytes
        until = schedule.free_at(Engine.STORE) + self._slack - cost.settle_cycles(Engine.COMPUTE, Engine.STORE, self._config)
        loaded = schedule.free_at(Engine.LOAD) + cost.settle_cycles(Engine.LOAD, Engine.COMPUTE, self._config)
        free, size = schedule.free_at(Engine.COMPUTE), tile
        while size < left:
            wider = min(left, size + tile)
            start = max(free, loaded + wider * self._k // bus) if loads else free
            if start + self._cycles(rows, wider) > until:
                break
            size += tile
        self.sizes.append(size)
        return size

    def before_whole_panels(self, columns: int) -> tuple[int, ...]:
        """The sizes without those at the end that are panels of so many columns, all of them."""
        count = len(self.sizes)
        while count and self.sizes[count - 1] >= columns:
            count -= 1
        return tuple(self.sizes[:count])
