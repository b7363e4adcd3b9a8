"""The registers behind AXI4-Lite, derived from the register map: every register, every kind of access."""

from __future__ import annotations

import random
from typing import Any

from hwacc import csr
from hwacc.config import TINY
from hwacc.csr import Access
from hwacc.rtl.axi import OKAY, SLVERR
from hwacc.rtl.registers import Registers
from tests.rtl.axi_lite_manager import ALL_BYTES, AxiLiteManager
from tests.rtl.simulate import fresh_random, simulate

HOLDING = (Access.READ_WRITE, Access.CLEAR)
UNKNOWN = range(4 * len(csr.REGISTERS), 1 << csr.ADDRESS_BITS, 4)


def of(*kinds: Access) -> list[csr.Register]:
    """The registers of some kinds."""
    return [register for register in csr.REGISTERS if register.access in kinds]


def implemented(register: csr.Register) -> int:
    """Bits that the register has."""
    return sum(((1 << bits.width) - 1) << bits.low for bits in register.fields)


def strobed(old: int, data: int, strobe: int) -> int:
    """``old`` with the bytes of ``data`` that ``strobe`` selects."""
    mask = sum(0xFF << (8 * i) for i in range(4) if strobe >> i & 1)
    return (old & ~mask) | (data & mask)


def play(bench: Any) -> None:
    """Runs ``bench(ctx, registers, manager)``."""
    registers = Registers(TINY)
    manager = AxiLiteManager(registers.bus)

    async def run(ctx: Any) -> None:
        await bench(ctx, registers, manager)

    simulate(registers, run)


def outputs(ctx: Any, registers: Registers) -> dict[str, int]:
    """What the hardware sees of the registers that hold something."""
    return {register.name: ctx.get(getattr(registers, register.name.lower())) for register in of(*HOLDING)}


def test_every_register_reads_its_reset_value_its_constant_or_its_input() -> None:
    constants = csr.constants(TINY)

    async def bench(ctx: Any, registers: Registers, manager: AxiLiteManager) -> None:
        rng = fresh_random()
        for register in csr.REGISTERS:
            expected = constants.get(register.name, register.reset)
            if register.access is Access.READ:
                expected = rng.randrange(1, 1 << 32)
                ctx.set(getattr(registers, register.name.lower()), expected)
            assert await manager.read(ctx, register.offset) == (expected, OKAY), register.name

    play(bench)


def test_read_write_registers_hold_the_bytes_that_the_strobes_select() -> None:
    async def bench(ctx: Any, registers: Registers, manager: AxiLiteManager) -> None:
        rng = fresh_random()
        held = {register.name: register.reset for register in of(*HOLDING)}
        for strobe in [*range(16), ALL_BYTES]:
            for register in of(Access.READ_WRITE):
                data = rng.choice((rng.randrange(1 << 32), 0xFFFFFFFF))
                assert await manager.write(ctx, register.offset, data, strobe) == OKAY
                held[register.name] = strobed(held[register.name], data, strobe) & implemented(register)
                assert outputs(ctx, registers) == held, f"{register.name}, strobe {strobe:04b}"
                assert await manager.read(ctx, register.offset) == (held[register.name], OKAY)

    play(bench)


def test_a_write_to_a_read_only_register_is_accepted_and_does_nothing() -> None:
    async def bench(ctx: Any, registers: Registers, manager: AxiLiteManager) -> None:
        before = outputs(ctx, registers)
        for register in of(Access.READ, Access.CONSTANT):
            value, _ = await manager.read(ctx, register.offset)
            assert await manager.write(ctx, register.offset, ~value & 0xFFFFFFFF) == OKAY, register.name
            assert await manager.read(ctx, register.offset) == (value, OKAY), register.name
        assert outputs(ctx, registers) == before

    play(bench)


