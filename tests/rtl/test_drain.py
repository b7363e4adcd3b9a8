"""Where drained rows go: cycle by cycle against a timetable computed from the tiles."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from hwacc import isa
from hwacc.config import TINY, ArrayConfig
from hwacc.rtl.array import drain_latency, shift_latency
from hwacc.rtl.drain import Drain
from hwacc.rtl.interfaces import ACC_READ_LATENCY, ACC_UPDATE_CYCLES
from tests.rtl.simulate import fresh_random, simulate

WIDE = ArrayConfig(rows=2, cols=8, acc_bytes=4096)
TALL = ArrayConfig(rows=8, cols=2, bus_bytes=8, acc_bytes=4096)
CONFIGS = pytest.mark.parametrize("config", [TINY, WIDE, TALL], ids=["4x4", "2x8", "8x2"])
TO_SWAP = 4


@dataclass(frozen=True)
class Tile:
    """A tile and the cycle in which it is given."""

    cycle: int
    address: int
    stride: int
    rows: int
    addend: int = 0
    bias: int = 0
    signal: int = 0
    index: int = 0


@dataclass
class Seen:
    """What came out, each with its cycle."""

    writes: list[tuple[int, ...]]
    shifts: dict[int, int]
    done: list[int]
    faults: list[tuple[int, int, int]]
    busy: list[int]
    held: list[tuple[int, int]]


def run(config: ArrayConfig, tiles: Sequence[Tile], cycles: int, clear: Sequence[int] = ()) -> Seen:
    """Gives the tiles, raising ``clear`` in those cycles."""
    drain = Drain(config, cycles_to_swap=TO_SWAP)
    given = {tile.cycle: tile for tile in tiles}
    seen = Seen([], {}, [], [], [], [])

    async def bench(ctx: Any) -> None:
        for cycle in range(cycles):
            tile = given.get(cycle)
            ctx.set(drain.tile_valid, int(tile is not None))
            if tile:
                ctx.set(drain.tile, {name: value for name, value in vars(tile).items() if name != "cycle"})
            ctx.set(drain.clear, int(cycle in clear))
            watch(ctx, drain, seen, cycle)
            await ctx.tick()

    simulate(drain, bench)
    return seen


def watch(ctx: Any, drain: Drain, seen: Seen, cycle: int) -> None:
    """Notes the outputs of this cycle."""
    out = drain.drain
    if ctx.get(out.write):
        bias = ctx.get(out.bias) if ctx.get(out.addend) == isa.Addend.BIAS else 0
        seen.writes.append((cycle, ctx.get(out.address), ctx.get(out.first), int(ctx.get(out.addend)), bias))
        if ctx.get(out.held):
            seen.held.append((cycle, ctx.get(out.last)))
    if ctx.get(drain.shift):
        seen.shifts[cycle] = ctx.get(drain.shift)
    if ctx.get(drain.done):
        seen.done.append(cycle)
    if ctx.get(drain.fault_valid):
        seen.faults.append((cycle, ctx.get(drain.fault.status), ctx.get(drain.fault.index)))
    if ctx.get(drain.busy):
        seen.busy.append(cycle)


def first_announced(config: ArrayConfig, tile: Tile) -> int:
    """Cycle in which the first row is announced to the accumulator."""
    return tile.cycle + TO_SWAP + drain_latency(config) - ACC_READ_LATENCY


def writes_of(config: ArrayConfig, tile: Tile) -> list[tuple[int, ...]]:
    """All rows in order, a row a cycle."""
    start = first_announced(config, tile)
    return [(start + row, tile.address + row * tile.stride, int(row == 0), tile.addend, tile.bias) for row in range(tile.rows)]


def shifts_of(config: ArrayConfig, tiles: Sequence[Tile]) -> dict[int, int]:
    """Bit i is high for i cycles from ``shift_latency`` after the swap on, less one for each row of the array above the tile's."""
    shifts: dict[int, int] = {}
    for tile in tiles:
        start, above = tile.cycle + TO_SWAP + shift_latency(config), max(config.rows - tile.rows, 0)
        for age in range(config.rows - above - 1):
            shifts[start + age] = sum(1 << row for row in range(config.rows) if age < row - above)
    return shifts


def written_at(config: ArrayConfig, tile: Tile) -> int:
    """First cycle in which the memory holds the last row: a write takes effect at the end of its cycle."""
    return first_announced(config, tile) + tile.rows - 1 + ACC_READ_LATENCY + 1


def told_at(config: ArrayConfig, tile: Tile) -> int:
    """Cycle of the token: after the announcement of the first of the last ``rows`` rows."""
    return first_announced(config, tile) + max(tile.rows - config.rows, 0) + 1


def held_of(config: ArrayConfig, tile: Tile) -> list[tuple[int, int]]:
    """Cycles in which rows are held, and the last word of them."""
    rows = min(tile.rows, config.rows)
    last = tile.address + (tile.rows - rows + config.rows - 1) * tile.stride
    return [(told_at(config, tile) - 1 + row, last) for row in range(rows)] if tile.signal else []


