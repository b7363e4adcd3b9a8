"""What the tokens of a stream order, and what they leave to chance.

Engines run side by side. Only tokens say that something on one engine happens
before something on another; so each engine has a *clock*: how many accesses of
each engine are over for certain when it begins its next descriptor. A token
carries the clock of the descriptor that pushed it, at the moment it stands for
(:class:`hwacc.footprint.Moment`). Two accesses to the same bytes, one of them a
write, must be ordered by that.

The stream is followed in its own order: a token must be pushed by an earlier
descriptor, so that no stream waits for ever, however short the queues are. Of a
descriptor in parts (:mod:`hwacc.parts`) each part counts as a descriptor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.errors import StreamError
from hwacc.footprint import MEMORY, Access, Moment, apart, comb, touched
from hwacc.isa import Engine
from hwacc.stream import Stream, format_descriptor

ENGINES = (Engine.LOAD, Engine.COMPUTE, Engine.STORE)
SPACE_NAMES = {
    isa.Target.WEST: "the west operand buffer",
    isa.Target.NORTH: "the north operand buffer",
    isa.Target.ACCUMULATOR: "the accumulator",
    isa.Target.PARAMETERS: "the parameter buffer",
}
Clock = dict[tuple[Engine, Moment], int]
"""The part from which on accesses of an engine may not be over; those before are."""


@dataclass(frozen=True)
class Part:
    """A part of descriptor ``index`` of the stream, as a plain ``descriptor``; memory in its ``accesses`` counts from the start of
    its buffer."""

    index: int
    descriptor: isa.Descriptor
    accesses: Sequence[Access]


def token_moment(producer: Engine, consumer: Engine) -> Moment:
    """What a token says is over, as :mod:`hwacc.isa` tells for each opcode."""
    early = (producer, consumer) in ((Engine.COMPUTE, Engine.LOAD), (Engine.STORE, Engine.COMPUTE))
    return Moment.READ if early else Moment.DONE


def check_order(stream: Stream, parts: Sequence[Part], config: ArrayConfig) -> None:
    """Raises :class:`StreamError` for tokens that do not balance and for accesses that nothing orders.

    ``parts`` are those of all descriptors of ``stream``, in order. Its buffers do not overlap.
    """
    order = _Order(stream, parts, config)
    for number in range(len(parts)):
        order.take_tokens(number)
        order.check_hazards(number)
        order.push_tokens(number)
    order.check_leftover()


class _Order:
    """Parts are named by their place in ``parts``."""

    def __init__(self, stream: Stream, parts: Sequence[Part], config: ArrayConfig) -> None:
        self.stream = stream
        self.parts = parts
        self.config = config
        self.clocks: dict[Engine, Clock] = {engine: {} for engine in ENGINES}
        self.tokens: dict[tuple[Engine, Engine], deque[tuple[int, Clock]]] = {(a, b): deque() for a in ENGINES for b in ENGINES}
        self.open: dict[tuple[Engine, Engine], dict[tuple[int, int | None], deque[tuple[int, Access]]]] = {pair: {} for pair in self.tokens}

    def take_tokens(self, number: int) -> None:
        """Advances the clock of the engine of part ``number`` by the tokens that it waits for."""
        descriptor = self.parts[number].descriptor
        consumer = descriptor.op.engine
        for producer in ENGINES:
            if descriptor[f"wait_{producer.name.lower()}"]:
                waiting = self.tokens[producer, consumer]
                if not waiting:
                    self._refuse(number, f"it waits for a token of {producer.name} that no earlier descriptor pushes")
                _merge(self.clocks[consumer], waiting.popleft()[1])

    def push_tokens(self, number: int) -> None:
        """Pushes the tokens of part ``number``, with what is over by then."""
        descriptor = self.parts[number].descriptor
        producer = descriptor.op.engine
        for consumer in ENGINES:
            if descriptor[f"signal_{consumer.name.lower()}"]:
                clock = dict(self.clocks[producer])
                clock[producer, Moment.READ] = number + 1
                if token_moment(producer, consumer) is Moment.DONE:
                    clock[producer, Moment.DONE] = number + 1
                waiting = self.tokens[producer, consumer]
                if len(waiting) == isa.MOST_TOKENS:
                    self._refuse(number, f"it pushes a token to {consumer.name} while {len(waiting)} others wait to be taken")
                waiting.append((number, clock))

    def check_leftover(self) -> None:
        """Refuses tokens that nobody took."""
        for (_, consumer), waiting in self.tokens.items():
            if waiting:
                self._refuse(waiting[0][0], f"the token that it pushes to {consumer.name} is never taken")

    def check_hazards(self, number: int) -> None:
        """Refuses part ``number`` if an access of an earlier one on another engine may still be under way."""
        part = self.parts[number]
        engine = part.descriptor.op.engine
        for access in part.accesses:
            place = (access.space, self.stream.relocations[part.index] if access.space == MEMORY else None)
            for other in ENGINES:
                if other is not engine:
                    self._check_against(number, access, self.open[other, engine].get(place), other)
                    self.open[engine, other].setdefault(place, deque()).append((number, access))

    def _check_against(self, number: int, access: Access, earlier: deque[tuple[int, Access]] | None, other: Engine) -> None:
        if not earlier:
            return
        clock = self.clocks[self.parts[number].descriptor.op.engine]
        over = {moment: clock.get((other, moment), 0) for moment in Moment}
        while earlier and earlier[0][0] < over[earlier[0][1].moment]:
            earlier.popleft()  # over for good: clocks only advance
        for theirs, met in earlier:
            if access.meets(met) and theirs >= over[met.moment] and self._share_bytes(number, access, theirs, met):
                self._refuse_hazard(number, access, theirs, met)

    def _share_bytes(self, number: int, access: Access, theirs: int, met: Access) -> bool:
        """Whether two accesses with overlapping intervals really meet: strides may leave gaps for one another."""
        one, other = self.parts[number].descriptor, self.parts[theirs].descriptor
        if apart(comb(one, access, self.config), comb(other, met, self.config)):
            return False
        mine, others = touched(one, access, self.config), touched(other, met, self.config)
        if mine is None and others is None:
            return True
        if mine is None or others is None:
            listed, whole = (others, access) if mine is None else (mine, met)
            assert listed is not None
            return bool(((listed >= whole.low) & (listed < whole.high)).any())
        return bool(np.intersect1d(mine, others, assume_unique=True).size)

    def _refuse_hazard(self, number: int, access: Access, theirs: int, met: Access) -> None:
        slot = self.stream.relocations[self.parts[number].index]
        where = SPACE_NAMES[isa.Target(access.space)] if access.space != MEMORY else f"buffer {self.stream.slots[slot or 0].name!r}"
        low, high = max(access.low, met.low), min(access.high, met.high)
        mine, other = ("write" if a.writes else "read" for a in (access, met))
        earlier = self.parts[theirs]
        text = (
            f"it {mine}s bytes of {where} between {low} and {high - 1}, "
            f"which descriptor {earlier.index} ({earlier.descriptor.op.name}) may still {other}"
        )
        self._refuse(number, f"{text}: no token orders them")

    def _refuse(self, number: int, why: str) -> None:
        raise StreamError(refusal(self.stream, self.parts[number].index, why))


def refusal(stream: Stream, index: int, why: str) -> str:
    """The sentence about descriptor ``index``."""
    slot = stream.relocations[index]
    text = format_descriptor(stream.descriptors[index], None if slot is None else stream.slots[slot].name)
    return f"descriptor {index} ({' '.join(text.split())}): {why}"


def _merge(clock: Clock, other: Clock) -> None:
    for key, number in other.items():
        if number > clock.get(key, 0):
            clock[key] = number
