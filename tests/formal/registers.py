"""AXI4-Lite: the register port answers every access once and keeps its answers up."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import In

from hwacc import csr
from hwacc.config import TINY
from hwacc.rtl.axi import OKAY, SLVERR
from hwacc.rtl.registers import Registers
from tests.formal.fifo import Plant
from tests.formal.harness import Harness
from tests.formal.inside import Inside

MANAGER = {
    "awaddr": csr.ADDRESS_BITS,
    "awvalid": 1,
    "wdata": 32,
    "wstrb": 4,
    "wvalid": 1,
    "bready": 1,
    "araddr": csr.ADDRESS_BITS,
    "arvalid": 1,
    "rready": 1,
}


class RegistersAnswer(Harness):
    """:class:`Registers` and a manager that does what it likes, within the protocol: what it offers stays."""

    def __init__(self, *, plant: Plant | None = None) -> None:
        self.plant = plant
        super().__init__({name: In(bits) for name, bits in MANAGER.items()})

    def describe(self, m: Module) -> None:
        registers = m.submodules.registers = self.registers = Registers(TINY)
        inside = Inside(registers)
        if self.plant:
            self.plant(inside)
        bus = self.bus = registers.bus
        m.d.comb += [getattr(bus, name).eq(getattr(self, name)) for name in MANAGER]
        for register in csr.REGISTERS:
            name = register.name.lower() + ("_set" if register.access is csr.Access.CLEAR else "")
            if register.access in (csr.Access.READ, csr.Access.CLEAR):
                m.d.comb += getattr(registers, name).eq(self.anything(32, f"any_{name}"))
        self.stays("a write address", bus.awvalid, bus.awready, [bus.awaddr], given=True)
        self.stays("write data", bus.wvalid, bus.wready, [bus.wdata, bus.wstrb], given=True)
        self.stays("a read address", bus.arvalid, bus.arready, [bus.araddr], given=True)
        self._writes(m, inside)
        self._reads(m)

    def _writes(self, m: Module, inside: Any) -> None:
        bus = self.bus
        addresses, words = Signal(3), Signal(3)  # accepted and not answered
        answers = bus.bvalid & bus.bready
        m.d.sync += [
            addresses.eq(addresses + (bus.awvalid & bus.awready) - answers),
            words.eq(words + (bus.wvalid & bus.wready) - answers),
        ]
        self.stays("a write response", bus.bvalid, bus.bready, [bus.bresp])
        self.always("there is a write response only for an address and its data", ~bus.bvalid | ((addresses != 0) & (words != 0)))
        self.always("addresses held are those accepted and not answered", addresses == inside["have_address"] + bus.bvalid)
        self.always("data held are those accepted and not answered", words == inside["have_data"] + bus.bvalid)
        due = self.before((addresses != 0) & (words != 0) & ~bus.bvalid, "was_due")
        self.always("a write is answered in the cycle after both are there", ~due | bus.bvalid)
        address, data, strobe = Signal(csr.ADDRESS_BITS), Signal(32), Signal(4)
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += address.eq(bus.awaddr)
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += [data.eq(bus.wdata), strobe.eq(bus.wstrb)]
        answered = self.before(bus.bvalid, "bvalid_before") == 0
        answered_once = Signal()
        with m.If(answers):
            m.d.sync += answered_once.eq(1)
        at = Signal(csr.ADDRESS_BITS)
        m.d.sync += at.eq(address)
        acts = bus.bvalid & answered
        right = Mux(at[2:] < len(csr.REGISTERS), OKAY, SLVERR)
        self.always("a write is refused where there is no register", ~acts | (bus.bresp == right))
        self._kept(m, inside, acts, address, at, data, strobe)
        self.reached("a write is answered late", answers & (self.before(bus.bvalid, "waited") != 0))
        self.reached("two writes are answered", answers & answered_once)

    def _kept(self, m: Module, inside: Any, acts: Any, address: Any, at: Any, data: Any, strobe: Any) -> None:
        """A register that software writes keeps what was written, byte by byte, and nothing else changes it."""
        at_data, at_strobe = Signal(32), Signal(4)
        m.d.sync += [at_data.eq(data), at_strobe.eq(strobe)]
        self.always("the address of a write is noted as it came", ~inside["have_address"] | (inside["write_index"] == address[2:]))
        self.always("the data of a write are noted as they came", ~inside["have_data"] | (inside["write_data"] == data))
        self.always("the strobes of a write are noted as they came", ~inside["have_data"] | (inside["write_strobe"] == strobe))
        for register in csr.REGISTERS:
            if register.access is not csr.Access.READ_WRITE:
                continue
            value = getattr(self.registers, register.name.lower())
            implemented = sum(((1 << bits.width) - 1) << bits.low for bits in register.fields)
            mask = sum((Mux(at_strobe[byte], 0xFF << 8 * byte, 0) for byte in range(4)), 0)
            old = self.before(value, f"{register.name}_before")
            written = acts & (at[2:] == register.offset // 4)
            new = Mux(written, (old & ~mask) | (at_data & mask & implemented), old)
            began = self.before(1, f"{register.name}_began")
            self.always(f"{register.name} holds what was written and nothing else", ~began | (value == new[:32]))

    def _reads(self, m: Module) -> None:
        bus = self.bus
        owed = Signal(3)
        asks, answers = bus.arvalid & bus.arready, bus.rvalid & bus.rready
        m.d.sync += owed.eq(owed + asks - answers)
        self.stays("a read response", bus.rvalid, bus.rready, [bus.rdata, bus.rresp])
        self.always("there is one read response for each address", bus.rvalid == (owed != 0))
        self.always("no more than one read is unanswered", owed <= 1)
        fresh = self.before(asks, "asked")
        known = self.before(bus.araddr, "araddr_before")[2:] < len(csr.REGISTERS)
        self.always("a read is refused where there is no register", ~fresh | (bus.rresp == Mux(known, OKAY, SLVERR)))
        constants = csr.constants(TINY)
        at = self.before(bus.araddr[2:], "read_index_before")
        for register in csr.REGISTERS:
            chosen = fresh & (at == register.offset // 4)
            if register.access is csr.Access.CONSTANT:
                self.always(f"{register.name} reads as the configuration says", ~chosen | (bus.rdata == constants[register.name]))
            elif register.access is not csr.Access.PULSE:
                was = self.before(getattr(self.registers, register.name.lower()), f"{register.name}_was")
                self.always(f"{register.name} reads as it was", ~chosen | (bus.rdata == was))
        self.reached("a read waits for its manager", bus.rvalid & self.before(bus.rvalid & ~bus.rready, "r_waited"))
