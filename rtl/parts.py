"""COMPUTE descriptors part by part."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwacc import isa
from hwacc.rtl.decode import work_layout


class PartWalker(wiring.Component):
    """Turns a COMPUTE with a ``k_step`` into the plain COMPUTEs that it stands for (:mod:`hwacc.parts`), one after the other.

    whole
        The descriptor, which stays until its last part is taken.
    part
        The current part of it, in the same cycle; its ``k_step``, ``west_step`` and ``north_step`` mean nothing.
    last
        It is the last one.
    take
        It is taken: the next one is there in the next cycle. ``clear`` goes back to a first part instead.

    A descriptor without parts goes through as it is. ``op`` is COMPUTE, or one with these fields of it in other widths.
    Not handled: tokens, at which :class:`hwacc.rtl.dispatch.EngineQueue` looks.
    """

    def __init__(self, op: isa.Op = isa.COMPUTE):
        layout = work_layout(op)
        super().__init__({"whole": In(layout), "part": Out(layout), "last": Out(1), "take": In(1), "clear": In(1)})

    def elaborate(self, platform):
        m = Module()
        whole, part = self.whole, self.part
        later = Signal()  # the current part is not the first
        left_after = Signal(len(whole.k), reset_less=True)  # steps of k from a later part on
        places = {side: Signal(len(whole[side]), name=f"{side}_place", reset_less=True) for side in ("west", "north")}

        left = Mux(later, left_after, whole.k)
        m.d.comb += [
            self.last.eq((whole.k_step == 0) | (left <= whole.k_step)),
            part.eq(whole),
            part.k.eq(Mux(self.last, left, whole.k_step)),
        ]
        with m.If(later):
            m.d.comb += [part.addend.eq(isa.Addend.ACCUMULATE), part.wait_compute.eq(0), part.wait_store.eq(0)]
        with m.If(~self.last):
            m.d.comb += [part.signal_load.eq(0), part.signal_compute.eq(0), part.signal_store.eq(0)]
        for side, place in places.items():
            with m.If(later):
                m.d.comb += part[side].eq(place)
            with m.If(self.take):
                m.d.sync += place.eq(part[side] + whole[f"{side}_step"])
        with m.If(self.take):
            m.d.sync += [left_after.eq(left - whole.k_step), later.eq(~self.last)]
        with m.If(self.clear):
            m.d.sync += later.eq(0)
        return m
