"""Descriptors in parts, given as many tokens as they take: the schedule that orders the steps knows one token of each at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.footprint import Access, accesses, touched
from hwacc.parts import part_count, parts
from hwacc.stream import Stream
from tests.fuzz.tokens import tokens_of


def fitted(config: ArrayConfig, stream: Stream) -> Stream:
    """``stream``, in which every descriptor exchanges one token at most with every engine, with tokens for each part.

    Where a LOAD that signals after each of its iterations has one consumer, a COMPUTE of as many parts, none of which touches what a
    later iteration writes, these meet. Other LOADs signal at their end, and of other COMPUTEs that wait for LOAD the parts become
    descriptors, of which the first one waits.
    """
    whole = replace(stream, descriptors=tuple(_at_its_end(descriptor) for descriptor in stream.descriptors))
    pairs = _meeting(config, stream.descriptors, *tokens_of(whole, isa.Engine.LOAD, isa.Engine.COMPUTE))
    descriptors, relocations = [], []
    for index, descriptor in enumerate(stream.descriptors):
        found = [descriptor]
        if index not in pairs:
            split = descriptor.op is isa.COMPUTE and descriptor["wait_load"]
            found = _one_token(descriptor) if split else [_at_its_end(descriptor)]
        descriptors += found
        relocations += [stream.relocations[index]] * len(found)
    return replace(stream, descriptors=tuple(descriptors), relocations=tuple(relocations))


def _meeting(config: ArrayConfig, descriptors: Sequence[isa.Descriptor], pushed: Sequence[int], taken: Sequence[int]) -> set[int]:
    """LOADs and COMPUTEs whose parts meet."""
    found = set()
    for first, second in zip(pushed, dict.fromkeys(taken)):  # each COMPUTE has one token, whatever its parts
        load, compute = descriptors[first], descriptors[second]
        fits = load["signal_each"] and not load["signal_store"] and part_count(load) == part_count(compute)
        if fits and not _in_the_way(config, list(parts(load)), list(parts(compute))):
            found |= {first, second}
    return found


def _in_the_way(config: ArrayConfig, loads: Sequence[isa.Descriptor], computes: Sequence[isa.Descriptor]) -> bool:
    """Whether an iteration of a LOAD writes what an earlier part of a COMPUTE touches."""
    return any(
        mine.meets(theirs) and _share(config, load, mine, compute, theirs)
        for i, compute in enumerate(computes)
        for load in loads[i + 1 :]
        for mine in accesses(load, config)
        for theirs in accesses(compute, config)
    )


def _share(config: ArrayConfig, one: isa.Descriptor, access: Access, other: isa.Descriptor, theirs: Access) -> bool:
    mine, others = touched(one, access, config), touched(other, theirs, config)
    return mine is None or others is None or bool(np.intersect1d(mine, others).size)


def _at_its_end(descriptor: isa.Descriptor) -> isa.Descriptor:
    """A LOAD that signals but once, if it signals."""
    signals = descriptor.op is isa.LOAD and (descriptor["signal_compute"] or descriptor["signal_store"])
    return descriptor.replace(signal_each=0) if signals else descriptor


def _one_token(compute: isa.Descriptor) -> list[isa.Descriptor]:
    first, *others = parts(compute)
    return [first, *(part.replace(wait_load=0) for part in others)]
