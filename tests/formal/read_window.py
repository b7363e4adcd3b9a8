"""The window of LOAD's reads: what it lets through, what it holds back."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import In

from hwacc.config import TINY
from hwacc.rtl.axi import BURST_BEATS
from hwacc.rtl.interfaces import burst_layout
from hwacc.rtl.read_window import MARGIN, MOST, ReadWindow
from tests.formal.fifo import Plant
from tests.formal.harness import Harness
from tests.formal.inside import Inside


class WindowHolds(Harness):
    """:class:`ReadWindow` between an engine and a memory that take their time.

    *Given*: memory sends no beat that it does not owe, and the engine's offers stay. Who else uses the bus, and when, may be anything.
    """

    def __init__(self, *, plant: Plant | None = None) -> None:
        self.plant = plant
        super().__init__({"offers": In(1), "burst": In(burst_layout(TINY)), "takes": In(1), "answers": In(1), "ready": In(1)})

    def describe(self, m: Module) -> None:
        window = m.submodules.window = ReadWindow(TINY)
        inside = Inside(window)
        if self.plant:
            self.plant(inside)
        engine, memory = window.engine, window.memory
        owed = Signal(range(2 * (MOST + BURST_BEATS)))
        m.d.comb += [
            engine.ar.valid.eq(self.offers),
            engine.ar.payload.eq(self.burst),
            engine.r.ready.eq(self.ready),
            memory.ar.ready.eq(self.takes),
            memory.r.valid.eq(self.answers & (owed != 0)),
            window.silent.eq(self.anything(1, "silent")),
        ]
        asks, comes = memory.ar.valid & memory.ar.ready, memory.r.valid & memory.r.ready
        m.d.sync += owed.eq(owed + Mux(asks, memory.ar.payload.len + 1, 0) - comes)
        self.stays("an offer of the engine", engine.ar.valid, engine.ar.ready, [engine.ar.payload], given=True)
        self.always("the beats in flight are counted", inside["in_flight"] == owed)
        self.always("the window is never narrower than the margin", (inside["window"] >= MARGIN) & (inside["window"] <= MOST))
        self.always("a burst goes out only while fewer beats are in flight than the widest window", ~asks | (owed < MOST))
        self.always("there are never more in flight than that and a burst", owed < MOST + BURST_BEATS)
        self.always("a burst is held back only while beats are in flight", ~window.full | (owed >= MARGIN))
        self.always("the engine's burst is taken when memory takes it", (engine.ar.valid & engine.ar.ready) == asks)
        self.always("memory gets bursts as they were given", ~asks | (memory.ar.payload.as_value() == self.burst.as_value()))
        self.always("beats pass as they come", (engine.r.valid == memory.r.valid) & (memory.r.ready == engine.r.ready))
        self.reached("a burst is held back", engine.ar.valid & window.full & memory.ar.ready)
        self.reached("a burst goes out that was held back", asks & self.before(engine.ar.valid & window.full, "held"))
