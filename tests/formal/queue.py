"""The queue in front of an engine: descriptors kept in order, tokens counted, each descriptor, or part of one, started as soon as it
may be."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data
from amaranth.lib.wiring import In

from hwacc import isa
from hwacc.rtl.decode import work_layout
from hwacc.rtl.dispatch import ENGINES, TOKEN_BITS, EngineQueue
from tests.formal.fifo import MarkedWord, Plant
from tests.formal.harness import Harness
from tests.formal.inside import Inside

SMALL_OP = isa.Op("SMALL", 0x7F, isa.Engine.LOAD, "An opcode of the proofs.", (isa.Field("body", 4, "Whatever it does."),))
"""The queue looks at nothing above the tokens; that the real opcodes' fields arrive is proved in :mod:`tests.formal.decoder`."""
PARTS_OP = isa.Op(
    "PARTS",
    0x7E,
    isa.Engine.COMPUTE,
    "A COMPUTE of the proofs, in narrow fields.",
    tuple(
        isa.Field(name, bits, "As COMPUTE has it.")
        for name, bits in (("k", 3), ("k_step", 2), ("west", 3), ("west_step", 2), ("north", 2), ("north_step", 3), ("addend", 2))
    ),
)
UNSEEN = ("k_step", "west_step", "north_step")
"""Fields that say nothing of a part."""
MOST_TOKENS = (1 << TOKEN_BITS) - 1


class QueueKeepsTokens(Harness):
    """One :class:`EngineQueue`; descriptors, tokens, the engine's ``ready`` and ``clear`` come as they like."""

    def __init__(self, *, depth: int, op: isa.Op = SMALL_OP, plant: Plant | None = None) -> None:
        self.queue = EngineQueue(op, depth=depth)
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
        self.taken = queue.work.valid & queue.work.ready
        self._follow_words(m, fifo, *self.head(m, inside, fifo))
        self._count_tokens(m, inside, fifo)

    def head(self, m: Module, inside: Any, fifo: Any) -> tuple[Any, Any]:
        """What the engine is to get next, and whether it is all that is left of the oldest descriptor."""
        return data.View(work_layout(self.queue.op), fifo.port.r_data), Const(1)

    def _follow_words(self, m: Module, fifo: Any, head: Any, last: Any) -> None:
        queue, taken = self.queue, self.taken
        accepted = queue.queue.valid & queue.queue.ready
        word = MarkedWord(self, m, fifo, cleared=self.clear)
        for name in work_layout(queue.op).members:
            if name not in UNSEEN:
                same = queue.work.payload[name] == head[name]
                words = name.replace("_", " ")
                self.always(f"{words} at the engine is that of the oldest descriptor, or its next part", ~queue.work.valid | same)
        leaves = taken & last
        self.always("a descriptor leaves the queue when the engine takes all of it, and only then", leaves == (fifo.pops & ~self.clear))
        self.always("a descriptor that is accepted is in the queue", accepted == fifo.pushes)
        self.always("what comes while there is room is accepted", ~self.offered | (fifo.port.level == fifo.words) | accepted)
        self.always("empty says whether there is none", queue.empty == (fifo.port.level == 0))
        cleared = self.before(self.clear, "cleared")
        self.always("clear drops every descriptor", ~cleared | queue.empty)
        self.stays("an offered descriptor", queue.work.valid, queue.work.ready, [queue.work.payload], unless=self.clear)
        self.reached("the descriptor behind a waiting one starts", taken & self.before(word.waits & (word.front == 0) & taken, "one_left"))

    def _count_tokens(self, m: Module, inside: Any, fifo: Any) -> None:
        queue, taken = self.queue, self.taken
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


class QueueKeepsParts(QueueKeepsTokens):
    """The same of a queue whose descriptors have parts: what is left of the oldest one is counted from what the engine took of it."""

    def __init__(self, *, depth: int, plant: Plant | None = None) -> None:
        super().__init__(depth=depth, op=PARTS_OP, plant=plant)

    def head(self, m: Module, inside: Any, fifo: Any) -> tuple[Any, Any]:
        """As :mod:`hwacc.parts` says."""
        whole, part = super().head(m, inside, fifo)[0], Signal(work_layout(self.queue.op))
        done, later, last = Signal(len(whole.k)), Signal(), Signal()
        moved = {side: Signal(len(whole[side]), name=f"moved_{side}") for side in ("west", "north")}
        left = whole.k - done
        m.d.comb += [part.eq(whole), last.eq((whole.k_step == 0) | (whole.k_step >= left)), part.k.eq(Mux(last, left, whole.k_step))]
        m.d.comb += [part[side].eq(whole[side] + offset) for side, offset in moved.items()]
        m.d.comb += [part[f"signal_{engine.name.lower()}"].eq(whole[f"signal_{engine.name.lower()}"] & last) for engine in ENGINES]
        with m.If(later):
            m.d.comb += [part.addend.eq(isa.Addend.ACCUMULATE), part.wait_compute.eq(0), part.wait_store.eq(0)]
        with m.If(self.clear | (self.taken & last)):
            m.d.sync += [done.eq(0), later.eq(0), *(offset.eq(0) for offset in moved.values())]
        with m.Elif(self.taken):
            m.d.sync += [done.eq(done + whole.k_step), later.eq(1)]
            m.d.sync += [offset.eq(offset + whole[f"{side}_step"]) for side, offset in moved.items()]
        self._tie(inside.part("parts"), whole, done, later, moved)
        self.reached("a third part, with more behind it, is taken", self.taken & (done == 2 * whole.k_step) & later & ~last)
        self.reached("a later part waits for a token", later & self.queue.blocked)
        return part, last

    def _tie(self, walker: Inside, whole: Any, done: Any, later: Any, moved: dict[str, Any]) -> None:
        """What the registers of the module hold."""
        self.always("between two parts something was done, and something is left", Mux(later, (done != 0) & (done < whole.k), done == 0))
        self.always("between two parts the descriptor is there", ~later | ~self.queue.empty)
        self.always("the module knows that a part is not the first", walker["later"] == later)
        self.always("the module knows how much is left", ~later | (walker["left_after"] == whole.k - done))
        for side, offset in moved.items():
            self.always(f"before the first part {side} has not moved", later | (offset == 0))
            place = (whole[side] + offset)[: len(offset)]
            self.always(f"the module knows where the {side} panel is", ~later | (walker[f"{side}_place"] == place))
