"""Addresses of the weights that stay: the walker against a list of what each cycle of each tile should read."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import pytest

from hwacc.config import TINY, ArrayConfig
from hwacc.rtl.weights import WeightWalker, weight_cycles
from tests.rtl.simulate import fresh_random, simulate

WIDE = ArrayConfig(rows=2, cols=8, bus_bytes=16, spm_bytes=2048, acc_bytes=2048)
TALL = ArrayConfig(rows=8, cols=4, bus_bytes=4, spm_bytes=2048, acc_bytes=1024)
SQUARE = ArrayConfig(rows=8, cols=8, bus_bytes=4, spm_bytes=2048, acc_bytes=2048)
Reads = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Panel:
    """What is walked."""

    base: int
    stride: int
    n: int
    k: int
    k_contiguous: int


def tile_reads(panel: Panel, config: ArrayConfig, k: int, n: int) -> Reads:
    """What the tile from step ``k`` and column ``n`` on reads, in order: (cycle, address, kind, details)."""
    rows, cols = config.rows, config.cols
    if panel.k_contiguous:
        count = min(rows, panel.k - k)
        return [(i, panel.base + (n + i) * panel.stride + k, count, "load", i) for i in range(cols) if n + i < panel.n]
    steps, count = range(k, k + rows), min(cols, panel.n - n)
    return [(i, panel.base + step * panel.stride + n, count, "take") for i, step in enumerate(steps) if step < panel.k]


def panel_reads(panel: Panel, config: ArrayConfig) -> list[Reads]:
    """The reads of all tiles: slices of k inside column tiles."""
    return [tile_reads(panel, config, k, n) for n in range(0, panel.n, config.cols) for k in range(0, panel.k, config.rows)]


def reading(ctx: Any, walker: WeightWalker, cycle: int) -> Reads:
    """What is read in this cycle: one read or none."""
    reads: Reads = []
    if ctx.get(walker.load):
        reads.append((cycle, ctx.get(walker.address), ctx.get(walker.count), "load", ctx.get(walker.lane)))
    if ctx.get(walker.take):
        reads.append((cycle, ctx.get(walker.address), ctx.get(walker.count), "take"))
    return reads


async def walk(ctx: Any, walker: WeightWalker, panel: Panel, tiles: int, pause: int) -> list[Reads]:
    """What each of ``tiles`` tiles reads; they follow each other after ``pause`` cycles."""
    config = walker.config
    for name, value in vars(panel).items():
        ctx.set(getattr(walker, name), value)
    ctx.set(walker.start, 1)
    ctx.set(walker.rewind, 1)
    await ctx.tick()
    for name in vars(panel):
        ctx.set(getattr(walker, name), 1)  # must not be looked at any more
    found, last = [], weight_cycles(config) + pause - 1
    for tile in range(tiles):
        reads: Reads = []
        exists = tile < -(-panel.n // config.cols) * -(-panel.k // config.rows)
        for cycle in range(last + 1):
            ctx.set(walker.start, int(cycle == last and tile < tiles - 1))
            ctx.set(walker.rewind, 0)
            reads += reading(ctx, walker, cycle)
            shift = sum(1 << row for row in range(config.rows) if row <= cycle < config.rows and exists)
            assert ctx.get(walker.shift) == shift, f"cycle {cycle} of tile {tile} of {panel}"
            await ctx.tick()
        found.append(reads)
    return found


def random_panel(rng: random.Random) -> Panel:
    return Panel(rng.randrange(500), rng.choice((0, 1, 2, 9)), rng.randint(1, 30), rng.randint(1, 40), rng.randint(0, 1))


@pytest.mark.parametrize("config", [TINY, WIDE, TALL, SQUARE], ids=["4x4", "2x8", "8x4", "8x8"])
def test_tiles_read_what_a_list_of_lines_says_and_nothing_after_the_last_one(config: ArrayConfig) -> None:
    rng = fresh_random()
    walker = WeightWalker(config)
    sizes = [(n, k) for n in (1, config.cols, config.cols + 1) for k in (1, config.rows - 1, config.rows, 4 * config.rows + 1)]
    panels = [Panel(7 + n, 5, n, k, layout) for n, k in sizes for layout in (0, 1)] + [random_panel(rng) for _ in range(20)]

    async def bench(ctx: Any) -> None:
        for panel in panels:
            expected = [*panel_reads(panel, config), []]
            assert await walk(ctx, walker, panel, len(expected), rng.choice((0, 0, 1, 7))) == expected, panel

    simulate(walker, bench)


def test_rewind_in_the_middle_of_a_panel_begins_anew() -> None:
    walker = WeightWalker(TINY)
    panel = Panel(3, 2, 9, 11, 0)

    async def bench(ctx: Any) -> None:
        assert await walk(ctx, walker, panel, 4, 0) == panel_reads(panel, TINY)[:4]
        assert await walk(ctx, walker, panel, 9, 0) == panel_reads(panel, TINY)

    simulate(walker, bench)


def test_addresses_beyond_20_bits_do_not_wrap() -> None:
    most = 2**20 - 1
    walker = WeightWalker(TINY)
    panels = [Panel(most, most, 4, 3, layout) for layout in (0, 1)]
    assert max(read[1] for read in panel_reads(panels[1], TINY)[0]) == most * 4, "the model itself"

    async def bench(ctx: Any) -> None:
        for panel in panels:
            assert await walk(ctx, walker, panel, 1, 0) == panel_reads(panel, TINY)

    simulate(walker, bench)
