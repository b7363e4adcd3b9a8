"""Every short stream with every choice of token bits: what the verifier accepts runs to its end, whatever the order of events.

The model says no more about the machine than that descriptors are dispatched in order to queues of a limited length, that an engine
starts the descriptor at the head of its queue when its tokens are there, and that its tokens are pushed when it is done. All orders of
these events are tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from hwacc import isa
from hwacc.config import TINY
from hwacc.errors import StreamError
from hwacc.isa import Engine
from hwacc.ordering import ENGINES, Part, check_order
from hwacc.stream import Stream

OPS = {op.engine: op for op in isa.OPS if op.engine in ENGINES}


@dataclass(frozen=True)
class Tokens:
    """What matters of a descriptor: its engine, the engines whose tokens it takes, and those to which it pushes."""

    engine: Engine
    waits: tuple[Engine, ...]
    signals: tuple[Engine, ...]

    def descriptor(self) -> isa.Descriptor:
        """A descriptor with these tokens."""
        bits = {f"wait_{e.name.lower()}": 1 for e in self.waits} | {f"signal_{e.name.lower()}": 1 for e in self.signals}
        return isa.describe(OPS[self.engine], **bits)


def every_descriptor() -> list[Tokens]:
    """All choices of an engine and of tokens from and to the others."""
    found = []
    for engine in ENGINES:
        others = [other for other in ENGINES if other is not engine]
        subsets = [tuple(e for e, chosen in zip(others, bits) if chosen) for bits in product((0, 1), repeat=len(others))]
        found += [Tokens(engine, waits, signals) for waits in subsets for signals in subsets]
    return found


def accepted_by_the_verifier(tokens: list[Tokens]) -> str | None:
    """None, or why :func:`hwacc.ordering.check_order` refuses the stream."""
    stream = Stream(config_hash=TINY.hash, descriptors=tuple(t.descriptor() for t in tokens), relocations=(None,) * len(tokens), slots=())
    try:
        check_order(stream, [Part(index, descriptor, ()) for index, descriptor in enumerate(stream.descriptors)], TINY)
    except StreamError as error:
        return str(error)
    return None


@dataclass(frozen=True)
class State:
    """How many descriptors were dispatched, and how many each engine has started and finished."""

    dispatched: int
    started: tuple[int, ...]
    finished: tuple[int, ...]


class Machine:
    """The machine for one stream. ``depth``: descriptors that a queue holds."""

    def __init__(self, tokens: list[Tokens], depth: int) -> None:
        self.tokens = tokens
        self.depth = depth
        self.of = {engine: [t for t in tokens if t.engine is engine] for engine in ENGINES}

    def deadlock(self) -> State | None:
        """A state that can be reached, is not the end, and has nothing after it."""
        begin = State(0, (0, 0, 0), (0, 0, 0))
        seen, waiting = {begin}, [begin]
        while waiting:
            state = waiting.pop()
            following = list(self._events(state))
            if not following and sum(state.finished) != len(self.tokens):
                return state
            for later in following:
                if later not in seen:
                    seen.add(later)
                    waiting.append(later)
        return None

    def _events(self, state: State) -> Iterator[State]:
        if state.dispatched < len(self.tokens):
            engine = self.tokens[state.dispatched].engine
            queued = self._dispatched(state, engine) - state.started[engine]
            if queued < self.depth:
                yield State(state.dispatched + 1, state.started, state.finished)
        for engine in ENGINES:
            number = state.started[engine]
            if number < self._dispatched(state, engine) and self._may_start(state, engine, number):
                yield State(state.dispatched, _plus_one(state.started, engine), state.finished)
            if state.finished[engine] < number:
                yield State(state.dispatched, state.started, _plus_one(state.finished, engine))

    def _dispatched(self, state: State, engine: Engine) -> int:
        return sum(t.engine is engine for t in self.tokens[: state.dispatched])

    def _may_start(self, state: State, engine: Engine, number: int) -> bool:
        for producer in self.of[engine][number].waits:
            pushed = sum(engine in t.signals for t in self.of[producer][: state.finished[producer]])
            taken = sum(producer in t.waits for t in self.of[engine][:number])
            if pushed <= taken:
                return False
        return True


@dataclass
class Census:
    """How many streams were looked at, and what became of them; ``wrong``: accepted ones that can deadlock."""

    accepted: int = 0
    refused: int = 0
    refused_deadlocks: int = 0
    wrong: list[list[Tokens]] = field(default_factory=list)


def every_stream(length: int) -> Iterator[tuple[list[Tokens], str | None]]:
    """All streams of ``length`` descriptors that the verifier does not refuse before their last one, and why it refuses them."""
    choices = every_descriptor()

    def extend(tokens: list[Tokens]) -> Iterator[tuple[list[Tokens], str | None]]:
        for token in choices:
            longer = [*tokens, token]
            why = accepted_by_the_verifier(longer)
            if len(longer) == length:
                yield longer, why
            elif why is None or "never taken" in why:  # a token may still be taken; one that is missing stays missing
                yield from extend(longer)

    yield from extend([])


def census(length: int, depth: int) -> Census:
    """Looks at every stream of :func:`every_stream` on queues of ``depth``."""
    found = Census()
    for tokens, why in every_stream(length):
        stuck = Machine(tokens, depth).deadlock() if why is None or "no earlier descriptor" in why else None
        if why is None:
            found.accepted += 1
            if stuck:
                found.wrong.append(tokens)
        else:
            found.refused += 1
            found.refused_deadlocks += stuck is not None
    return found


def _plus_one(counts: tuple[int, ...], engine: Engine) -> tuple[int, ...]:
    return tuple(count + (index == engine) for index, count in enumerate(counts))
