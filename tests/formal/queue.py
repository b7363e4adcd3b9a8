"""The queue in front of an engine: descriptors kept in order, tokens counted, each descriptor started as soon as it may be."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib.wiring import In

from hwacc import isa
from hwacc.rtl.dispatch import ENGINES, TOKEN_BITS, EngineQueue
from tests.formal.fifo import MarkedWord, Plant
from tests.formal.harness import Harness
from tests.formal.inside import Inside

SMALL_OP = isa.Op("SMALL", 0x7F, isa.Engine.LOAD, "An opcode of the proofs.", (isa.Field("body", 4, "Whatever it does."),))
"""The queue looks at nothing above the tokens; that the real opcodes' fields arrive is proved in :mod:`tests.formal.decoder`."""
MOST_TOKENS = (1 << TOKEN_BITS) - 1


class QueueKeepsTokens(Harness):
    """One :class:`EngineQueue`; descriptors, tokens, the engine's ``ready`` and ``clear`` come as they like."""

    def __init__(self, *, depth: int, plant: Plant | None = None) -> None:
        self.queue = EngineQueue(SMALL_OP, depth=depth)
        self.plant = plant
        super().__init__(
            {"offered": In(1), "descriptor": In(len(self.queue.queue.payload.as_value())), "ready": In(1), "clear": In(1), "push": In(3)}
        )

    def describe(self, m: Module) -> None:
        queue = m.submodules.queue = self.queue
        inside = Inside(queue)
        if self.plant:
            self.plant(inside)
        fifo = inside.fifo("queue")
        m.d.comb += [
            queue.queue.valid.eq(self.offered),
            queue.queue.payload.eq(self.descriptor),
            queue.work.ready.eq(self.ready),
            queue.clear.eq(self.clear),
            queue.push.eq(self.push),
        ]
        self._follow_words(m, inside, fifo)
        self._count_tokens(m, inside, fifo)

    def _follow_words(self, m: Module, inside: Any, fifo: Any) -> None:
        queue = self.queue
        taken, accepted = queue.work.valid & queue.work.ready, queue.queue.valid & queue.queue.ready
        word = MarkedWord(self, m, fifo, cleared=self.clear)
        self.always("the descriptor at the engine is the oldest", ~queue.work.valid | (queue.work.payload.as_value() == fifo.port.r_data))
        self.always("a descriptor leaves the queue when the engine takes it, and only then", taken == (fifo.pops & ~self.clear))
        self.always("a descriptor that is accepted is in the queue", accepted == fifo.pushes)
        self.always("what comes while there is room is accepted", ~self.offered | (fifo.port.level == fifo.words) | accepted)
        self.always("empty says whether there is none", queue.empty == (fifo.port.level == 0))
        cleared = self.before(self.clear, "cleared")
        self.always("clear drops every descriptor", ~cleared | queue.empty)
        self.stays("an offered descriptor", queue.work.valid, queue.work.ready, [queue.work.payload], unless=self.clear)
        self.reached("the descriptor behind a waiting one starts", taken & self.before(word.waits & (word.front == 0) & taken, "one_left"))

    def _count_tokens(self, m: Module, inside: Any, fifo: Any) -> None:
        queue = self.queue
        taken = queue.work.valid & queue.work.ready
        there = Signal(len(ENGINES))
        head = queue.work.payload
        waits = Cat(head[f"wait_{engine.name.lower()}"] for engine in ENGINES)
        for engine in ENGINES:
            name = engine.name.lower()
            have = Signal(TOKEN_BITS + 1, name=f"have_{name}")
            takes = taken & waits[engine]
            with m.If(self.clear):
                m.d.sync += have.eq(0)
            with m.Else():
                m.d.sync += have.eq(have + self.push[engine] - takes)
            m.d.comb += there[engine].eq(have != 0)
            self.given(f"at most {MOST_TOKENS} tokens of {engine.name} are uncollected", have + self.push[engine] - takes <= MOST_TOKENS)
            self.always(f"the tokens of {engine.name} are those pushed and not taken", have == inside[f"tokens_{name}"])
            self.always(f"no token of {engine.name} is taken that was not pushed", ~takes | (have != 0))
            self.reached(f"the last token of {engine.name} is taken", takes & (have == 1) & ~self.push[engine])
        held, satisfied = fifo.port.level != 0, (waits & ~there) == 0
        self.always(
            "a descriptor is offered in the very cycle in which its tokens are there", queue.work.valid == (held & satisfied & ~self.clear)
        )
        self.always("blocked says that a token is missing", queue.blocked == (held & ~satisfied))
        self.reached(
            "a descriptor waits for two tokens, gets both, and starts", taken & (waits == 0b11) & self.before(queue.blocked, "was_blocked")
        )
