"""FIFOs: what goes in comes out, in order, once, unchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib.fifo import SyncFIFO, SyncFIFOBuffered
from amaranth.lib.wiring import In

from tests.formal.harness import Harness
from tests.formal.inside import Inside, InsideFifo

Plant = Callable[[Inside], None]
"""Adds a fault to a module: a statement after its own, which wins."""


class MarkedWord:
    """One word, any, that is followed through a FIFO: its value and how many words are in front of it.

    What holds for this word holds for every word, as nothing says which one it is.
    """

    def __init__(self, harness: Harness, m: Module, inside: InsideFifo, *, cleared: Any = 0) -> None:
        fifo = inside.port
        mark = harness.anything(1, "mark")
        self.value = Signal(fifo.width)
        self.waits = Signal()
        self.front = Signal(range(fifo.depth + 1))
        marks = mark & ~self.waits & inside.pushes
        self.leaves = self.waits & inside.pops & (self.front == 0)
        with m.If(marks):
            m.d.sync += [self.waits.eq(1), self.value.eq(fifo.w_data), self.front.eq(fifo.level - inside.pops)]
        with m.If(self.waits & inside.pops):
            m.d.sync += [self.front.eq(self.front - 1), self.waits.eq(self.front != 0)]
        with m.If(cleared):
            m.d.sync += self.waits.eq(0)
        kept = inside.peek(m, self.front, "kept")
        harness.always("a word leaves after those in front of it, unchanged", ~self.leaves | (fifo.r_data == self.value))
        harness.always("a word is where those in front of it say", ~self.waits | ((self.front < fifo.level) & (kept == self.value)))
        harness.always("the pointers are as far apart as the words are many", inside.consistent())


class FifoKeepsWords(Harness):
    """A FIFO between a producer and a consumer that do what they like."""

    def __init__(self, kind: type[SyncFIFO | SyncFIFOBuffered], *, width: int, depth: int, plant: Plant | None = None) -> None:
        self.fifo = kind(width=width, depth=depth)
        self.plant = plant
        super().__init__({"w_en": In(1), "w_data": In(width), "r_en": In(1)})

    def describe(self, m: Module) -> None:
        fifo = m.submodules.fifo = self.fifo
        inside = InsideFifo(fifo)
        if self.plant:
            self.plant(inside)
        m.d.comb += [fifo.w_en.eq(self.w_en), fifo.w_data.eq(self.w_data), fifo.r_en.eq(self.r_en)]
        word = MarkedWord(self, m, inside)
        level = Signal(range(fifo.depth + 2))
        m.d.sync += level.eq(level + inside.pushes - inside.pops)
        self.always("the words held are those pushed and not popped, never more than fit", (fifo.level == level) & (level <= fifo.depth))
        self.always("it takes a word when there is room", fifo.w_rdy | (fifo.level >= inside.words))
        self.always("it takes no word when it is full", ~fifo.w_rdy | (fifo.level < fifo.depth))
        if not inside.buffered:
            self.always("it offers a word when it holds one", fifo.r_rdy == (fifo.level != 0))
        else:
            empty_before = self.before(~fifo.r_rdy & (inside.stored != 0), "was_stored")
            self.always("it offers a word one cycle after it holds one", ~empty_before | fifo.r_rdy)
        self.reached("a word leaves", word.leaves)
        if fifo.depth <= 8:
            self.reached("the FIFO is full", ~fifo.w_rdy)
            self.reached("a word leaves that came behind another", word.leaves & (self.before(word.front, "front_before") != 0))
