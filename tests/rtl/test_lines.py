"""Operand addresses: the walker against a list of what each cycle of each tile should read."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import pytest

from hwacc.rtl.lines import LineWalker
from tests.rtl.simulate import fresh_random, simulate


@dataclass(frozen=True)
class Panel:
    """What is walked."""

    base: int
    stride: int
    size: int
    k: int
    k_contiguous: int


def tile_reads(panel: Panel, tile: int, lanes: int, descending: bool = False) -> list[tuple[Any, ...]]:
    """What one tile reads, in order: (cycle, address, bytes that count, kind, details)."""
    first = tile * lanes
    if panel.k_contiguous:
        return [
            (k + i, panel.base + line * panel.stride + k, min(panel.k - k, 2 * lanes), "load", i)
            for k in range(0, max(panel.k - lanes, 1), lanes)
            for i in range(lanes)
            for line in [first + (lanes - 1 - i if descending else i)]
            if line < panel.size
        ]
    return [(step, panel.base + step * panel.stride + first, min(panel.size - first, lanes), "take") for step in range(panel.k)]


async def walk(ctx: Any, walker: LineWalker, panel: Panel, moves: list[str], pause: int = 0) -> list[list[tuple[Any, ...]]]:
    """Walks a tile for each of ``moves`` and returns what each read. ``pause`` cycles pass before each start."""
    cycles = max(panel.k, walker.lanes)
    tiles: list[list[tuple[Any, ...]]] = []
    for number in range(len(moves) + 1):  # one start before the first tile, then each start in the last cycle of a tile
        reads: list[tuple[Any, ...]] = []
        for cycle in range(cycles if number else 1):
            ctx.set(walker.step, int(number > 0))
            starting = cycle == (cycles - 1 if number else 0) and number < len(moves)
            move = moves[number] if starting else ""
            ctx.set(walker.start, int(starting and not pause))
            for name, value in vars(panel).items():
                ctx.set(getattr(walker, name), value if move == "rewind" else 1)  # not looked at otherwise
            ctx.set(walker.rewind, int(move == "rewind"))
            ctx.set(walker.advance, int(move == "advance"))
            reads += reading(ctx, walker, cycle)
            await ctx.tick()
        for left in reversed(range(pause if number < len(moves) else 0)):
            ctx.set(walker.step, 0)
            ctx.set(walker.start, int(left == 0))
            assert reading(ctx, walker, 0) == [], "a read between tiles"
            await ctx.tick()
        if number:
            tiles.append(reads)
    return tiles


def reading(ctx: Any, walker: LineWalker, cycle: int) -> list[tuple[Any, ...]]:
    """What is read in this cycle: one read or none."""
    reads: list[tuple[Any, ...]] = []
    if ctx.get(walker.load):
        reads.append((cycle, ctx.get(walker.address), ctx.get(walker.count), "load", ctx.get(walker.lane)))
    if ctx.get(walker.take):
        reads.append((cycle, ctx.get(walker.address), ctx.get(walker.count), "take"))
    return reads


def tiles_of(moves: list[str]) -> list[int]:
    """Number of the tile that each move leads to."""
    tiles: list[int] = []
    for move in moves:
        tiles.append(0 if move == "rewind" else tiles[-1] + (move == "advance"))
    return tiles


def check(lanes: int, panels: list[tuple[Panel, list[str], int]], descending: bool = False) -> None:
    """Walks the panels one after the other on the same walker."""
    walker = LineWalker(lanes=lanes, descending=descending)

    async def bench(ctx: Any) -> None:
        for panel, moves, pause in panels:
            expected = [tile_reads(panel, tile, lanes, descending) for tile in tiles_of(moves)]
            assert await walk(ctx, walker, panel, moves, pause) == expected, f"{panel} {moves}"

    simulate(walker, bench)


EVERY_MOVE = ["rewind", "advance", "", "advance", "advance", "", "rewind", "", "advance", "rewind"]


@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize("k_contiguous", [1, 0])
@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
def test_tiles_read_what_a_list_of_lines_says(lanes: int, k_contiguous: int, descending: bool) -> None:
    tiles = 1 + tiles_of(EVERY_MOVE)[5]
    depths = [1, 2, *(whole * lanes + more for whole in (1, 2, 3) for more in (-1, 0, 1))]
    panels = [
        (Panel(base=7 + k, stride=5, size=tiles * lanes - cut, k=k, k_contiguous=k_contiguous), EVERY_MOVE, 0)
        for k in depths
        for cut in (0, 1, lanes - 1)
    ]
    check(lanes, panels, descending)


def test_random_panels_with_pauses_read_what_a_list_of_lines_says() -> None:
    rng = fresh_random()
    for descending in (False, True):
        check(4, [random_walk(rng) for _ in range(40)], descending)


def random_walk(rng: random.Random) -> tuple[Panel, list[str], int]:
    """A panel, the moves over it, and the pause between its tiles."""
    moves = ["rewind", *rng.choices(["", "advance", "rewind"], [1, 3, 1], k=rng.randint(0, 8))]
    size = 4 * max(tiles_of(moves)) + rng.randint(1, 9)
    panel = Panel(rng.randrange(500), rng.choice((0, 1, 2, 9)), size, rng.randint(1, 40), rng.randint(0, 1))
    return panel, moves, rng.choice((0, 1, 4))


def test_addresses_beyond_20_bits_do_not_wrap() -> None:
    most = 2**20 - 1
    panel = Panel(base=most, stride=most, size=4, k=3, k_contiguous=1)
    across = replace(panel, k_contiguous=0)
    assert max(read[1] for read in tile_reads(panel, 0, 4)) == most * 4, "the model itself"
    check(4, [(panel, ["rewind"], 0), (across, ["rewind"], 0)])
