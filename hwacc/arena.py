"""Which buffers of a program may share memory, and where each then lies.

Tasks may run on several backends at once, in any order that keeps what the program's order means: a task waits for the earlier ones
that touch a buffer which either of the two writes (:func:`needs`). So a buffer may lie where another one has been only if every
task that touches the other is an *ancestor* of every task that touches it: one that it waits for, or that one of those waits for.
Then the sharing asks for no waiting that was not there before, whichever order a coordinator chooses.

Tasks and buffers are numbers here, a set of tasks is an integer with a bit for each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from operator import or_

ALIGNMENT = 64
"""Every place in the arena is a multiple of it: a cache line, the widest bus beat."""

Use = tuple[Collection[int], Collection[int]]
"""The buffers that a task touches, and those of them that it writes."""


def needs(uses: Sequence[Use]) -> list[set[int]]:
    """For each task the earlier ones that must be over: those that touch a buffer which either of the two writes."""
    writer: dict[int, int] = {}
    readers: dict[int, list[int]] = {}
    found: list[set[int]] = []
    for number, (touched, written) in enumerate(uses):
        found.append({writer[buffer] for buffer in touched if buffer in writer})
        for buffer in touched:
            if buffer in written:
                found[-1].update(readers.pop(buffer, []))
                writer[buffer] = number
            else:
                readers.setdefault(buffer, []).append(number)
    return found


class Lives:
    """Which buffers of a program are over for certain before others begin; ``uses`` are those of its tasks, in its order."""

    def __init__(self, uses: Sequence[Use]) -> None:
        ancestors: list[int] = []
        for waits in needs(uses):
            ancestors.append(reduce(or_, (ancestors[other] | 1 << other for other in waits), 0))
        everything = (1 << len(uses)) - 1
        self._touching: dict[int, int] = {}
        self._before: dict[int, int] = {}
        for number, (touched, _) in enumerate(uses):
            for buffer in touched:
                self._touching[buffer] = self._touching.get(buffer, 0) | 1 << number
                self._before[buffer] = self._before.get(buffer, everything) & ancestors[number]

    def apart(self, one: int, other: int) -> bool:
        """Whether two buffers may share bytes: every task that touches one is an ancestor of all that touch the other, or the reverse."""
        return self._precedes(one, other) or self._precedes(other, one)

    def _precedes(self, old: int, new: int) -> bool:
        return not self._touching.get(old, 0) & ~self._before.get(new, 0)


def places(sizes: Mapping[int, int], lives: Lives) -> dict[int, int]:
    """An offset for each buffer of ``sizes``, which are bytes: the largest first, each as low as those that may not share let it lie."""
    found: dict[int, int] = {}
    for buffer in sorted(sizes, key=lambda buffer: (-sizes[buffer], buffer)):
        around = sorted((found[other], room(sizes[other])) for other in found if not lives.apart(buffer, other))
        found[buffer] = _first_gap(around, room(sizes[buffer]))
    return dict(sorted(found.items()))


def extent(sizes: Mapping[int, int], offsets: Mapping[int, int]) -> int:
    """Bytes of the arena in which buffers of these ``sizes`` lie at ``offsets``."""
    return max((offset + room(sizes[buffer]) for buffer, offset in offsets.items()), default=0)


def first_clash(sizes: Mapping[int, int], offsets: Mapping[int, int], lives: Lives) -> tuple[int, int] | None:
    """Two buffers that share bytes and may not; None where all is well."""
    order = sorted(offsets, key=lambda buffer: offsets[buffer])
    for position, one in enumerate(order):
        for other in order[position + 1 :]:
            if offsets[other] >= offsets[one] + sizes[one]:
                break
            if not lives.apart(one, other):
                return one, other
    return None


def room(size: int) -> int:
    """Bytes that a buffer of ``size`` bytes takes."""
    return -(-max(1, size) // ALIGNMENT) * ALIGNMENT


def _first_gap(taken: Sequence[tuple[int, int]], wanted: int) -> int:
    """The lowest offset with ``wanted`` bytes free, where ``taken`` are offsets and sizes in order; those may overlap."""
    place = 0
    for offset, size in taken:
        if offset - place >= wanted:
            break
        place = max(place, offset + size)
    return place
