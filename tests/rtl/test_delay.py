"""Delay lines."""

from __future__ import annotations

import random
from typing import Any

import pytest
from amaranth.hdl import Module, Signal, signed

from hwacc.rtl.delay import delayed
from tests.rtl.simulate import simulate


def line(cycles: int) -> tuple[Module, Signal, Signal]:
    """A module, the source of its delay line of ``cycles``, and the line's other end."""
    m = Module()
    source = Signal(signed(12))
    late = delayed(m, source, cycles, name="line")
    beside = Signal()
    m.d.sync += beside.eq(~beside)  # a clock domain even without registers in the line
    return m, source, late


@pytest.mark.parametrize("cycles", [0, 1, 2, 7])
def test_the_value_appears_after_so_many_cycles_with_its_sign(cycles: int) -> None:
    m, source, late = line(cycles)
    values = [random.Random(cycles).randint(-2048, 2047) for _ in range(30)]

    async def bench(ctx: Any) -> None:
        for cycle, value in enumerate(values):
            ctx.set(source, value)
            expected = values[cycle - cycles] if cycle >= cycles else 0
            assert ctx.get(late) == expected, f"cycle {cycle}"
            await ctx.tick()

    simulate(m, bench)


def test_a_line_starts_with_zeros_whatever_the_source_resets_to() -> None:
    m = Module()
    source = Signal(8, init=0x5A)
    late = delayed(m, source, 3, name="line")

    async def bench(ctx: Any) -> None:
        seen = []
        for _ in range(5):
            seen.append(ctx.get(late))
            await ctx.tick()
        assert seen == [0, 0, 0, 0x5A, 0x5A]

    simulate(m, bench)
