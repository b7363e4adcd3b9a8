"""The descriptor fetcher: what the doorbell announces is read once, in order, and handed out as memory has it."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import In

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.fetch import DescriptorFetch
from tests.formal.fifo import MarkedWord, Plant
from tests.formal.harness import Harness
from tests.formal.inside import Inside

BUS_BYTES = 16
"""Two beats make an entry of the ring, and one or two entries a descriptor, as in the configurations that are built."""
CONFIG = ArrayConfig(rows=4, cols=4, bus_bytes=BUS_BYTES, spm_bytes=16 * 1024, acc_bytes=4096, channels=64)
BEATS = CONFIG.entry_bytes // BUS_BYTES
LONG_BIT = isa.END.offset("long")
SECOND = slice(isa.HALF_BITS, None)
DEFAULT = int.from_bytes(isa.DEFAULT_SECOND_HALF, "little")


class FetchLosesNothing(Harness):
    """:class:`DescriptorFetch` between a memory and a command processor that take their time.

    *Given*, of memory: beats come only for bursts asked for. Of the driver: the ring holds no more than its counters can tell, that
    is at most 2^15 entries announced and not handed out. Of the command processor: ``head_to`` is the tail.
    """

    def __init__(self, *, ahead: int, plant: Plant | None = None) -> None:
        self.config = CONFIG
        self.ahead = ahead
        self.plant = plant
        super().__init__(
            {
                "base": In(32),
                "rings": In(1),
                "log2": In(4),
                "answers": In(1),
                "data": In(LONG_BIT + 1),
                "error": In(1),
                "asks": In(1),
                "takes": In(1),
                "clear": In(1),
            }
        )

    def describe(self, m: Module) -> None:
        fetch = m.submodules.fetch = self.fetch = DescriptorFetch(self.config, ahead=self.ahead)
        inside = Inside(fetch)
        if self.plant:
            self.plant(inside)
        held = inside.fifo("beats")
        tail = Signal(16)
        announced = (tail - fetch.head)[:16]
        with m.If(self.rings):
            m.d.sync += tail.eq(tail + 1)
        self.given("the ring has room for what is announced", ~self.rings | (announced < 1 << 15))
        m.d.comb += [fetch.tail.eq(tail), fetch.head_to.eq(tail), fetch.log2.eq(self.log2), fetch.clear.eq(self.clear)]
        m.d.comb += [fetch.memory.ar.ready.eq(self.asks), fetch.descriptor.ready.eq(self.takes), fetch.base.eq(self.base)]
        owed = self._answer(m)
        self._claim(m, inside, held, owed, announced)

    def _answer(self, m: Module) -> Any:
        """Memory: beats of each burst at any later time; how many it owes."""
        memory = self.fetch.memory
        owed = Signal(range(self.ahead * BEATS + 2 * BEATS))
        m.d.comb += [
            memory.r.valid.eq(self.answers & (owed != 0)),
            memory.r.payload.data.eq(self.data),
            memory.r.payload.error.eq(self.error),
        ]
        asked = memory.ar.valid & memory.ar.ready
        m.d.sync += owed.eq(owed + Mux(asked, memory.ar.payload.len + 1, 0) - (memory.r.valid & memory.r.ready))
        return owed

    def _claim(self, m: Module, inside: Any, held: Any, owed: Any, announced: Any) -> None:
        fetch = self.fetch
        ahead = (inside["asked"] - fetch.head)[:16]
        level, count = held.port.level, inside["count"]
        cleared = Signal()  # a clear has not ended since
        with m.If(self.clear):
            m.d.sync += cleared.eq(1)
        with m.If(fetch.idle & self.clear):
            m.d.sync += cleared.eq(0)
        self.given("a clear lasts until nothing is owed", ~cleared | self.clear)
        self.always("the pointers are as far apart as the words are many", held.consistent())
        self.always("what it believes memory to owe is what memory owes", inside["owed"] == owed)
        self.always("it never has more than fits", cleared | (ahead <= self.ahead))
        self.always("every beat asked for is owed, held or gathered", cleared | (owed + level + count == ahead * BEATS))
        self.always("a beat is never dropped", ~held.port.w_en | held.port.w_rdy)
        self.always("it asks for nothing that was not announced", cleared | (ahead <= announced))
        self.always("what is held and owed fits while it is dropped", owed + level + count <= self.ahead * BEATS)
        self._gathered(fetch, count)
        entry = (self.base >> 5) + (inside["asked"] & ((1 << self.log2) - 1))
        asks = fetch.memory.ar.valid & fetch.memory.ar.ready
        self.always("it asks for entry n of the ring, modulo its size", ~asks | (fetch.memory.ar.payload.addr == (entry << 5)[:32]))
        advances = inside["asked"] == (self.before(inside["asked"], "asked_before") + self.before(asks, "asks_before"))[:16]
        self.always("it asks for one entry after the other", cleared | self.before(self.clear, "clear_before") | advances)
        self.always("it asks for whole entries", fetch.memory.ar.payload.len == BEATS - 1)
        self.always("it takes every beat", fetch.memory.r.ready)
        self.stays(
            "a descriptor", fetch.descriptor.valid, fetch.descriptor.ready, [fetch.descriptor.payload, fetch.error], unless=self.clear
        )
        takes = fetch.descriptor.valid & fetch.descriptor.ready
        long = fetch.descriptor.payload[LONG_BIT]
        went = (self.before(fetch.head, "head_before") + self.before(Mux(takes, 1 + long, 0), "entries_before"))[:16]
        self.always(
            "the head goes on by the entries that are handed out",
            cleared | self.before(self.clear, "cleared_before") | (fetch.head == went),
        )
        self.reached("a short descriptor is handed out", takes & ~long)
        self.reached("a long descriptor is handed out", takes & long)
        if self.ahead <= 2:
            self.reached("the room ahead is used up", (ahead == self.ahead) & (owed == 0))
        self.reached("a clear ends that dropped beats", cleared & fetch.idle & self.before(owed, "owed_before").any())

    def _gathered(self, fetch: Any, count: Any) -> None:
        """How much makes a descriptor."""
        long = fetch.descriptor.payload[LONG_BIT]
        self.always("no more than a descriptor is gathered", (count <= BEATS) | (long & (count <= 2 * BEATS)))
        whole = count == Mux(long, 2 * BEATS, BEATS)
        self.always("a descriptor is offered when all of it is there", fetch.descriptor.valid == (whole & ~self.clear))


class FetchHandsOutMemory(Harness):
    """One beat, any, is followed from memory to its place in its descriptor, through the FIFO or past it. Nothing is cleared; memory
    answers in any cycle, for :class:`FetchLosesNothing` proves that there is room, and what makes a descriptor.
    """

    def __init__(self, *, ahead: int, plant: Plant | None = None) -> None:
        self.config = CONFIG
        self.ahead = ahead
        self.plant = plant
        super().__init__({"answers": In(1), "data": In(BUS_BYTES * 8), "error": In(1), "takes": In(1)})

    def describe(self, m: Module) -> None:
        fetch = m.submodules.fetch = DescriptorFetch(self.config, ahead=self.ahead)
        inside = Inside(fetch)
        if self.plant:
            self.plant(inside)
        held = inside.fifo("beats")
        memory, count = fetch.memory, inside["count"]
        m.d.comb += [
            memory.r.valid.eq(self.answers),
            memory.r.payload.data.eq(self.data),
            memory.r.payload.error.eq(self.error),
            fetch.descriptor.ready.eq(self.takes),
        ]
        self.given("there is room for a beat that comes", ~self.answers | held.port.w_rdy)
        takes = fetch.descriptor.valid & fetch.descriptor.ready
        word = MarkedWord(self, m, held)
        came, number = Signal(17), Signal(17)  # as the 16 bits of head count entries, these count beats
        m.d.sync += came.eq(came + self.answers)
        with m.If(~word.waits):
            m.d.sync += number.eq(came)
        self.always("beats are held in the order in which they came", (fetch.head * BEATS + count + held.port.level)[:17] == came)
        front = (fetch.head * BEATS + count + word.front)[:17]
        self.always("the marked beat is as far back as its number says", ~word.waits | (front == number))

        gathered, mark, value = Signal(), Signal(17), Signal.like(word.value)
        passes, follows = self.answers & ~held.port.w_en, self.anything(1, "follows")
        with m.If(takes):
            m.d.sync += gathered.eq(0)
        with m.If(passes & follows & ~word.waits):
            m.d.sync += [gathered.eq(1), mark.eq(came), value.eq(held.port.w_data)]
        with m.If(word.leaves):
            m.d.sync += [gathered.eq(1), mark.eq(number), value.eq(word.value)]
        width = BUS_BYTES * 8
        place = (mark - fetch.head * BEATS)[:17]  # in its descriptor
        filled = Mux(place < BEATS, Mux(count < BEATS, count, BEATS), count)  # of its half, and what is below
        half = place & BEATS
        now = (place + BEATS + half - filled)[:2]
        there = fetch.descriptor.payload.word_select(now, width)
        self.always("a gathered beat is above those gathered before it", ~gathered | ((place < count) & (there == value[:width])))
        second = fetch.descriptor.payload[SECOND]
        begun = (count != 0) & (count <= BEATS)
        self.always("a descriptor begins with the default of its second half", ~begun | (second == DEFAULT))
        due = gathered & fetch.descriptor.valid
        out = fetch.descriptor.payload.word_select(place[:2], width)
        self.always("beat n of memory is word n of its descriptor, counted from where that begins", ~due | (out == value[:width]))
        self.always("a descriptor has an error when one of its beats has", ~due | ~value[width] | fetch.error)
        self.always("an error of a gathered beat is noted", ~gathered | ~value[width] | inside["failed"])
        long = fetch.descriptor.payload[LONG_BIT]
        self.always("no more than a descriptor is gathered", (count <= BEATS) | (long & (count <= 2 * BEATS)))
        self.always("a short descriptor has the default second half", ~fetch.descriptor.valid | long | (second == DEFAULT))

        noted = Signal()
        popped = held.pops & held.port.r_data[width]
        m.d.sync += noted.eq((noted & ~takes) | popped | (passes & self.error))
        self.always("a descriptor has an error only when one of its beats has", inside["failed"] == noted)
        self.reached("a marked beat is handed out", due & takes)
        self.reached("a beat passes the empty FIFO", passes & follows & (held.port.level == 0))
        self.reached("the second descriptor is at fault", takes & fetch.error & (fetch.head == 1))