def random_tiles(rng: random.Random, config: ArrayConfig, count: int) -> list[Tile]:
    """Tiles inside the accumulator, mostly as close to one another as allowed."""
    tiles, cycle = [], rng.randint(0, 3)
    for index in range(count):
        stride, addend = rng.choice((0, 1, 3)), rng.choice(list(isa.Addend))
        rows = rng.choice((1, 2, rng.randint(1, config.rows), config.rows, 3 * config.rows + 1))
        address = rng.randrange(config.acc_words - (rows - 1) * stride)
        bias = rng.randrange(config.acc_words) if addend == isa.Addend.BIAS else 0
        tiles.append(Tile(cycle, address, stride, rows, int(addend), bias, rng.randint(0, 1), index))
        cycle += max(ACC_UPDATE_CYCLES, rows) + rng.choice((0, 0, 0, 1, 2, 11))
    return tiles


@CONFIGS
def test_as_many_tiles_as_can_be_under_way_are_remembered(config: ArrayConfig) -> None:
    tiles = [Tile(4 * number, address=number, stride=1, rows=1 + number % min(config.rows, 4), index=number) for number in range(40)]
    seen = run(config, tiles, written_at(config, tiles[-1]) + 20)
    assert seen.writes == [write for tile in tiles for write in writes_of(config, tile)]
    assert seen.shifts == shifts_of(config, tiles)


@CONFIGS
def test_rows_shifts_and_tokens_keep_the_timetable(config: ArrayConfig) -> None:
    tiles = random_tiles(fresh_random(), config, 40)
    end = written_at(config, tiles[-1])
    seen = run(config, tiles, end + 20)
    assert seen.writes == [write for tile in tiles for write in writes_of(config, tile)]
    assert seen.shifts == shifts_of(config, tiles)
    assert seen.done == [told_at(config, tile) for tile in tiles if tile.signal]
    assert seen.held == [held for tile in tiles for held in held_of(config, tile)]
    assert seen.faults == []
    assert seen.busy[-1] == end, "busy until the last row is written"


def test_rows_outside_the_accumulator_are_faults_and_are_not_written() -> None:
    config = TINY
    tile = Tile(cycle=0, address=config.acc_words - 4, stride=2, rows=4, index=41)
    seen = run(config, [tile], 40)
    assert [write[1] for write in seen.writes] == [config.acc_words - 4, config.acc_words - 2]
    start = first_announced(config, tile)
    assert seen.faults == [(start + i, isa.Status.BAD_LOCAL_ADDRESS, 41) for i in (2, 3)]


def test_the_last_held_word_of_rows_far_apart_is_not_cut_short() -> None:
    config = ArrayConfig(rows=64, cols=2, bus_bytes=8, acc_bytes=2**19)
    tile = Tile(cycle=0, address=7, stride=1100, rows=2, signal=1)
    seen = run(config, [tile], 200)
    assert 7 + 63 * 1100 > 2**16
    assert seen.held == held_of(config, tile)


def test_rows_that_do_not_count_may_lie_outside() -> None:
    config = TINY
    seen = run(config, [Tile(cycle=0, address=config.acc_words - 1, stride=1, rows=1)], 40)
    assert [write[1] for write in seen.writes] == [config.acc_words - 1]
    assert seen.faults == []


def test_an_address_far_outside_does_not_wrap_into_the_accumulator() -> None:
    seen = run(TINY, [Tile(cycle=0, address=1 << 16, stride=0, rows=2, index=3)], 40)
    assert seen.writes == []
    assert [fault[1:] for fault in seen.faults] == [(isa.Status.BAD_LOCAL_ADDRESS, 3)] * 2


@pytest.mark.parametrize("bias", [TINY.acc_words, 65535 + 16383])
def test_a_bias_outside_the_accumulator_is_a_fault_only_where_a_bias_is_added(bias: int) -> None:
    for addend in isa.Addend:
        seen = run(TINY, [Tile(cycle=0, address=0, stride=1, rows=4, addend=addend, bias=bias, index=9)], 40)
        faulty = addend == isa.Addend.BIAS
        assert [fault[1:] for fault in seen.faults] == [(isa.Status.BAD_LOCAL_ADDRESS, 9)] * (4 if faulty else 0)
        assert len(seen.writes) == (0 if faulty else 4)


def test_clear_forgets_every_tile_and_the_next_one_is_drained_as_ever() -> None:
    config = TINY
    for clear in range(3, 30):
        tiles = [Tile(cycle=3, address=1, stride=1, rows=4, signal=1), Tile(cycle=7, address=9, stride=1, rows=4, signal=1)]
        after = Tile(cycle=clear + 4, address=100, stride=3, rows=3, signal=1)
        given = [tile for tile in tiles if tile.cycle <= clear]
        seen = run(config, [*given, after], 80, clear=[clear])
        late = [write for write in seen.writes if write[0] > clear]
        assert late == writes_of(config, after), f"cleared in cycle {clear}"
        assert {cycle: bits for cycle, bits in seen.shifts.items() if cycle > clear} == shifts_of(config, [after])
        assert [cycle for cycle in seen.done if cycle > clear] == [told_at(config, after)]
        assert min(cycle for cycle in seen.busy if cycle > clear) == after.cycle, "busy falls with clear"
