"""How far LOAD's reads run ahead of their data."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwacc.config import ArrayConfig
from hwacc.rtl.axi import BURST_BEATS
from hwacc.rtl.interfaces import read_port

MARGIN = 16
"""Beats in flight beyond those that the memory's latency takes."""
MOST = 255
"""The most beats that a burst may find in flight. With :data:`MARGIN` it covers a latency of 239 cycles."""


class ReadWindow(wiring.Component):
    """Lets a burst of ``engine`` through to ``memory`` while fewer beats are in flight than keep the memory busy.

    A memory that answers in order lets a descriptor wait for all that LOAD asked for before it, so LOAD is to ask for no more than
    the latency takes. How much that is, the window finds by itself. With the first burst after a pause it begins at :data:`MARGIN`
    beats and grows by one a cycle until the first beat comes: the engine can ask for a beat every cycle all that time, and
    from then on a burst goes out as soon as fewer beats are in flight than the latency and the margin.
    Should the latency grow, so does the window: by one in each cycle in which it is all but full and the bus is ``silent``.

    silent
        No beat is on the bus, nobody's.
    full
        Bursts are held back. There are beats in flight then, so it passes.

    Latency: none. What is offered to ``memory`` stays until it is taken, if the engine's offer does.

    Not handled: a memory that makes pauses widens the window, up to :data:`MOST`, until the engine makes one.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__(
            {
                "engine": In(read_port(config)),
                "memory": Out(read_port(config)),
                "silent": In(1),
                "full": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        engine, memory = self.engine, self.memory
        wiring.connect(m, wiring.flipped(memory.r), wiring.flipped(engine.r))
        m.d.comb += [
            memory.ar.payload.eq(engine.ar.payload),
            memory.ar.valid.eq(engine.ar.valid & ~self.full),
            engine.ar.ready.eq(memory.ar.ready & ~self.full),
        ]
        in_flight = Signal(range(MOST + BURST_BEATS))
        asks, comes = memory.ar.valid & memory.ar.ready, memory.r.valid & memory.r.ready
        m.d.sync += in_flight.eq(in_flight + Mux(asks, memory.ar.payload.len + 1, 0) - comes)
        m.d.comb += self.full.eq(in_flight >= self._window(m, in_flight))
        return m

    def _window(self, m, in_flight):
        """How many beats must be in flight for a burst to be held back."""
        window, measures = Signal(range(MOST + 1), init=MARGIN), Signal()
        too_small = self.engine.ar.valid & self.silent & (in_flight + MARGIN >= window)
        with m.If(in_flight == 0):
            m.d.sync += [window.eq(MARGIN), measures.eq(1)]
        with m.Else():
            m.d.sync += [window.eq(window + ((measures | too_small) & (window != MOST))), measures.eq(measures & ~self.memory.r.valid)]
        return window
