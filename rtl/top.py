"""The accelerator: everything put together."""

from amaranth.hdl import Cat, Const, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.accumulator import Accumulator
from hwacc.rtl.arbiter import MemoryArbiter
from hwacc.rtl.axi import axi4, axi4_lite
from hwacc.rtl.buffer import OperandBuffer, ParameterBuffer
from hwacc.rtl.command import CommandProcessor
from hwacc.rtl.compute import ComputeEngine
from hwacc.rtl.load import LoadEngine
from hwacc.rtl.registers import Registers
from hwacc.rtl.store import StoreEngine


class Accelerator(wiring.Component):
    """HWACC with its two bus ports and its interrupt.

    ``m_axi`` reaches memory, ``s_axil`` the registers, ``irq`` is a level: high while an enabled event is pending.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__({"m_axi": Out(axi4(config)), "s_axil": In(axi4_lite()), "irq": Out(1)})

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.registers = registers = Registers(config)
        m.submodules.command = command = CommandProcessor(config)
        m.submodules.load = load = LoadEngine(config)
        m.submodules.west = west = OperandBuffer(config, window=config.west_window)
        m.submodules.north = north = OperandBuffer(config, window=config.north_window)
        m.submodules.compute = compute = ComputeEngine(config)
        m.submodules.accumulator = accumulator = Accumulator(config)
        m.submodules.parameters = parameters = ParameterBuffer(config)
        m.submodules.store = store = StoreEngine(config)
        m.submodules.arbiter = arbiter = MemoryArbiter(config)

        wiring.connect(m, wiring.flipped(self.s_axil), registers.bus)
        wiring.connect(m, wiring.flipped(self.m_axi), arbiter.axi)
        wiring.connect(m, load.memory, arbiter.load)
        wiring.connect(m, command.fetch_memory, arbiter.fetch)
        wiring.connect(m, store.memory, arbiter.store)
        wiring.connect(m, command.record_memory, arbiter.record)
        m.d.comb += [arbiter.writes_record.eq(command.writes_record), arbiter.fetch_first.eq(command.fetch_first)]

        # The data: memory to operands to array to accumulator to memory.
        wiring.connect(m, load.west, west.write)
        wiring.connect(m, load.north, north.write)
        wiring.connect(m, load.accumulator, accumulator.write)
        wiring.connect(m, load.parameters, parameters.write)
        m.d.comb += [
            west.address.eq(compute.west_address),
            compute.west_word.eq(west.data),
            north.address.eq(compute.north_address),
            compute.north_word.eq(north.data),
            accumulator.drain.eq(compute.drain),
            accumulator.row.eq(compute.row),
            parameters.address.eq(store.parameter_address),
            store.parameter_data.eq(parameters.data),
        ]
        wiring.connect(m, store.acc, accumulator.read)

        # The commands, and the tokens between the engines.
        engines = {isa.Engine.LOAD: load, isa.Engine.COMPUTE: compute, isa.Engine.STORE: store}
        for receiver, engine in engines.items():
            name = receiver.name.lower()
            wiring.connect(m, getattr(command, f"{name}_work"), engine.work)
            pushes = Cat(getattr(sender, f"signal_{name}", Const(0)) for sender in engines.values())
            m.d.comb += [
                getattr(command, f"{name}_push").eq(pushes),
                getattr(command, f"{name}_busy").eq(engine.busy),
                getattr(command, f"{name}_fault_valid").eq(engine.fault_valid),
                getattr(command, f"{name}_fault").eq(engine.fault),
                engine.abort.eq(command.abort),
            ]
        m.d.comb += [
            command.array_busy.eq(compute.array_busy),
            command.executing.eq(compute.executing),
            command.read_bytes.eq(Mux(load.beat_taken, config.bus_bytes, 0)),
            command.written_bytes.eq(store.bytes_written),
        ]

        m.d.comb += [
            command.ring_base.eq(Cat(registers.ring_base_lo, registers.ring_base_hi)),
            command.ring_log2.eq(registers.ring_log2),
            command.ring_tail.eq(registers.ring_tail),
            command.time_limit.eq(registers.time_limit),
            command.reset.eq(registers.control[0]),
            registers.status.eq(command.running),
            registers.ring_head.eq(command.ring_head),
            registers.last_status.eq(command.last_status),
            registers.submissions.eq(command.submissions),
            registers.cycles_lo.eq(command.cycles[:32]),
            registers.cycles_hi.eq(command.cycles[32:]),
            registers.irq_status_set.eq(command.completed),
            self.irq.eq((registers.irq_status & registers.irq_enable).any()),
        ]
        return m
