"""The memory port: what two readers and two writers offer reaches the bus as AXI wants it, and answers find their way back."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import In

from hwacc.config import TINY
from hwacc.rtl.arbiter import FETCH_ID, LOAD_ID, MemoryArbiter
from hwacc.rtl.axi import INCR, beat_size
from hwacc.rtl.interfaces import burst_layout
from tests.formal.bursts import inside_a_page
from tests.formal.fifo import Plant
from tests.formal.harness import Harness
from tests.formal.inside import Inside

MEMORY = {
    "awready": 1,
    "wready": 1,
    "bid": 1,
    "bresp": 2,
    "bvalid": 1,
    "arready": 1,
    "rid": 1,
    "rdata": 128,
    "rresp": 2,
    "rlast": 1,
    "rvalid": 1,
}


class ArbiterKeepsTheProtocol(Harness):
    """:class:`MemoryArbiter` between four ports and memory, all of which take their time.

    *Given*: each port's bursts stay in their page (:mod:`tests.formal.bursts`; the fetcher's and the record's are aligned); beats
    stay until taken (:mod:`tests.formal.writes`, :mod:`tests.formal.command`); ``writes_record`` changes only while no beat waits, and
    while it is high STORE offers nothing (:mod:`tests.formal.command`: it is idle then). An address may be withdrawn: the bus
    does not see that.
    """

    def __init__(self, *, plant: Plant | None = None) -> None:
        self.plant = plant
        super().__init__({name: In(bits) for name, bits in MEMORY.items()})

    def describe(self, m: Module) -> None:
        arbiter = m.submodules.arbiter = self.arbiter = MemoryArbiter(TINY)
        inside = Inside(arbiter)
        if self.plant:
            self.plant(inside)
        axi = self.axi = arbiter.axi
        m.d.comb += [getattr(axi, name).eq(getattr(self, name)) for name in MEMORY]
        record = self.anything(1, "writes_record")
        m.d.comb += arbiter.writes_record.eq(record)
        self.ports = {"load": arbiter.load.ar, "fetch": arbiter.fetch.ar, "store": arbiter.store.aw, "record": arbiter.record.aw}
        for name, address in self.ports.items():
            burst = self.anything(burst_layout(TINY), f"{name}_burst")
            m.d.comb += [address.valid.eq(self.anything(1, f"{name}_valid")), address.payload.eq(burst)]
            self.given(f"a burst of {name} stays in its page", ~address.valid | inside_a_page(TINY, burst))
        for name in ("load", "fetch"):
            m.d.comb += getattr(arbiter, name).r.ready.eq(self.anything(1, f"{name}_r_ready"))
        for name in ("store", "record"):
            port = getattr(arbiter, name)
            m.d.comb += [
                port.w.valid.eq(self.anything(1, f"{name}_w_valid")),
                port.w.payload.eq(self.anything(len(port.w.payload.as_value()), f"{name}_beat")),
                port.b.ready.eq(self.anything(1, f"{name}_b_ready")),
            ]
            self.stays(f"a beat of {name}", port.w.valid, port.w.ready, [port.w.payload], given=True)
        self.given("STORE offers nothing while the record is written", ~record | ~(arbiter.store.aw.valid | arbiter.store.w.valid))
        self.given("the record is offered only while it is written", record | ~(arbiter.record.aw.valid | arbiter.record.w.valid))
        self._addresses(m)
        self._data(m, record)

    def _addresses(self, m: Module) -> None:
        axi = self.axi
        for channel, pair in (("ar", ("load", "fetch")), ("aw", ("store", "record"))):
            signals = {name: getattr(axi, f"{channel}{name}") for name in ("valid", "ready", "addr", "len", "size", "burst", "id")}
            payload = [signals[name] for name in ("addr", "len", "size", "burst", "id")]
            self.stays(f"an address on {channel}", signals["valid"], signals["ready"], payload)
            burst = Signal(burst_layout(TINY), name=f"{channel}_burst_on_bus")
            m.d.comb += [burst.addr.eq(signals["addr"]), burst.len.eq(signals["len"])]
            self.always(f"a burst on {channel} stays in its page", ~signals["valid"] | inside_a_page(TINY, burst))
            fixed = (signals["size"] == beat_size(TINY)) & (signals["burst"] == INCR)
            self.always(f"bursts on {channel} are of whole beats, upwards", fixed)
            takes = {name: self.ports[name].valid & self.ports[name].ready for name in pair}
            self.always(f"one burst at a time goes to {channel}", ~Cat(takes.values()).all())
            arrived = self.before(Cat(takes.values()).any(), f"{channel}_took")
            self.always(f"a burst is on {channel} the cycle after it was taken, and only then", ~arrived | signals["valid"])
            held = self.before(signals["valid"] & ~signals["ready"], f"{channel}_held")
            self.always(f"no burst on {channel} is invented", ~signals["valid"] | arrived | held)
            for number, name in enumerate(pair):
                was = self.before(takes[name], f"{name}_took")
                given = self.before(self.ports[name].payload, f"{name}_gave")
                self.always(f"a burst of {name} is on the bus as it was given", ~was | (burst.as_value() == given))
                if channel == "ar":
                    self.always(f"a burst of {name} carries its number", ~was | (signals["id"] == (LOAD_ID, FETCH_ID)[number]))
            self.reached(f"a burst waits on {channel}", held)

    def _data(self, m: Module, record: Any) -> None:
        axi, arbiter = self.axi, self.arbiter
        self.stays("a beat on w", axi.wvalid, axi.wready, [axi.wdata, axi.wstrb, axi.wlast])
        for name, number in (("load", LOAD_ID), ("fetch", FETCH_ID)):
            r = getattr(arbiter, name).r
            mine = self.rvalid & (self.rid == number)
            self.always(f"{name} gets its beats and no others", r.valid == mine)
            right = (r.payload.data == self.rdata) & (r.payload.last == self.rlast) & (r.payload.error == self.rresp[1])
            self.always(f"{name} gets beats as they came", right)
            self.always(f"a beat for {name} is taken when {name} takes it", ~mine | (axi.rready == r.ready))
        for name, chosen in (("store", ~record), ("record", record)):
            port = getattr(arbiter, name)
            self.always(f"{name} gets its responses and no others", port.b.valid == (self.bvalid & chosen))
            self.always(f"a beat of {name} is taken when memory takes it", ~chosen | (port.w.ready == self.wready))
        self.always("a response is taken when its port takes it", axi.bready == Mux(record, arbiter.record.b.ready, arbiter.store.b.ready))
