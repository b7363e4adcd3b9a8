"""What lies where in one on-chip buffer: places for units, the least recently used unit making room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

Unit = tuple[int, int]
"""A block of an operand: index of its rows or columns, index of its steps of k."""


@dataclass
class Held:
    """A unit on chip: its first word, the operation that loads it, the last one that reads it."""

    place: int
    loaded: int
    reader: int | None = None


class Residency:
    """Places in a buffer of ``capacity`` words for units of the given ``sizes``, in words.

    If all units fit together, each has its own place and stays; else the buffer is divided into slots for the largest one.
    """

    def __init__(self, sizes: Mapping[Unit, int], capacity: int, first_word: int = 0) -> None:
        self.all_fit = sum(sizes.values()) <= capacity
        offsets = accumulate(sizes.values(), initial=first_word)
        self._own = dict(zip(sizes, offsets)) if self.all_fit else {}
        largest = max(sizes.values())
        self._free = [] if self.all_fit else [first_word + slot * largest for slot in range(capacity // largest)][::-1]
        self._held: OrderedDict[Unit, Held] = OrderedDict()

    def find(self, unit: Unit) -> Held | None:
        """The unit, if it is there; it then counts as just used."""
        if unit in self._held:
            self._held.move_to_end(unit)
        return self._held.get(unit)

    def make_room(self, unit: Unit) -> Held:
        """A place for ``unit``; ``reader`` is the last operation that reads what is there now, None if nothing is."""
        if self._own:
            return Held(self._own[unit], -1)
        if self._free:
            return Held(self._free.pop(), -1)
        _, oldest = self._held.popitem(last=False)
        return oldest

    def put(self, unit: Unit, place: int, loaded: int) -> Held:
        """Notes that operation ``loaded`` brings ``unit`` to ``place``."""
        self._held[unit] = Held(place, loaded)
        return self._held[unit]
