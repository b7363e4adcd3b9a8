"""A cycle of simulation in one evaluation: everything happens at each edge of the clock, rising or falling.

The world around the accelerator has to see the outputs as they are before the edge, since some follow inputs at once. With a clock that
rises and falls in each cycle, that takes an evaluation of its own. Here, registers keep those outputs for it.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import ClockDomain, ClockSignal, Module, Value
from amaranth.lib import wiring

from hwacc.sim.compile import EITHER_EDGE

UNSAMPLED = ("irq",)
"""Outputs that the world looks at after the edge."""


def both_edges(verilog: str) -> str:
    """The same Verilog, with a clock of which each edge counts."""
    return verilog.replace("@(posedge clk)", EITHER_EDGE)


class Sampled(wiring.Component):  # type: ignore[misc]
    """``inner``, whose outputs, but for :data:`UNSAMPLED`, show after a clock edge what they were before it."""

    def __init__(self, inner: Any):
        self.inner = inner
        super().__init__(inner.signature)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.inner = self.inner
        m.domains.sampled = ClockDomain(local=True, reset_less=True)
        m.d.comb += ClockSignal("sampled").eq(ClockSignal())
        theirs = {path: Value.cast(value) for path, _, value in self.signature.flatten(self.inner)}
        for path, member, value in self.signature.flatten(self):
            if member.flow is wiring.In:
                m.d.comb += theirs[path].eq(value)
            elif path in [(name,) for name in UNSAMPLED]:
                m.d.comb += Value.cast(value).eq(theirs[path])
            else:
                m.d.sampled += Value.cast(value).eq(theirs[path])
        return m
