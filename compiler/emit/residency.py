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
    """A place for a unit: its first word, the operation that loads the unit (None: yet to come), the last one that reads it.

    before
        The last one that reads what was there before.
    filled, next_line
        Where the unit comes in parts: the step of k up to which it is loaded, and its first row or column that lacks the steps
        behind that.
    """

    place: int
    loaded: int | None = None
    reader: int | None = None
    before: int | None = None
    filled: int = 0
    next_line: int = 0


class Residency:
    """Places in a buffer of ``capacity`` words for units of the given ``sizes``, in words.

    If all units fit together, each has its own place and stays: one of ``places``, or they follow one another. Else the buffer is
    divided into slots for the largest one.
    """

    def __init__(self, sizes: Mapping[Unit, int], capacity: int, first_word: int = 0, places: Mapping[Unit, int] | None = None) -> None:
        all_fit, largest = sum(sizes.values()) <= capacity, max(sizes.values())
        own = dict(zip(sizes, accumulate(sizes.values(), initial=first_word))) if places is None else places
        self._own = own if all_fit else {}
        self._free = [] if all_fit else [first_word + slot * largest for slot in range(capacity // largest)][::-1]
        self._held: OrderedDict[Unit, Held] = OrderedDict()

    @property
    def stays(self) -> bool:
        """Whether no unit ever makes room for another one."""
        return bool(self._own)

    def place(self, unit: Unit) -> Held:
        """Where the unit is or, with ``loaded`` None, where it is to go. It then counts as just used."""
        if unit not in self._held:
            self._held[unit] = self._room(unit)
        self._held.move_to_end(unit)
        return self._held[unit]

    def _room(self, unit: Unit) -> Held:
        if self._own:
            return Held(self._own[unit])
        if self._free:
            return Held(self._free.pop())
        _, oldest = self._held.popitem(last=False)
        return Held(oldest.place, before=oldest.before if oldest.reader is None else oldest.reader)