def test_a_pulse_lasts_one_cycle_and_has_only_the_bits_that_exist() -> None:
    async def bench(ctx: Any, registers: Registers, manager: AxiLiteManager) -> None:
        for register in of(Access.PULSE):
            for data, strobe in ((0xFFFFFFFF, ALL_BYTES), (0xFFFFFFFF, 0b1110), (0, ALL_BYTES), (1, 1)):
                seen = await pulses(ctx, registers, manager, register, data, strobe)
                expected = strobed(0, data, strobe) & implemented(register)
                assert seen == ([expected] if expected else []), f"{register.name} {data:#x} {strobe:04b}"
                assert await manager.read(ctx, register.offset) == (0, OKAY)

    play(bench)


async def pulses(ctx: Any, registers: Registers, manager: AxiLiteManager, register: csr.Register, data: int, strobe: int) -> list[int]:
    """Values other than 0 that the register shows while it is written, a cycle at a time."""
    bus = manager.bus
    for signal, value in ((bus.awaddr, register.offset), (bus.wdata, data), (bus.wstrb, strobe), (bus.bready, 1)):
        ctx.set(signal, value)
    ctx.set(bus.awvalid, 1)
    ctx.set(bus.wvalid, 1)
    seen = []
    for _ in range(8):
        await ctx.tick()
        ctx.set(bus.awvalid, 0)
        ctx.set(bus.wvalid, 0)
        seen.append(ctx.get(getattr(registers, register.name.lower())))
    ctx.set(bus.bready, 0)
    return [value for value in seen if value]


def test_the_hardware_sets_bits_and_a_written_1_clears_them() -> None:
    async def bench(ctx: Any, registers: Registers, manager: AxiLiteManager) -> None:
        for register in of(Access.CLEAR):
            bits = implemented(register)
            ctx.set(getattr(registers, f"{register.name.lower()}_set"), 0xFFFFFFFF)
            await ctx.tick()
            ctx.set(getattr(registers, f"{register.name.lower()}_set"), 0)
            left = bits
            for data, strobe in ((0, ALL_BYTES), (bits, 0b1110), (bits, ALL_BYTES)):
                await manager.write(ctx, register.offset, data, strobe)
                left &= ~strobed(0, data, strobe)
                assert await manager.read(ctx, register.offset) == (left, OKAY), f"{register.name} after {data:#x} {strobe:04b}"

    play(bench)


def test_an_event_in_the_cycle_of_its_clearing_is_not_lost() -> None:
    async def bench(ctx: Any, registers: Registers, manager: AxiLiteManager) -> None:
        for register in of(Access.CLEAR):
            left = []
            for event in range(5):
                clears, value = await clear_with_event(ctx, registers, manager, register, event)
                left.append(value)
            expected = [implemented(register) if event >= clears else 0 for event in range(5)]
            assert left == expected, f"cleared in cycle {clears}"
            assert 0 < clears < 4, "the test itself"

    play(bench)


async def clear_with_event(ctx: Any, registers: Registers, manager: AxiLiteManager, register: csr.Register, event: int) -> tuple[int, int]:
    """Clears all bits, with an event in cycle ``event`` of the access; returns the cycle before the response, and what is left."""
    bus, event_input = manager.bus, getattr(registers, f"{register.name.lower()}_set")
    for signal, value in ((bus.awaddr, register.offset), (bus.wdata, 0xFFFFFFFF), (bus.wstrb, ALL_BYTES), (bus.bready, 1)):
        ctx.set(signal, value)
    clears = 0
    for cycle in range(8):
        ctx.set(bus.awvalid, int(cycle == 0))
        ctx.set(bus.wvalid, int(cycle == 0))
        ctx.set(event_input, 0xFFFFFFFF if cycle == event else 0)
        if ctx.get(bus.bvalid):
            clears = cycle - 1
        await ctx.tick()
    ctx.set(bus.bready, 0)
    return clears, ctx.get(getattr(registers, register.name.lower()))


