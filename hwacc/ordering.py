"""What the tokens of a stream order, and what they leave to chance.

Engines run side by side. Only tokens say that something on one engine happens
before something on another; so each engine has a *clock*: how many accesses of
each engine are over for certain when it begins its next descriptor. A token
carries the clock of the descriptor that pushed it, at the moment it stands for
(:class:`hwacc.footprint.Moment`). Two accesses to the same bytes, one of them a
write, must be ordered by that.

The stream is followed in its own order: a token must be pushed by an earlier
descriptor, so that no stream waits for ever, however short the queues are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.errors import StreamError
from hwacc.footprint import MEMORY, Access, Moment, touched
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
"""The stream's index from which on accesses of an engine may not be over; those before are."""


def token_moment(producer: Engine, consumer: Engine) -> Moment:
    """What a token says is over, as :mod:`hwacc.isa` tells for each opcode."""
    early = (producer, consumer) in ((Engine.COMPUTE, Engine.LOAD), (Engine.STORE, Engine.COMPUTE))
    return Moment.READ if early else Moment.DONE


def check_order(stream: Stream, config: ArrayConfig, accesses: Sequence[Sequence[Access]]) -> None:
    """Raises :class:`StreamError` for tokens that do not balance and for accesses that nothing orders.

    ``accesses`` are those of each descriptor, with memory counted from the start of its buffer; buffers do not overlap.
    """
    order = _Order(stream, config, accesses)
    for index in range(len(stream.descriptors)):
        order.take_tokens(index)
        order.check_hazards(index)
        order.push_tokens(index)
    order.check_leftover()


class _Order:
    def __init__(self, stream: Stream, config: ArrayConfig, accesses: Sequence[Sequence[Access]]) -> None:
        self.stream = stream
        self.config = config
        self.accesses = accesses
        self.clocks: dict[Engine, Clock] = {engine: {} for engine in ENGINES}
        self.tokens: dict[tuple[Engine, Engine], deque[tuple[int, Clock]]] = {(a, b): deque() for a in ENGINES for b in ENGINES}
        self.open: dict[tuple[Engine, Engine], dict[tuple[int, int | None], deque[tuple[int, Access]]]] = {pair: {} for pair in self.tokens}

    def take_tokens(self, index: int) -> None:
        """Advances the clock of the engine of descriptor ``index`` by the tokens that it waits for."""
        descriptor = self.stream.descriptors[index]
        consumer = descriptor.op.engine
        for producer in ENGINES:
            if descriptor[f"wait_{producer.name.lower()}"]:
                waiting = self.tokens[producer, consumer]
                if not waiting:
                    self._refuse(index, f"it waits for a token of {producer.name} that no earlier descriptor pushes")
                _merge(self.clocks[consumer], waiting.popleft()[1])

    def push_tokens(self, index: int) -> None:
        """Pushes the tokens of descriptor ``index``, with what is over by then."""
        descriptor = self.stream.descriptors[index]
        producer = descriptor.op.engine
        for consumer in ENGINES:
            if descriptor[f"signal_{consumer.name.lower()}"]:
                clock = dict(self.clocks[producer])
                clock[producer, Moment.READ] = index + 1
                if token_moment(producer, consumer) is Moment.DONE:
                    clock[producer, Moment.DONE] = index + 1
                waiting = self.tokens[producer, consumer]
                if len(waiting) == isa.MOST_TOKENS:
                    self._refuse(index, f"it pushes a token to {consumer.name} while {len(waiting)} others wait to be taken")
                waiting.append((index, clock))

    def check_leftover(self) -> None:
        """Refuses tokens that nobody took."""
        for (_, consumer), waiting in self.tokens.items():
            if waiting:
                self._refuse(waiting[0][0], f"the token that it pushes to {consumer.name} is never taken")

    def check_hazards(self, index: int) -> None:
        """Refuses descriptor ``index`` if an access of an earlier one on another engine may still be under way."""
        engine = self.stream.descriptors[index].op.engine
        for access in self.accesses[index]:
            place = (access.space, self.stream.relocations[index] if access.space == MEMORY else None)
            for other in ENGINES:
                if other is not engine:
                    self._check_against(index, access, self.open[other, engine].get(place), other)
                    self.open[engine, other].setdefault(place, deque()).append((index, access))

    def _check_against(self, index: int, access: Access, earlier: deque[tuple[int, Access]] | None, other: Engine) -> None:
        if not earlier:
            return
        clock = self.clocks[self.stream.descriptors[index].op.engine]
        over = {moment: clock.get((other, moment), 0) for moment in Moment}
        while earlier and earlier[0][0] < over[earlier[0][1].moment]:
            earlier.popleft()  # over for good: clocks only advance
        for number, theirs in earlier:
            if access.meets(theirs) and number >= over[theirs.moment] and self._share_bytes(index, access, number, theirs):
                self._refuse_hazard(index, access, number, theirs)

    def _share_bytes(self, index: int, access: Access, number: int, theirs: Access) -> bool:
        """Whether two accesses with overlapping intervals really meet: strides may leave gaps for one another."""
        mine, others = (touched(self.stream.descriptors[i], a) for i, a in ((index, access), (number, theirs)))
        if mine is None and others is None:
            return True
        if mine is None or others is None:
            listed, whole = (others, access) if mine is None else (mine, theirs)
            assert listed is not None
            return bool(((listed >= whole.low) & (listed < whole.high)).any())
        return bool(np.intersect1d(mine, others, assume_unique=True).size)

    def _refuse_hazard(self, index: int, access: Access, number: int, theirs: Access) -> None:
        slot = self.stream.relocations[index]
        where = SPACE_NAMES[isa.Target(access.space)] if access.space != MEMORY else f"buffer {self.stream.slots[slot or 0].name!r}"
        low, high = max(access.low, theirs.low), min(access.high, theirs.high)
        mine, other = ("write" if a.writes else "read" for a in (access, theirs))
        text = (
            f"it {mine}s bytes of {where} between {low} and {high - 1}, which descriptor {number} ({self._name(number)}) may still {other}"
        )
        self._refuse(index, f"{text}: no token orders them")

    def _name(self, index: int) -> str:
        return self.stream.descriptors[index].op.name

    def _refuse(self, index: int, why: str) -> None:
        raise StreamError(refusal(self.stream, index, why))


def refusal(stream: Stream, index: int, why: str) -> str:
    """The sentence about descriptor ``index``."""
    slot = stream.relocations[index]
    text = format_descriptor(stream.descriptors[index], None if slot is None else stream.slots[slot].name)
    return f"descriptor {index} ({' '.join(text.split())}): {why}"


def _merge(clock: Clock, other: Clock) -> None:
    for key, index in other.items():
        if index > clock.get(key, 0):
            clock[key] = index
