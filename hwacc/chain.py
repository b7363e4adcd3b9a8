"""Streams that follow one another as one: one doorbell, one END, no wait of the host in between.

The link is a token: the last STORE of a stream pushes one to the first LOAD of
the next, which thus finds in memory whatever the stream before has written, and
nobody at work on chip.
"""

from __future__ import annotations

from collections.abc import Sequence

from hwacc import isa
from hwacc.stream import Slot, Stream

Link = tuple[Stream, Sequence[int]]
"""A stream, and the buffer, by any number, of each of its slots."""


def submissions(links: Sequence[Link]) -> list[Link]:
    """Streams that do the work of ``links`` in their order, as few as can be: those in a row as one where they can be linked."""
    groups: list[list[Link]] = []
    for link in links:
        if groups and can_link(groups[-1][-1][0], link[0]):
            groups[-1].append(link)
        else:
            groups.append([link])
    return [chained(*zip(*group)) if len(group) > 1 else group[0] for group in groups]


def can_link(first: Stream, second: Stream) -> bool:
    """Whether a token can be the link: the last STORE of one and the first LOAD of the other are there, and do not exchange any yet."""
    store, load = _last_store(first), _first_load(second)
    return (
        store is not None
        and load is not None
        and not first.descriptors[store]["signal_load"]
        and not second.descriptors[load]["wait_store"]
    )


def chained(streams: Sequence[Stream], buffers: Sequence[Sequence[int]]) -> tuple[Stream, tuple[int, ...]]:
    """The streams as one, and the buffer of each of its slots.

    ``buffers`` says for each stream which buffer each of its slots is, by any number; slots of one buffer become one. Of neighbours,
    :func:`can_link` must hold. The result has not been verified.
    """
    slots: dict[int, Slot] = {}
    for stream, named in zip(streams, buffers):
        for slot, buffer in zip(stream.slots, named):
            slots[buffer] = max(slots.get(buffer, slot), slot, key=lambda each: each.size)
    place = {buffer: number for number, buffer in enumerate(slots)}
    descriptors: list[isa.Descriptor] = []
    relocations: list[int | None] = []
    for number, (stream, named) in enumerate(zip(streams, buffers)):
        descriptors += _linked(stream, follows=number > 0, goes_on=number < len(streams) - 1)
        relocations += [None if slot is None else place[named[slot]] for slot in stream.relocations]
    return Stream(streams[0].config_hash, tuple(slots.values()), tuple(descriptors), tuple(relocations)), tuple(slots)


def _linked(stream: Stream, *, follows: bool, goes_on: bool) -> list[isa.Descriptor]:
    """The descriptors of a stream, with the tokens of its links."""
    descriptors = list(stream.descriptors)
    load, store = _first_load(stream), _last_store(stream)
    if follows and load is not None:
        descriptors[load] = descriptors[load].replace(wait_store=1)
    if goes_on and store is not None:
        descriptors[store] = descriptors[store].replace(signal_load=1)
    return descriptors


def _first_load(stream: Stream) -> int | None:
    return next((index for index, descriptor in enumerate(stream.descriptors) if descriptor.op is isa.LOAD), None)


def _last_store(stream: Stream) -> int | None:
    stores = (index for index, descriptor in enumerate(stream.descriptors) if descriptor.op is isa.STORE)
    return max(stores, default=None)
