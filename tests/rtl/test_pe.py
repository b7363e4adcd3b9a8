"""The processing element: what it passes on, what it sums, and when it hands the sum over."""

from __future__ import annotations

from typing import Any

from hwacc.rtl.pe import ProcessingElement
from tests.rtl.simulate import fresh_random, simulate

CORNERS = (-128, -127, -1, 0, 1, 126, 127)


async def step(ctx: Any, cell: ProcessingElement, **inputs: int) -> None:
    """One cycle with these inputs; those not named are 0."""
    for name in ("stationary", "a_in", "b_in", "swap_in", "shift", "d_in", "acc_in"):
        ctx.set(getattr(cell, name), inputs.get(name, 0))
    await ctx.tick()


def test_operands_and_swap_leave_one_cycle_later() -> None:
    cell = ProcessingElement()

    async def bench(ctx: Any) -> None:
        for a, b, swap in ((-128, 127, 1), (5, -7, 0), (0, 0, 1)):
            await step(ctx, cell, a_in=a, b_in=b, swap_in=swap)
            assert (ctx.get(cell.a_out), ctx.get(cell.b_out), ctx.get(cell.swap_out)) == (a, b, swap)

    simulate(cell, bench)


def test_swap_hands_over_the_sum_of_the_products_before_it() -> None:
    cell = ProcessingElement()
    pairs = [(a, b) for a in CORNERS for b in CORNERS]

    async def bench(ctx: Any) -> None:
        for a, b in pairs:
            await step(ctx, cell, a_in=a, b_in=b)
        await step(ctx, cell, a_in=-3, b_in=9, swap_in=1)
        await step(ctx, cell, a_in=2, b_in=5)
        assert ctx.get(cell.d_out) == sum(a * b for a, b in pairs)
        await step(ctx, cell, swap_in=1)
        await step(ctx, cell)
        assert ctx.get(cell.d_out) == -3 * 9 + 2 * 5

    simulate(cell, bench)


def test_a_tile_may_last_a_single_cycle() -> None:
    cell = ProcessingElement()

    async def bench(ctx: Any) -> None:
        await step(ctx, cell, swap_in=1)
        for a, b in ((-128, -128), (-128, 127), (3, -5)):
            await step(ctx, cell, a_in=a, b_in=b, swap_in=1)
            previous = ctx.get(cell.d_out)
            await step(ctx, cell, swap_in=1)
            assert previous == 0, "an empty tile sums to nothing"
            await step(ctx, cell, swap_in=1)
            assert ctx.get(cell.d_out) == a * b

    simulate(cell, bench)


def test_shift_takes_the_value_from_the_north_and_otherwise_the_result_stands_still() -> None:
    cell = ProcessingElement()

    async def bench(ctx: Any) -> None:
        await step(ctx, cell, d_in=-123456789, shift=1)
        assert ctx.get(cell.d_out) == -123456789
        await step(ctx, cell, a_in=7, b_in=-7, d_in=42)
        assert ctx.get(cell.d_out) == -123456789
        await step(ctx, cell, d_in=2**31 - 1, shift=1)
        assert ctx.get(cell.d_out) == 2**31 - 1

    simulate(cell, bench)


def test_swap_has_priority_over_shift() -> None:
    cell = ProcessingElement()

    async def bench(ctx: Any) -> None:
        await step(ctx, cell, a_in=-6, b_in=7)
        await step(ctx, cell, swap_in=1)
        await step(ctx, cell, shift=1, d_in=1000)
        assert ctx.get(cell.d_out) == -42

    simulate(cell, bench)


def test_random_inputs_follow_the_description_cycle_by_cycle() -> None:
    rng = fresh_random()
    cell = ProcessingElement()

    async def bench(ctx: Any) -> None:
        a = b = swap = total = result = 0
        for cycle in range(600):
            a_in, b_in = rng.randint(-128, 127), rng.choice(CORNERS)
            swap_in, shift, d_in = int(rng.random() < 0.2), rng.randint(0, 1), rng.randrange(-(2**31), 2**31)
            await step(ctx, cell, a_in=a_in, b_in=b_in, swap_in=swap_in, shift=shift, d_in=d_in)
            result = total if swap else d_in if shift else result
            total = a * b + (0 if swap else total)
            a, b, swap = a_in, b_in, swap_in
            outputs = (ctx.get(cell.a_out), ctx.get(cell.b_out), ctx.get(cell.swap_out), ctx.get(cell.d_out))
            assert outputs == (a, b, swap, result), f"cycle {cycle}"

    simulate(cell, bench)


def test_a_weight_stays_until_swap_and_the_partial_sum_moves_south() -> None:
    cell = ProcessingElement()

    async def bench(ctx: Any) -> None:
        await step(ctx, cell, stationary=1, b_in=-7, shift=1)
        await step(ctx, cell, stationary=1, b_in=99, a_in=3, swap_in=1)
        await step(ctx, cell, stationary=1, b_in=11, shift=1, a_in=-5, acc_in=1000)
        assert ctx.get(cell.acc_out) == 1000 + 3 * -7
        await step(ctx, cell, stationary=1, a_in=2, swap_in=1, acc_in=-1)
        assert ctx.get(cell.acc_out) == -1 + -5 * -7
        await step(ctx, cell, stationary=1, acc_in=50)
        assert ctx.get(cell.acc_out) == 50 + 2 * 11

    simulate(cell, bench)


def test_random_stationary_inputs_follow_the_description_cycle_by_cycle() -> None:
    rng = fresh_random()
    cell = ProcessingElement()

    async def bench(ctx: Any) -> None:
        await step(ctx, cell, stationary=1, shift=1)
        await step(ctx, cell, stationary=1, swap_in=1)
        a = b = weight = swap = 0
        for cycle in range(600):
            a_in, b_in = rng.randint(-128, 127), rng.choice(CORNERS)
            swap_in, shift, acc_in = int(rng.random() < 0.2), rng.randint(0, 1), rng.randrange(-(2**31) + 2**15, 2**31 - 2**15)
            await step(ctx, cell, stationary=1, a_in=a_in, b_in=b_in, swap_in=swap_in, shift=shift, acc_in=acc_in)
            result = acc_in + a * weight
            weight = b if swap_in else weight
            b = b_in if shift else b
            a, swap = a_in, swap_in
            outputs = (ctx.get(cell.a_out), ctx.get(cell.b_out), ctx.get(cell.swap_out), ctx.get(cell.acc_out))
            assert outputs == (a, b, swap, result), f"cycle {cycle}"

    simulate(cell, bench)
