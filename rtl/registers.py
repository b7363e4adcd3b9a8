"""The registers, behind AXI4-Lite."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hwacc import csr
from hwacc.config import ArrayConfig
from hwacc.rtl.axi import OKAY, SLVERR, axi4_lite


class Registers(wiring.Component):
    """Every register of :data:`hwacc.csr.REGISTERS`, as a member named in lower case.

    ``READ`` registers are inputs. ``READ_WRITE`` registers are outputs that hold what was written. ``PULSE`` registers
    are outputs, high for one cycle. ``CLEAR`` registers are outputs; an input of the same name with ``_set`` sets bits.

    One access at a time: a write takes two cycles from address and data to its response, a read two. Byte
    strobes count. An address without a register answers SLVERR and does nothing; a write to a constant is ignored.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        members = {"bus": In(axi4_lite())}
        for register in csr.REGISTERS:
            name = register.name.lower()
            if register.access is csr.Access.READ:
                members[name] = In(32)
            elif register.access is not csr.Access.CONSTANT:
                members[name] = Out(32)
            if register.access is csr.Access.CLEAR:
                members[f"{name}_set"] = In(32)
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        index_bits = ceil_log2(len(csr.REGISTERS))

        write_index = Signal(csr.ADDRESS_BITS - 2)
        write_data, write_strobe, write_mask = Signal(32), Signal(4), Signal(32)
        have_address, have_data, act = Signal(), Signal(), Signal()
        m.d.comb += [
            bus.awready.eq(~have_address),
            bus.wready.eq(~have_data),
            act.eq(have_address & have_data & ~bus.bvalid),
            write_mask.eq(Cat(bit.replicate(8) for bit in write_strobe)),
        ]
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [have_address.eq(1), write_index.eq(bus.awaddr[2:])]
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += [have_data.eq(1), write_data.eq(bus.wdata), write_strobe.eq(bus.wstrb)]
        with m.If(act):
            known = write_index < len(csr.REGISTERS)
            m.d.sync += [have_address.eq(0), have_data.eq(0), bus.bvalid.eq(1), bus.bresp.eq(Mux(known, OKAY, SLVERR))]
        with m.If(bus.bvalid & bus.bready):
            m.d.sync += bus.bvalid.eq(0)

        constants = csr.constants(self.config)
        read_index = bus.araddr[2:]
        value, known = Signal(32), Signal()
        with m.Switch(read_index):
            for register in csr.REGISTERS:
                with m.Case(register.offset // 4):
                    m.d.comb += known.eq(1)
                    if register.access is csr.Access.CONSTANT:
                        m.d.comb += value.eq(constants[register.name])
                    elif register.access is not csr.Access.PULSE:
                        m.d.comb += value.eq(getattr(self, register.name.lower()))
        m.d.comb += bus.arready.eq(~bus.rvalid)
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += [bus.rvalid.eq(1), bus.rdata.eq(value), bus.rresp.eq(Mux(known, OKAY, SLVERR))]
        with m.If(bus.rvalid & bus.rready):
            m.d.sync += bus.rvalid.eq(0)

        for register in csr.REGISTERS:
            chosen = act & (write_index[:index_bits] == register.offset // 4) & (write_index[index_bits:] == 0)
            self._store(m, register, chosen, write_data, write_mask)
        return m

    def _store(self, m, register, chosen, data, mask):
        """What a write does to one register."""
        if register.access in (csr.Access.CONSTANT, csr.Access.READ):
            return
        name = register.name.lower()
        value = getattr(self, name)
        implemented = sum(((1 << bits.width) - 1) << bits.low for bits in register.fields)
        written = data & mask & implemented
        if register.access is csr.Access.READ_WRITE:
            with m.If(chosen):
                m.d.sync += value.eq((value & ~mask) | written)
        elif register.access is csr.Access.PULSE:
            m.d.sync += value.eq(Mux(chosen, written, 0))
        else:
            m.d.sync += value.eq((value & ~Mux(chosen, written, 0)) | (getattr(self, f"{name}_set") & implemented))