def test_an_address_without_a_register_answers_slverr_and_changes_nothing() -> None:
    async def bench(ctx: Any, registers: Registers, manager: AxiLiteManager) -> None:
        before = outputs(ctx, registers)
        assert len(UNKNOWN) > 1, "the map is full: this test needs a wider address"
        for address in UNKNOWN:
            assert await manager.write(ctx, address, 0xFFFFFFFF) == SLVERR, hex(address)
            assert (await manager.read(ctx, address))[1] == SLVERR, hex(address)
            assert outputs(ctx, registers) == before, hex(address)
            assert ctx.get(registers.control) == 0
        assert await manager.write(ctx, csr.BY_NAME["TIME_LIMIT"].offset, 5) == OKAY, "the access after an error"

    play(bench)


def random_accesses(rng: random.Random, count: int) -> list[tuple[csr.Register, int, int, list[int]]]:
    """Accesses to read-write registers: which, data, strobe, and a delay for each of the five channels."""
    registers = of(Access.READ_WRITE)
    delays = (0, 0, 1, 2, 5)
    return [(rng.choice(registers), rng.randrange(1 << 32), rng.randrange(16), rng.choices(delays, k=5)) for _ in range(count)]


def test_all_five_channels_bear_back_pressure_and_any_order_of_address_and_data() -> None:
    async def bench(ctx: Any, registers: Registers, manager: AxiLiteManager) -> None:
        held = {register.name: register.reset for register in of(*HOLDING)}
        for register, data, strobe, delays in random_accesses(fresh_random(), 120):
            assert await manager.write(ctx, register.offset, data, strobe, delays[:3]) == OKAY
            held[register.name] = strobed(held[register.name], data, strobe) & implemented(register)
            assert outputs(ctx, registers) == held, f"{register.name} {delays}"
            assert await manager.read(ctx, register.offset, delays[3:]) == (held[register.name], OKAY)

    play(bench)


def test_data_that_are_not_taken_do_not_follow_the_register() -> None:
    async def bench(ctx: Any, registers: Registers, manager: AxiLiteManager) -> None:
        bus = manager.bus
        ctx.set(registers.cycles_lo, 111)
        ctx.set(bus.araddr, csr.BY_NAME["CYCLES_LO"].offset)
        ctx.set(bus.arvalid, 1)
        await ctx.tick()
        ctx.set(registers.cycles_lo, 222)
        for _ in range(4):
            assert (ctx.get(bus.rvalid), ctx.get(bus.rdata)) == (1, 111)
            assert not ctx.get(bus.arready), "the second address has nowhere to go"
            await ctx.tick()

    play(bench)


def test_an_unread_response_holds_up_the_next_write_and_loses_nothing() -> None:
    async def bench(ctx: Any, registers: Registers, manager: AxiLiteManager) -> None:
        bus = manager.bus
        for name, data in (("TIME_LIMIT", 7), ("RING_BASE_LO", 64)):
            ctx.set(bus.awaddr, csr.BY_NAME[name].offset)
            ctx.set(bus.wdata, data)
            ctx.set(bus.wstrb, ALL_BYTES)
            ctx.set(bus.awvalid, 1)
            ctx.set(bus.wvalid, 1)
            await ctx.tick()
            ctx.set(bus.awvalid, 0)
            ctx.set(bus.wvalid, 0)
            await ctx.tick().repeat(4)
        assert (ctx.get(registers.time_limit), ctx.get(registers.ring_base_lo)) == (7, 0), "the second waits"
        responses = 0
        ctx.set(bus.bready, 1)
        for _ in range(8):
            responses += ctx.get(bus.bvalid)
            await ctx.tick()
        assert responses == 2
        assert ctx.get(registers.ring_base_lo) == 64

    play(bench)


def test_a_read_beside_a_write_does_not_disturb_it() -> None:
    async def bench(ctx: Any, registers: Registers, manager: AxiLiteManager) -> None:
        bus = manager.bus
        ctx.set(bus.araddr, csr.BY_NAME["ID"].offset)
        ctx.set(bus.arvalid, 1)
        assert await manager.write(ctx, csr.BY_NAME["TIME_LIMIT"].offset, 9) == OKAY
        assert (ctx.get(bus.rvalid), ctx.get(bus.rdata)) == (1, csr.MAGIC)
        assert ctx.get(registers.time_limit) == 9

    play(bench)
