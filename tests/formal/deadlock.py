"""No deadlock: a stream whose tokens balance always lets an engine go on, however short the queues are."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import In

from hwacc import isa
from hwacc.rtl.dispatch import ENGINES, TOKEN_BITS, EngineQueue
from tests.formal.harness import Harness
from tests.formal.inside import Inside
from tests.formal.queue import MOST_TOKENS, SMALL_OP

PAIRS = [(producer, consumer) for producer in ENGINES for consumer in ENGINES if producer != consumer]
IN_FLIGHT = 3
"""Tokens that an engine may owe to another at a time. More make the proof no harder, only slower."""


class QueuesAtWork(Harness):
    """The three queues, fed in the order of a stream, with engines that take their time.

    *Given*, of the stream: a descriptor waits only for tokens that earlier ones push and nobody else took
    (:func:`hwacc.ordering.check_order`), at most :data:`hwacc.isa.MOST_TOKENS` are left at any point of it, and no engine exchanges
    tokens with itself (:func:`hwacc.verifier.verify`). Of an engine: for each descriptor that it took it pushes that descriptor's
    tokens, each at any later time, in any order.
    """

    def __init__(self, *, depth: int, balanced: bool = True) -> None:
        self.depth = depth
        self.balanced = balanced
        self.queues = [EngineQueue(SMALL_OP, depth=depth) for _ in ENGINES]
        super().__init__({"engine": In(2), "header": In(32), "valid": In(1), "ready": In(3), "pushes": In(9)})

    def describe(self, m: Module) -> None:
        self.fifos, self.tokens = [], []
        for engine, queue in zip(ENGINES, self.queues):
            m.submodules[f"{engine.name.lower()}_queue"] = queue
            inside = Inside(queue)
            self.fifos.append(inside.fifo("queue"))
            self.tokens.append([inside[f"tokens_{e.name.lower()}"] for e in ENGINES])
        self.taken = [queue.work.valid & queue.work.ready for queue in self.queues]
        self.accepted = [self._dispatch(m, engine) for engine in ENGINES]
        self._run_engines(m)
        self._balance(m)
        self.claim(m)

    def claim(self, m: Module) -> None:
        """Adds what is claimed."""
        raise NotImplementedError

    def _dispatch(self, m: Module, engine: Any) -> Any:
        """Offers the stream's next descriptor to its queue; whether it was accepted."""
        queue = self.queues[engine]
        m.d.comb += [queue.queue.payload.as_value().eq(self.header), queue.queue.valid.eq(self.valid & (self.engine == engine))]
        own = waits(self.header)[engine] | signals(self.header)[engine]
        self.given(f"{engine.name} exchanges no token with itself", ~queue.queue.valid | ~own)
        return queue.queue.valid & queue.queue.ready

    def _run_engines(self, m: Module) -> None:
        """``owed[p, c]``: tokens for c of descriptors that p took and has not finished."""
        self.owed = {pair: Signal(range(IN_FLIGHT + 1), name=f"owed_{pair[0]}_{pair[1]}") for pair in PAIRS}
        for p, producer in zip(ENGINES, self.queues):
            room = Cat(self.owed[p, c] != IN_FLIGHT for c in ENGINES if c != p).all()
            m.d.comb += producer.work.ready.eq(self.ready[p] & room)
        for (p, c), owed in self.owed.items():
            push = self.queues[c].push[p]
            m.d.comb += push.eq(self.pushes[3 * p + c] & (owed != 0))
            m.d.sync += owed.eq(owed + (self.taken[p] & signals(self.queues[p].work.payload.as_value())[c]) - push)
        self.nothing_owed = Cat(owed == 0 for owed in self.owed.values()).all()

    def _balance(self, m: Module) -> None:
        """``left[p, c]``: what the stream leaves of p's tokens for c at the point that is dispatched next."""
        self.left = {pair: Signal(TOKEN_BITS + 1, name=f"left_{pair[0]}_{pair[1]}") for pair in PAIRS}
        for (p, c), left in self.left.items():
            waiting, pushing = self.accepted[c] & waits(self.header)[p], self.accepted[p] & signals(self.header)[c]
            m.d.sync += left.eq(left + pushing - waiting)
            names = f"{ENGINES[p].name} for {ENGINES[c].name}"
            if self.balanced:
                self.given(f"no descriptor waits for a token of {names} that nobody pushes before it", ~waiting | (left != 0))
                self.given(f"the stream leaves at most {isa.MOST_TOKENS} tokens of {names}", left + pushing <= isa.MOST_TOKENS)


