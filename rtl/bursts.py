"""Many consecutive beats as AXI bursts."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwacc.config import ArrayConfig
from hwacc.rtl.axi import BURST_BEATS, PAGE_BYTES
from hwacc.rtl.interfaces import burst_layout

MORE_BITS = 19
"""A request is at most as large as the largest accumulator, 2²⁰ bytes, on the narrowest bus, 4 bytes, and need not be aligned."""


def request_layout(config: ArrayConfig) -> data.StructLayout:
    """Consecutive beats: the index of the first one (its address over ``bus_bytes``), how many ``more`` follow it, and whether its
    descriptor ends with them."""
    return data.StructLayout({"beat": config.address_bits - exact_log2(config.bus_bytes), "more": MORE_BITS, "last": 1})


def job_layout(config: ArrayConfig) -> data.StructLayout:
    """A burst; ``final``: the last one of a request that is the ``last``."""
    return data.StructLayout({"burst": burst_layout(config), "final": 1})


class BurstSplitter(wiring.Component):
    """Cuts requests into bursts that AXI allows: at most ``longest`` beats, none across a 4 KiB boundary.

    Cuts are at multiples of ``longest`` beats, a power of two up to 256, or of 4 KiB, whichever comes first, so a cut takes no
    adder: up to the next multiple there are as many beats as the inverted index says. One burst a cycle, also from one request to
    the next.

    Latency: the first burst comes the cycle after its request. ``drop`` discards a request, but a burst that is offered
    stays until it is taken, as AXI demands.
    """

    def __init__(self, config: ArrayConfig, *, longest: int = BURST_BEATS):
        self.config = config
        self.index_bits = exact_log2(min(PAGE_BYTES // config.bus_bytes, longest))
        super().__init__(
            {
                "requests": In(stream.Signature(request_layout(config))),
                "bursts": Out(stream.Signature(job_layout(config))),
                "drop": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        left = Signal(request_layout(self.config), reset_less=True)
        active, fits = Signal(), Signal()
        index, above = left.beat[: self.index_bits], left.beat[self.index_bits :]
        length = Signal(self.index_bits)
        m.d.comb += [
            fits.eq(left.more <= ~index),
            length.eq(Mux(fits, left.more, ~index)),
            self.bursts.valid.eq(active),
            self.bursts.payload.burst.addr.eq(left.beat << exact_log2(self.config.bus_bytes)),
            self.bursts.payload.burst.len.eq(length),
            self.bursts.payload.final.eq(left.last & fits),
            self.requests.ready.eq((~active | (self.bursts.ready & fits)) & ~self.drop),
        ]
        with m.If(self.bursts.ready):
            m.d.sync += [left.beat.eq(Cat(index & 0, above + 1)), left.more.eq(left.more - length - 1)]
            with m.If(fits | self.drop):
                m.d.sync += active.eq(0)
        with m.If(self.requests.valid & self.requests.ready):
            m.d.sync += [left.eq(self.requests.payload), active.eq(1)]
        return m
