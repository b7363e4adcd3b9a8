"""Streams whose buffers share bytes, as streams whose buffers do not.

Tasks that follow one another in one submission may lie in turn at the same place in memory (:mod:`hwacc.arena`). The verifier looks
for races between accesses to the same buffer; so that it finds those to the same bytes, buffers that overlap become one here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwacc import isa
from hwacc.stream import Slot, Stream


@dataclass
class _Group:
    """Slots that overlap, or are linked by others that do: the lowest first, and the bytes that they reach over."""

    slots: list[int]
    start: int
    end: int


def joined(stream: Stream, addresses: Sequence[int]) -> tuple[Stream, tuple[int, ...]]:
    """The stream with the slots that share bytes as one, and for each slot of it the old one that begins where it does.

    ``addresses`` are those of the slots' buffers. It does the same to memory if a new slot's buffer is where that old one's was.
    """
    groups = _groups(stream.slots, addresses)
    place = {slot: (number, addresses[slot] - group.start) for number, group in enumerate(groups) for slot in group.slots}
    slots = tuple(Slot("+".join(stream.slots[slot].name for slot in group.slots), group.end - group.start) for group in groups)
    descriptors: list[isa.Descriptor] = []
    relocations: list[int | None] = []
    for descriptor, slot in zip(stream.descriptors, stream.relocations):
        number, shift = (None, 0) if slot is None else place[slot]
        moved = descriptor.replace(address=(descriptor["address"] + shift) % (1 << isa.ADDRESS_BITS)) if shift else descriptor
        descriptors.append(moved)
        relocations.append(number)
    return Stream(stream.config_hash, slots, tuple(descriptors), tuple(relocations)), tuple(group.slots[0] for group in groups)


def share(stream: Stream, addresses: Sequence[int]) -> bool:
    """Whether any two slots, whose buffers are at ``addresses``, share bytes."""
    return len(_groups(stream.slots, addresses)) < len(stream.slots)


def _groups(slots: Sequence[Slot], addresses: Sequence[int]) -> list[_Group]:
    groups: list[_Group] = []
    for number in sorted(range(len(slots)), key=lambda number: (addresses[number], -slots[number].size)):
        start, end = addresses[number], addresses[number] + slots[number].size
        if groups and start < groups[-1].end:
            groups[-1].slots.append(number)
            groups[-1].end = max(groups[-1].end, end)
        else:
            groups.append(_Group([number], start, end))
    return groups