class OldestHasItsTokens(QueuesAtWork):
    """One descriptor, any, is marked when it is dispatched: once everything older is done, it has its tokens.

    The oldest descriptor in the queues has only finished ones before it, so it can start: as long as there is a descriptor,
    an engine can go on. ``older[e]``: descriptors in the queue of e that are older than the marked one.
    """

    def claim(self, m: Module) -> None:
        self._mark(m)
        for queue, fifo in zip(self.queues, self.fifos):
            self.always(f"the pointers of queue {self.queues.index(queue)} are as far apart as its words are many", fifo.consistent())
        words = [[fifo.peek(m, i, f"word_{e}_{i}") for i in range(self.depth)] for e, fifo in enumerate(self.fifos)]
        for pair in PAIRS:
            self._claim_balance(pair, words)
        for home in ENGINES:
            here = self.marked & (self.home == home)
            mine = self.fifos[home].peek(m, self.older[home], f"mine_{home}")
            for p in ENGINES:
                if p == home:
                    self.always(f"a descriptor of {home.name} waits for no token of its own", ~here | ~waits(mine)[p])
                else:
                    self._claim_mine(m, home, p, here, mine, words)
            self.always(f"the marked descriptor is in the queue of {home.name}", ~here | (self.older[home] < self.fifos[home].port.level))
            alone = here & self.nothing_owed & Cat(count == 0 for count in self.older).all()
            self.always(f"the oldest descriptor of {home.name} has its tokens", ~alone | ~self.queues[home].blocked)
            self.reached(
                f"a descriptor of {home.name} that waited for two tokens leaves", here & self.taken[home] & (Cat(waits(mine)).any())
            )
        for e in ENGINES:
            self.always(f"of {e.name} no more is older than is there", ~self.marked | (self.older[e] <= self.fifos[e].port.level))

    def _mark(self, m: Module) -> None:
        mark = self.anything(1, "mark")
        self.marked, self.home = Signal(), Signal(2)
        self.older = [Signal(range(self.depth + 1), name=f"older_{engine}") for engine in ENGINES]
        self.had = [Signal(TOKEN_BITS + 1, name=f"had_{engine}") for engine in ENGINES]
        marks = mark & ~self.marked & Cat(self.accepted).any()
        with m.If(marks):
            m.d.sync += [self.marked.eq(1), self.home.eq(self.engine)]
        for e in ENGINES:
            with m.If(marks):
                m.d.sync += self.older[e].eq(self.fifos[e].port.level - self.taken[e])
            with m.Elif(self.taken[e] & (self.older[e] != 0)):
                m.d.sync += self.older[e].eq(self.older[e] - 1)
            with m.If(self.marked & self.taken[e] & (self.home == e) & (self.older[e] == 0)):
                m.d.sync += self.marked.eq(0)
        for p, c in PAIRS:
            with m.If(marks & (self.engine == c)):
                m.d.sync += self.had[p].eq(self.left[p, c])

    def _claim_balance(self, pair: tuple[Any, Any], words: Any) -> None:
        """All tokens, wherever they are, are those that the stream leaves; so no counter overflows."""
        p, c = pair
        to_come = sum(Mux(self.fifos[p].port.level > i, signals(word)[c], 0) for i, word in enumerate(words[p]))
        to_take = sum(Mux(self.fifos[c].port.level > i, waits(word)[p], 0) for i, word in enumerate(words[c]))
        there = self.tokens[c][p] + self.owed[pair] + to_come
        names = f"{ENGINES[p].name} for {ENGINES[c].name}"
        self.always(f"no token of {names} is lost or invented", there == self.left[pair] + to_take)
        self.always(f"the stream leaves no more tokens of {names} than it may", self.left[pair] <= isa.MOST_TOKENS)
        self.always(f"the counter of tokens of {names} does not overflow", self.tokens[c][p] + self.queues[c].push[p] <= MOST_TOKENS)

    def _claim_mine(self, m: Module, home: Any, p: Any, here: Any, mine: Any, words: Any) -> None:
        """What was left of p's tokens for the marked descriptor is there or comes from older descriptors."""
        to_come = sum(Mux(self.older[p] > i, signals(word)[home], 0) for i, word in enumerate(words[p]))
        to_take = sum(Mux(self.older[home] > i, waits(word)[p], 0) for i, word in enumerate(words[home]))
        there = self.tokens[home][p] + self.owed[p, home] + to_come
        names = f"{p.name} for {home.name}"
        self.always(f"tokens of {names} that were left for the marked descriptor stay for it", ~here | (there >= self.had[p] + to_take))
        self.always(f"something was left of {names} for a marked descriptor that waits", ~(here & waits(mine)[p]) | (self.had[p] != 0))


class NeverAllBlocked(QueuesAtWork):
    """Said outright: it never is so that nothing is under way and every queue that holds a descriptor waits for a token."""

    def claim(self, m: Module) -> None:
        blocked = Cat(queue.blocked for queue in self.queues)
        stopped = Cat(queue.blocked | queue.empty for queue in self.queues).all()
        self.always("the queues are never all blocked with nothing under way", ~(stopped & blocked.any() & self.nothing_owed))
        self.reached("two queues wait for tokens that are owed", (blocked == 0b011) & stopped)
        if self.balanced:
            self.reached("a queue that was blocked is served", self.taken[1] & self.before(self.queues[1].blocked, "was_blocked"))


def waits(header: Any) -> list[Any]:
    """The bits of a descriptor's header that ask for tokens of each engine."""
    return [header[isa.LOAD.offset(f"wait_{engine.name.lower()}")] for engine in ENGINES]


def signals(header: Any) -> list[Any]:
    """The bits of a descriptor's header that push tokens to each engine."""
    return [header[isa.LOAD.offset(f"signal_{engine.name.lower()}")] for engine in ENGINES]
