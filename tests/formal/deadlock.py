"""No deadlock: a stream whose tokens balance always lets an engine go on, however short the queues are."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import data
from amaranth.lib.wiring import In

from hwacc import isa
from hwacc.rtl.decode import work_layout
from hwacc.rtl.dispatch import ENGINES, TOKEN_BITS, EngineQueue
from tests.formal.harness import Harness
from tests.formal.inside import Inside
from tests.formal.queue import MOST_TOKENS, PARTS_OP, SMALL_OP

PAIRS = [(producer, consumer) for producer in ENGINES for consumer in ENGINES if producer != consumer]
MOST_PARTS = 3
K_BITS, STEP_BITS = (next(field.bits for field in PARTS_OP.own_fields if field.name == name) for name in ("k", "k_step"))
WORD_BITS = max(work_layout(op).size for op in (PARTS_OP, SMALL_OP))
IN_FLIGHT = 3
"""Tokens that an engine may owe to another at a time. More make the proof no harder, only slower."""


class QueuesAtWork(Harness):
    """The three queues, fed in the order of a stream, with engines that take their time.

    *Given*, of the stream: a descriptor waits only for tokens that earlier ones push and nobody else took
    (:func:`hwacc.ordering.check_order`), at most :data:`hwacc.isa.MOST_TOKENS` are left at any point of it, and no engine exchanges
    tokens with itself (:func:`hwacc.verifier.verify`). Of an engine: for each descriptor that it took it pushes that descriptor's
    tokens, each at any later time, in any order. A COMPUTE has up to three parts, a LOAD one or two iterations that signal.
    """

    def __init__(self, *, depth: int, balanced: bool = True) -> None:
        self.depth = depth
        self.balanced = balanced
        self.queues = [EngineQueue(PARTS_OP if engine is isa.Engine.COMPUTE else SMALL_OP, depth=depth) for engine in ENGINES]
        super().__init__({"engine": In(2), "header": In(WORD_BITS), "valid": In(1), "ready": In(3), "pushes": In(9)})

    def describe(self, m: Module) -> None:
        self.fifos, self.tokens = [], []
        for engine, queue in zip(ENGINES, self.queues):
            m.submodules[f"{engine.name.lower()}_queue"] = queue
            inside = Inside(queue)
            self.fifos.append(inside.fifo("queue"))
            self.tokens.append([inside[f"tokens_{e.name.lower()}"] for e in ENGINES])
            if engine is isa.Engine.COMPUTE:
                self.walker = inside.part("parts")
        self.taken = [queue.work.valid & queue.work.ready for queue in self.queues]
        self.left_queue = [taken & fifo.pops for taken, fifo in zip(self.taken, self.fifos)]
        self._count_parts(m)
        self.accepted = [self._dispatch(m, engine) for engine in ENGINES]
        self._run_engines(m)
        self._balance(m)
        self.claim(m)

    def claim(self, m: Module) -> None:
        """Adds what is claimed."""
        raise NotImplementedError

    def _count_parts(self, m: Module) -> None:
        """``parts_taken`` of the oldest COMPUTE, and what the queue knows of it."""
        compute = isa.Engine.COMPUTE
        self.parts_taken = Signal(2)
        m.d.sync += self.parts_taken.eq(Mux(self.left_queue[compute], 0, self.parts_taken + self.taken[compute]))
        head = data.View(work_layout(PARTS_OP), self.fifos[compute].port.r_data)
        done = Signal(6)
        m.d.comb += done.eq(head.k_step * self.parts_taken)
        between = self.parts_taken != 0
        self.always("between two parts the descriptor is there", ~between | (self.fifos[compute].port.level != 0))
        self.always("between two parts something is left", ~between | (self.parts_taken < parts_of(compute, head.as_value())))
        self.always("the queue knows that a part is not the first", self.walker["later"] == between)
        self.always("the queue knows how much is left", ~between | (self.walker["left_after"] == head.k - done))

    def _gone(self, producer: Any, consumer: Any, word: Any) -> Any:
        """Tokens of ``producer`` that parts of the oldest descriptor of ``consumer``, ``word``, have taken."""
        if consumer is not isa.Engine.COMPUTE:
            return Const(0)
        parts = self.parts_taken if producer is isa.Engine.LOAD else self.parts_taken != 0
        return Mux(waits(word)[producer], parts, 0)

    def _dispatch(self, m: Module, engine: Any) -> Any:
        """Offers the stream's next descriptor to its queue; whether it was accepted."""
        queue = self.queues[engine]
        m.d.comb += [queue.queue.payload.as_value().eq(self.header), queue.queue.valid.eq(self.valid & (self.engine == engine))]
        own = waits(self.header)[engine] | signals(self.header)[engine]
        self.given(f"{engine.name} exchanges no token with itself", ~queue.queue.valid | ~own)
        if engine is isa.Engine.COMPUTE:
            parts = parts_of(engine, self.header)
            self.given(f"a COMPUTE has at most {MOST_PARTS} parts", ~queue.queue.valid | (parts <= MOST_PARTS))
        return queue.queue.valid & queue.queue.ready

    def _run_engines(self, m: Module) -> None:
        """``owed[p, c]``: tokens for c of descriptors that p took and has not finished."""
        self.owed = {pair: Signal(range(IN_FLIGHT + 1), name=f"owed_{pair[0]}_{pair[1]}") for pair in PAIRS}
        for p, producer in zip(ENGINES, self.queues):
            work = producer.work.payload.as_value()
            room = Cat(self.owed[p, c] + gives(p, c, work) <= IN_FLIGHT for c in ENGINES if c != p).all()
            m.d.comb += producer.work.ready.eq(self.ready[p] & room)
        for (p, c), owed in self.owed.items():
            push = self.queues[c].push[p]
            m.d.comb += push.eq(self.pushes[3 * p + c] & (owed != 0))
            m.d.sync += owed.eq(owed + Mux(self.taken[p], gives(p, c, self.queues[p].work.payload.as_value()), 0) - push)
        self.nothing_owed = Cat(owed == 0 for owed in self.owed.values()).all()

    def _balance(self, m: Module) -> None:
        """``left[p, c]``: what the stream leaves of p's tokens for c at the point that is dispatched next."""
        self.left = {pair: Signal(TOKEN_BITS + 1, name=f"left_{pair[0]}_{pair[1]}") for pair in PAIRS}
        for (p, c), left in self.left.items():
            waiting = Mux(self.accepted[c], takes(c, p, self.header), 0)
            pushing = Mux(self.accepted[p], gives(p, c, self.header), 0)
            m.d.sync += left.eq(left + pushing - waiting)
            names = f"{ENGINES[p].name} for {ENGINES[c].name}"
            if self.balanced:
                self.given(f"no descriptor waits for a token of {names} that nobody pushes before it", waiting <= left)
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
        for i, word in enumerate(words[isa.Engine.COMPUTE]):
            few = parts_of(isa.Engine.COMPUTE, word) <= MOST_PARTS
            self.always(f"COMPUTE {i} in the queue has few parts", (self.fifos[isa.Engine.COMPUTE].port.level <= i) | few)
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
        self.reached("a second part of a COMPUTE is taken", self.taken[isa.Engine.COMPUTE] & (self.parts_taken == 1))
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
                m.d.sync += self.older[e].eq(self.fifos[e].port.level - self.left_queue[e])
            with m.Elif(self.left_queue[e] & (self.older[e] != 0)):
                m.d.sync += self.older[e].eq(self.older[e] - 1)
            with m.If(self.marked & self.left_queue[e] & (self.home == e) & (self.older[e] == 0)):
                m.d.sync += self.marked.eq(0)
        for p, c in PAIRS:
            with m.If(marks & (self.engine == c)):
                m.d.sync += self.had[p].eq(self.left[p, c])

    def _claim_balance(self, pair: tuple[Any, Any], words: Any) -> None:
        """All tokens, wherever they are, are those that the stream leaves; so no counter overflows."""
        p, c = pair
        to_come = sum(Mux(self.fifos[p].port.level > i, gives(p, c, word), 0) for i, word in enumerate(words[p]))
        to_take = sum(Mux(self.fifos[c].port.level > i, takes(c, p, word), 0) for i, word in enumerate(words[c]))
        there = self.tokens[c][p] + self.owed[pair] + to_come + self._gone(p, c, words[c][0])
        names = f"{ENGINES[p].name} for {ENGINES[c].name}"
        self.always(f"no token of {names} is lost or invented", there == self.left[pair] + to_take)
        self.always(f"the stream leaves no more tokens of {names} than it may", self.left[pair] <= isa.MOST_TOKENS)
        self.always(f"the counter of tokens of {names} does not overflow", self.tokens[c][p] + self.queues[c].push[p] <= MOST_TOKENS)

    def _claim_mine(self, m: Module, home: Any, p: Any, here: Any, mine: Any, words: Any) -> None:
        """What was left of p's tokens for the marked descriptor is there or comes from older descriptors."""
        to_come = sum(Mux(self.older[p] > i, gives(p, home, word), 0) for i, word in enumerate(words[p]))
        to_take = sum(Mux(self.older[home] > i, takes(home, p, word), 0) for i, word in enumerate(words[home]))
        there = self.tokens[home][p] + self.owed[p, home] + to_come + self._gone(p, home, words[home][0])
        names = f"{p.name} for {home.name}"
        self.always(f"tokens of {names} that were left for the marked descriptor stay for it", ~here | (there >= self.had[p] + to_take))
        self.always(f"something was left of {names} for a marked descriptor that waits", ~here | (self.had[p] >= takes(home, p, mine)))


