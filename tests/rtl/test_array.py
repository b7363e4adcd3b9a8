"""The systolic array: tiles go in skewed and come out row by row, bottom row first."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest

from hwacc import reference
from hwacc.config import TINY, ArrayConfig
from hwacc.reference import Int8, Int32
from hwacc.rtl.array import SystolicArray, drain_latency, shift_latency
from tests.rtl.simulate import fresh_random, simulate

WIDE = ArrayConfig(rows=2, cols=8)
TALL = ArrayConfig(rows=8, cols=2, bus_bytes=8)
Tile = tuple[Int8, Int8]


def random_tile(rng: random.Random, config: ArrayConfig, k: int) -> Tile:
    """West operand [rows, k] and north operand [k, cols]."""
    numbers = np.random.default_rng(rng.randrange(2**32))
    west = numbers.integers(-128, 128, (config.rows, k), dtype=np.int8)
    return west, numbers.integers(-128, 128, (k, config.cols), dtype=np.int8)


def lanes_in(config: ArrayConfig, tiles: list[Tile], gaps: list[int], cycles: int) -> tuple[Int8, Int8, list[int]]:
    """Skewed lanes for every cycle, and the cycles of ``swap``: after tile t come ``gaps[t]`` cycles without operands."""
    west, north = np.zeros((cycles, config.rows), np.int8), np.zeros((cycles, config.cols), np.int8)
    swaps, start = [], 0
    for (a, b), gap in zip(tiles, gaps):
        for s in range(a.shape[1]):
            west[start + s + np.arange(config.rows), np.arange(config.rows)] = a[:, s]
            north[start + s + np.arange(config.cols), np.arange(config.cols)] = b[s, :]
        start += a.shape[1]
        swaps.append(start)
        start += gap
    return west, north, swaps


def shift_in(config: ArrayConfig, swaps: list[int], counts: list[int], cycle: int) -> int:
    """``shift`` as its description demands: bit i is high for i cycles less one for each row above the lowest ``counts`` of the tile."""
    since = [(cycle - swap - shift_latency(config), config.rows - count) for swap, count in zip(swaps, counts)]
    return sum(1 << row for row in range(config.rows) if any(0 <= age < row - above for age, above in since))


def run(config: ArrayConfig, tiles: list[Tile], gaps: list[int], counts: list[int]) -> list[Int32]:
    """Of every tile the lowest rows of the result, as many as ``counts`` says, as they are drained, put back in order."""
    array = SystolicArray(config)
    cycles = sum(a.shape[1] for a, _ in tiles) + sum(gaps) + drain_latency(config) + config.rows + max(config.rows, config.cols)
    west, north, swaps = lanes_in(config, tiles, gaps, cycles)
    rows = np.zeros((cycles, config.cols), np.int32)

    async def bench(ctx: Any) -> None:
        for cycle in range(cycles):
            for i in range(config.rows):
                ctx.set(array.west[i], int(west[cycle, i]))
            for j in range(config.cols):
                ctx.set(array.north[j], int(north[cycle, j]))
            ctx.set(array.swap, int(cycle in swaps))
            ctx.set(array.shift, shift_in(config, swaps, counts, cycle))
            rows[cycle] = [ctx.get(array.row[j]) for j in range(config.cols)]
            await ctx.tick()

    simulate(array, bench)
    first = [swap + drain_latency(config) for swap in swaps]
    return [rows[start : start + count][::-1] for start, count in zip(first, counts)]


def check(config: ArrayConfig, depths: list[int], gaps: list[int], counts: list[int] | None = None) -> None:
    """Runs tiles of ``depths`` steps, of which the lowest ``counts`` rows are wanted, else all."""
    rng = fresh_random()
    tiles, counts = [random_tile(rng, config, k) for k in depths], counts or [config.rows] * len(depths)
    for number, ((a, b), count, result) in enumerate(zip(tiles, counts, run(config, tiles, gaps, counts))):
        assert np.array_equal(result, reference.gemm(a, b)[-count:]), f"tile {number} of {depths} with gaps {gaps}, {counts} rows"


@pytest.mark.parametrize("config", [TINY, WIDE, TALL], ids=["4x4", "2x8", "8x2"])
def test_two_tiles_of_exactly_rows_cycles_follow_one_another(config: ArrayConfig) -> None:
    check(config, [config.rows, config.rows], [0, 0])


@pytest.mark.parametrize("config", [TINY, WIDE, TALL], ids=["4x4", "2x8", "8x2"])
def test_tiles_of_any_length_and_distance_keep_apart(config: ArrayConfig) -> None:
    rng = fresh_random()
    depths = [config.rows + rng.choice((0, 0, 0, 1, 5, 17)) for _ in range(12)]
    check(config, depths, [rng.choice((0, 0, 1, 3)) for _ in depths])


@pytest.mark.parametrize("config", [TINY, WIDE, TALL], ids=["4x4", "2x8", "8x2"])
def test_a_tile_of_few_rows_need_take_no_longer_than_the_rows_of_the_one_before(config: ArrayConfig) -> None:
    rng = fresh_random()
    for before, after in itertools.product(range(1, config.rows + 1), repeat=2):
        counts = [rng.randint(1, config.rows), before, after, before, rng.randint(1, config.rows)]
        depths = [1, *(count + rng.choice((0, 0, 0, 1)) for count in counts[:-1])]
        check(config, depths, [0] * len(depths), counts)


def test_a_short_tile_is_padded_with_zeros() -> None:
    config = TINY
    rng = fresh_random()
    a, b = random_tile(rng, config, 1)
    padded = np.pad(a, ((0, 0), (0, 3))), np.pad(b, ((0, 3), (0, 0)))
    after = random_tile(rng, config, config.rows)
    first, second = run(config, [padded, after], [0, 0], [config.rows] * 2)
    assert np.array_equal(first, reference.gemm(a, b))
    assert np.array_equal(second, reference.gemm(*after))


def test_extreme_products_add_up_without_loss() -> None:
    config = TINY
    k = 300
    a, b = np.full((config.rows, k), -128, np.int8), np.full((k, config.cols), -128, np.int8)
    b[:, 1] = 127
    (result,) = run(config, [(a, b)], [0], [config.rows])
    assert result[2, 0] == k * 128 * 128
    assert result[2, 1] == -k * 128 * 127
