"""A second opinion on the verifier: every byte of every descriptor, and every order that tokens give, listed one by one.

Slow, and only for streams of a few descriptors. Which bytes are touched comes from the traced reference, what happens
before what from a graph whose nodes are the moments of the descriptors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwacc import isa
from hwacc.config import PARAMETER_BYTES, ArrayConfig
from hwacc.footprint import MEMORY
from hwacc.parts import parts
from hwacc.stream import Stream
from tests.fuzz.reference import Reference, Use
from tests.fuzz.tokens import ENGINES

GAP = 1 << 14
"""Bytes between two buffers: an address that leaves its buffer by less does not reach another one."""
STARTED, READ, DONE = range(3)
"""Moments of a descriptor: it begins, its operands have been read, all of it is over."""


@dataclass(frozen=True)
class Verdict:
    """Whether a stream is wrong for certain, and whether it is right for certain: neither, where words are shared but not bytes."""

    wrong: bool
    right: bool


def verdict(stream: Stream, config: ArrayConfig) -> Verdict:
    """What is to be said about ``stream``, whose fields are otherwise right."""
    try:
        descriptors, places = _uses(stream, config)
    except AssertionError:  # bytes outside of a buffer
        return Verdict(wrong=True, right=False)
    tokens = _tokens(descriptors)
    if tokens is None:
        return Verdict(wrong=True, right=False)
    before = _before(descriptors, tokens)
    *races, words_race = (
        any(_race(descriptors, some, before, first, second) for second in range(len(some)) for first in range(second))
        for some in (*places, [_in_words(_together(uses), config) for uses in zip(*places)])
    )
    return Verdict(wrong=any(races), right=not words_race)


def _uses(stream: Stream, config: ArrayConfig) -> tuple[list[isa.Descriptor], list[list[Use]]]:
    """The plain descriptors of the stream, and what each of them touches, for every place in a beat where the buffers may begin
    if that makes a difference."""
    found = [part for whole in stream.descriptors for part in parts(whole)]
    aligned = any(part.op is isa.LOAD and (part["align_start"] or part["align_end"]) for part in found)
    return found, [_uses_at(stream, config, GAP + first) for first in range(config.bus_bytes if aligned else 1)]


def _uses_at(stream: Stream, config: ArrayConfig, first: int) -> list[Use]:
    """What each plain descriptor touches if the first buffer begins at ``first``; in memory counted from there."""
    bases, end = [], first
    for slot in stream.slots:
        bases.append(end)
        end += slot.size + GAP
    reference = Reference(config, np.zeros(end, np.uint8), traced=True)
    placed = [(part, slot) for whole, slot in zip(stream.relocated(bases), stream.relocations) for part in parts(whole)]
    silent = {f"{verb}_{engine.name.lower()}": 0 for verb in ("wait", "signal") for engine in ENGINES}
    reference.execute([isa.Descriptor(part.op, {**part.values, **silent}) for part, _ in placed])
    for use, (_, number) in zip(reference.uses, placed):
        touched = use.reads.get(MEMORY, set()) | use.writes.get(MEMORY, set())
        if touched:
            assert number is not None
            assert bases[number] <= min(touched) and max(touched) < bases[number] + stream.slots[number].size, "outside its buffer"
        for some in (use.reads, use.writes):
            some[MEMORY] = {byte - first for byte in some.get(MEMORY, set())}
    return reference.uses


def _together(uses: Sequence[Use]) -> Use:
    """What is touched in any of several places."""
    reads, writes = (
        {space: set().union(*(getattr(use, how).get(space, set()) for use in uses)) for space in (*isa.Target, MEMORY)}
        for how in ("reads", "writes")
    )
    return Use(reads, writes)


def _in_words(use: Use, config: ArrayConfig) -> Use:
    """The same if the accumulator and the parameters are read in whole words."""
    words = {
        isa.Target.WEST: 1,
        isa.Target.NORTH: 1,
        isa.Target.ACCUMULATOR: config.acc_word_bytes,
        isa.Target.PARAMETERS: config.cols * PARAMETER_BYTES,
        MEMORY: 1,
    }
    reads = {
        space: {byte // word * word + i for byte in touched for i in range(word)}
        for space, touched in use.reads.items()
        for word in (words[isa.Target(space) if space != MEMORY else MEMORY],)
    }
    return Use(reads, use.writes)


def _tokens(descriptors: Sequence[isa.Descriptor]) -> list[tuple[int, int]] | None:
    """(pushed by, taken by) for each token; None if one is taken before it is pushed, or never."""
    found = []
    for producer in ENGINES:
        for consumer in ENGINES:
            pushed = [i for i, d in enumerate(descriptors) if d.op.engine is producer and d[f"signal_{consumer.name.lower()}"]]
            taken = [i for i, d in enumerate(descriptors) if d.op.engine is consumer and d[f"wait_{producer.name.lower()}"]]
            if len(pushed) != len(taken) or any(first >= second for first, second in zip(pushed, taken)):
                return None
            found += list(zip(pushed, taken))
    return found


def _before(descriptors: Sequence[isa.Descriptor], tokens: Sequence[tuple[int, int]]) -> list[set[tuple[int, int]]]:
    """For each descriptor, the moments (descriptor, moment) that are past when it begins."""
    past: dict[tuple[int, int], set[tuple[int, int]]] = {}

    def with_itself(node: tuple[int, int]) -> set[tuple[int, int]]:
        return past[node] | {node}

    for index, descriptor in enumerate(descriptors):
        earlier = [i for i in range(index) if descriptors[i].op is descriptor.op]
        for moment in (STARTED, READ, DONE):
            node = (index, moment)
            past[node] = set() if moment == STARTED else with_itself((index, moment - 1))
            if earlier:
                past[node] |= with_itself((earlier[-1], moment))
            for first, second in tokens:
                if moment == STARTED and second == index:
                    past[node] |= with_itself((first, _moment_of_token(descriptors[first], descriptor)))
    return [past[index, STARTED] for index in range(len(descriptors))]


def _moment_of_token(producer: isa.Descriptor, consumer: isa.Descriptor) -> int:
    """As :data:`hwacc.isa.COMPUTE` and :data:`hwacc.isa.STORE` say."""
    early = {(isa.Engine.COMPUTE, isa.Engine.LOAD), (isa.Engine.STORE, isa.Engine.COMPUTE)}
    return READ if (producer.op.engine, consumer.op.engine) in early else DONE


def _race(
    descriptors: Sequence[isa.Descriptor], uses: Sequence[Use], before: Sequence[set[tuple[int, int]]], first: int, second: int
) -> bool:
    """Whether two descriptors of different engines touch the same byte, one of them writing, and the first may not be over."""
    one, other = descriptors[first], descriptors[second]
    if one.op is other.op:
        return False
    for space in (*isa.Target, MEMORY):
        moment = READ if _is_over_early(one, space) else DONE
        if (first, moment) in before[second]:
            continue
        read, written = (getattr(uses[first], how).get(space, set()) for how in ("reads", "writes"))
        reads, writes = (getattr(uses[second], how).get(space, set()) for how in ("reads", "writes"))
        if written & (reads | writes) or read & writes:
            return True
    return False


def _is_over_early(descriptor: isa.Descriptor, space: int) -> bool:
    if descriptor.op is isa.COMPUTE:
        return space in (isa.Target.WEST, isa.Target.NORTH)
    return descriptor.op is isa.STORE and space != MEMORY