class NeverAllBlocked(QueuesAtWork):
    """Said outright: it never is so that nothing is under way and every queue that holds a descriptor waits for a token."""

    def claim(self, m: Module) -> None:
        blocked = Cat(queue.blocked for queue in self.queues)
        stopped = Cat(queue.blocked | queue.empty for queue in self.queues).all()
        self.always("the queues are never all blocked with nothing under way", ~(stopped & blocked.any() & self.nothing_owed))
        self.reached("two queues wait for tokens that are owed", (blocked == 0b011) & stopped)
        if self.balanced:
            self.reached("a queue that was blocked is served", self.taken[1] & self.before(self.queues[1].blocked, "was_blocked"))


def parts_of(engine: Any, word: Any) -> Any:
    """The parts of a descriptor: of a COMPUTE ``ceil(k / k_step)``, as a table of its few values; of another 1."""
    if engine is not isa.Engine.COMPUTE:
        return Const(1)
    lengths = range(1 << K_BITS), range(1 << STEP_BITS)
    k, step = (word[PARTS_OP.offset(name) :][:bits] for name, bits in (("k", K_BITS), ("k_step", STEP_BITS)))
    table = Array(Array(Const(max(1, -(-length // s)) if s else 1, K_BITS) for s in lengths[1]) for length in lengths[0])
    return table[k][step]


def takes(consumer: Any, producer: Any, word: Any) -> Any:
    """How many tokens of ``producer`` a descriptor of ``consumer`` takes in all."""
    return Mux(waits(word)[producer], parts_of(consumer, word) if producer is isa.Engine.LOAD else 1, 0)


def gives(producer: Any, consumer: Any, word: Any) -> Any:
    """How many tokens a descriptor of ``producer`` pushes to ``consumer``: of a LOAD, the bit above the header stands for an iteration
    more."""
    return Mux(signals(word)[consumer], 1 + word[SMALL_OP.offset("body")] if producer is isa.Engine.LOAD else 1, 0)


def waits(header: Any) -> list[Any]:
    """The bits of a descriptor's header that ask for tokens of each engine."""
    return [header[isa.LOAD.offset(f"wait_{engine.name.lower()}")] for engine in ENGINES]


def signals(header: Any) -> list[Any]:
    """The bits of a descriptor's header that push tokens to each engine."""
    return [header[isa.LOAD.offset(f"signal_{engine.name.lower()}")] for engine in ENGINES]
