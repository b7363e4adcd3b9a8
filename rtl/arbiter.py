"""The engines' memory ports on one AXI4 port."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwacc.config import ArrayConfig
from hwacc.rtl.axi import INCR, axi4, beat_size
from hwacc.rtl.interfaces import burst_layout, read_port, write_port
from hwacc.rtl.read_window import ReadWindow

LOAD_ID = 0
FETCH_ID = 1


class MemoryArbiter(wiring.Component):
    """Joins LOAD's and the fetcher's reads, and STORE's writes and the completion record's, on ``axi``.

    Reads carry an ID, so that the beats of the two find their way in whatever order the memory answers; where both ask, LOAD goes
    first, or the fetcher while ``fetch_first``. A :class:`hwacc.rtl.read_window.ReadWindow` keeps LOAD from asking for more than the
    memory's latency takes, so that a fetch that goes first is soon answered; a burst that it holds back is asked for all the
    same, and the fetcher gives way to it. The record is written while ``writes_record``, when STORE is quiet. Burst addresses
    pass a register (one cycle), so that a burst on the bus stays there whatever its engine does; data pass straight through.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__(
            {
                "load": In(read_port(config)),
                "fetch": In(read_port(config)),
                "store": In(write_port(config)),
                "record": In(write_port(config)),
                "fetch_first": In(1),
                "writes_record": In(1),
                "axi": Out(axi4(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        axi = self.axi
        m.d.comb += [
            axi.arsize.eq(beat_size(self.config)),
            axi.arburst.eq(INCR),
            axi.awsize.eq(beat_size(self.config)),
            axi.awburst.eq(INCR),
            axi.awid.eq(LOAD_ID),
        ]

        m.submodules.window = window = ReadWindow(self.config)
        wiring.connect(m, wiring.flipped(self.load), window.engine)
        m.d.comb += window.silent.eq(~axi.rvalid)
        load = window.memory
        fetches = self.fetch.ar.valid & (self.fetch_first | ~self.load.ar.valid)
        self._address(m, "ar", fetches, self.fetch.ar, load.ar)
        with m.If(axi.arready | ~axi.arvalid):
            m.d.sync += axi.arid.eq(Mux(fetches, FETCH_ID, LOAD_ID))
        for port, number in ((load, LOAD_ID), (self.fetch, FETCH_ID)):
            m.d.comb += [
                port.r.valid.eq(axi.rvalid & (axi.rid == number)),
                port.r.payload.data.eq(axi.rdata),
                port.r.payload.error.eq(axi.rresp[1]),
                port.r.payload.last.eq(axi.rlast),
            ]
        m.d.comb += axi.rready.eq(Mux(axi.rid == FETCH_ID, self.fetch.r.ready, load.r.ready))

        self._address(m, "aw", self.writes_record, self.record.aw, self.store.aw)
        for port, chosen in ((self.record, self.writes_record), (self.store, ~self.writes_record)):
            m.d.comb += [port.b.valid.eq(axi.bvalid & chosen), port.b.payload.error.eq(axi.bresp[1])]
            with m.If(chosen):
                m.d.comb += [
                    axi.wvalid.eq(port.w.valid),
                    port.w.ready.eq(axi.wready),
                    axi.wdata.eq(port.w.payload.data),
                    axi.wstrb.eq(port.w.payload.strb),
                    axi.wlast.eq(port.w.payload.last),
                    axi.bready.eq(port.b.ready),
                ]
        return m

    def _address(self, m, channel, first_chosen, first, second):
        """One address channel: a register in front of the bus that takes from ``first`` or ``second``."""
        valid, ready = getattr(self.axi, f"{channel}valid"), getattr(self.axi, f"{channel}ready")
        free = ready | ~valid
        chosen = Signal(burst_layout(self.config), name=f"{channel}_chosen")
        m.d.comb += [
            chosen.eq(Mux(first_chosen, first.payload.as_value(), second.payload.as_value())),
            first.ready.eq(free & first_chosen),
            second.ready.eq(free & ~first_chosen),
        ]
        with m.If(free):
            m.d.sync += [
                valid.eq(Mux(first_chosen, first.valid, second.valid)),
                getattr(self.axi, f"{channel}addr").eq(chosen.addr),
                getattr(self.axi, f"{channel}len").eq(chosen.len),
            ]
