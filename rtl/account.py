"""The cycle account."""

from amaranth.hdl import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwacc import isa
from hwacc.isa import Engine
from hwacc.rtl.dispatch import ENGINES


def account_layout() -> data.StructLayout:
    """One counter for each cause of :data:`hwacc.isa.CAUSES`."""
    return data.StructLayout({cause.name: cause.bits for cause in isa.CAUSES})


class CycleAccount(wiring.Component):
    """Charges each cycle in which ``count`` is high to exactly one cause of :data:`hwacc.isa.CAUSES`, which defines them.

    It asks why the array is not fed: what COMPUTE does comes first, then what its next descriptor waits for, then what
    holds up the dispatch of that descriptor, and where END is next, who is still at work.

    The inputs tell what happens in this cycle; the counters have it in the next one. ``clear`` wins over ``count``.

    ends
        The submission is being ended or aborted.
    fed
        A tile is being fed.
    executing
        COMPUTE takes or executes a descriptor; its results may drain when it does not.
    missing
        A bit for each engine of :data:`ENGINES`, whose token the next COMPUTE waits for.
    full
        A bit for each engine, whose queue has no room for the next descriptor.
    at_end
        The next descriptor is END.
    working
        A bit for each engine that is busy or has a descriptor in its queue.
    beat
        LOAD takes a beat from the bus.

    Not handled: counters that overflow; they count modulo 2^32.
    """

    def __init__(self):
        flags = {name: In(1) for name in ("clear", "count", "ends", "fed", "executing", "at_end", "beat")}
        engines = {name: In(len(ENGINES)) for name in ("missing", "full", "working")}
        super().__init__({**flags, **engines, "account": Out(account_layout())})

    def elaborate(self, platform):
        m = Module()

        def charge(cause):
            m.d.sync += self.account[cause].eq(self.account[cause] + 1)

        def charge_load():
            with m.If(self.beat):
                charge("load_bandwidth")
            with m.Else():
                charge("load_latency")

        compute_waits, dispatch_waits = self.missing.any(), self.full.any()
        with m.If(self.clear):
            m.d.sync += self.account.eq(0)
        with m.Elif(~self.count):
            pass
        with m.Elif(self.ends):
            charge("completion")
        with m.Elif(self.fed):
            charge("array_busy")
        with m.Elif(self.executing):
            charge("fill_drain")
        with m.Elif(self.missing[Engine.LOAD] | (~compute_waits & self.full[Engine.LOAD])):
            charge_load()
        with m.Elif(compute_waits | dispatch_waits):
            charge("store_wait")
        with m.Elif(~self.at_end):
            charge("descriptor_wait")
        with m.Elif(self.working[Engine.COMPUTE]):
            charge("fill_drain")
        with m.Elif(self.working[Engine.LOAD]):
            charge_load()
        with m.Elif(self.working[Engine.STORE]):
            charge("writeback")
        with m.Else():
            charge("completion")
        return m
