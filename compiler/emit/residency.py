"""What lies where in one on-chip buffer: places for units, the oldest unit making room."""

from __future__ import annotations

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
    filled, next_line, ahead
        Where the unit comes in parts: the step of k up to which it is loaded, its first row or column that lacks the steps
        behind that, and up to which step those before it are loaded.
    """

    place: int
    loaded: int | None = None
    reader: int | None = None
    before: int | None = None
    filled: int = 0
    next_line: int = 0
    ahead: int = 0


class Residency:
    """Places in a buffer of ``capacity`` words for units of the given ``sizes``, in words.

    If all units fit together, each has its own place and stays: one of ``places``, or they follow one another. Else a unit takes the
    place behind the one before, from the beginning again where the buffer ends, and those that were there make room.
    """

    def __init__(self, sizes: Mapping[Unit, int], capacity: int, first_word: int = 0, places: Mapping[Unit, int] | None = None) -> None:
        own = dict(zip(sizes, accumulate(sizes.values(), initial=first_word))) if places is None else places
        self._own = own if sum(sizes.values()) <= capacity else {}
        self._sizes, self._first, self._end = sizes, first_word, first_word + capacity
        self._next = first_word
        self._held: dict[Unit, Held] = {}

    @property
    def stays(self) -> bool:
        """Whether no unit ever makes room for another one."""
        return bool(self._own)

    def place(self, unit: Unit) -> Held:
        """Where the unit is or, with ``loaded`` None, where it is to go."""
        if unit not in self._held:
            self._held[unit] = Held(self._own[unit]) if self._own else self._room(self._sizes[unit])
        return self._held[unit]

    def _room(self, size: int) -> Held:
        place = self._next if self._next + size <= self._end else self._first
        self._next = place + size
        gone = [unit for unit, held in self._held.items() if held.place < place + size and place < held.place + self._sizes[unit]]
        readers = [held.before if held.reader is None else held.reader for held in map(self._held.pop, gone)]
        return Held(place, before=max((reader for reader in readers if reader is not None), default=None))
