"""The operand feeder: both layouts of an operand come out as skewed lanes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from hwacc.rtl.feeder import Feeder
from tests.rtl.simulate import simulate

SIZES = [(4, 16), (4, 4), (2, 8), (8, 8)]
Lanes = list[list[int]]


def signed_bytes(rng: random.Random, count: int) -> list[int]:
    """Bytes of which none is 0, so that a zero is a zero that was put there."""
    return [rng.choice((rng.randint(-128, -1), rng.randint(1, 127))) for _ in range(count)]


def word(values: Sequence[int]) -> int:
    """Bytes as a little-endian word."""
    return sum((value & 0xFF) << (8 * i) for i, value in enumerate(values))


def play(feeder: Feeder, cycles: Sequence[dict[str, int]], garbage: int = 0) -> Lanes:
    """Drives a cycle for each entry; returns what all lanes show in each cycle, the first one before any input."""
    seen: Lanes = []

    async def bench(ctx: Any) -> None:
        for inputs in cycles:
            seen.append([ctx.get(lane) for lane in feeder.out])
            for name in ("load", "lane", "count", "step"):
                ctx.set(getattr(feeder, name), inputs.get(name, 0))
            ctx.set(feeder.word, inputs.get("word", garbage))
            await ctx.tick()
        seen.append([ctx.get(lane) for lane in feeder.out])

    simulate(feeder, bench)
    return seen


def skewed(lanes: int, steps: Sequence[Sequence[int]], cycles: int) -> Lanes:
    """``steps[s][i]`` on lane i in cycle s + i + 1, zeros elsewhere: what the array wants."""
    expected = [[0] * lanes for _ in range(cycles)]
    for s, values in enumerate(steps):
        for i, value in enumerate(values):
            expected[s + i + 1][i] = value
    return expected


@pytest.mark.parametrize(("lanes", "word_bytes"), SIZES)
def test_k_contiguous_words_loaded_one_lane_a_cycle_leave_skewed_and_without_a_gap(lanes: int, word_bytes: int) -> None:
    rng = random.Random(lanes)
    words = 3
    rows = [signed_bytes(rng, words * word_bytes) for _ in range(lanes)]
    cycles: list[dict[str, int]] = [{} for _ in range(words * word_bytes + lanes)]
    for w in range(words):
        for i in range(lanes):
            value = word(rows[i][w * word_bytes : (w + 1) * word_bytes])
            cycles[w * word_bytes + i] = {"load": 1, "lane": i, "count": word_bytes, "word": value}
    steps = list(zip(*rows))
    assert play(Feeder(lanes=lanes, word_bytes=word_bytes), cycles, garbage=-1) == skewed(lanes, steps, len(cycles) + 1)


def test_bytes_from_count_on_are_zeroed() -> None:
    rng = random.Random(5)
    for count in range(9):
        row = signed_bytes(rng, 8)
        seen = play(Feeder(lanes=2, word_bytes=8), [{"load": 1, "lane": 1, "count": count, "word": word(row)}, *[{}] * 9])
        assert [lanes[1] for lanes in seen[1:]] == row[:count] + [0] * (10 - count), f"count {count}"
        assert all(lanes[0] == 0 for lanes in seen)


@pytest.mark.parametrize(("lanes", "word_bytes"), SIZES)
def test_across_words_stepped_one_a_cycle_leave_skewed(lanes: int, word_bytes: int) -> None:
    rng = random.Random(word_bytes)
    for count in (lanes, 1, 0):
        words = [signed_bytes(rng, word_bytes) for _ in range(11)]
        cycles = [{"step": 1, "count": count, "word": word(values)} for values in words]
        steps = [values[:count] for values in words]
        cycles += [{} for _ in range(lanes)]
        seen = play(Feeder(lanes=lanes, word_bytes=word_bytes), cycles, garbage=-1)
        assert seen == skewed(lanes, steps, len(cycles) + 1), f"count {count}"


def test_descending_lane_0_takes_the_last_lane_s_byte() -> None:
    rng = random.Random(3)
    for count in (4, 3, 1):
        words = [signed_bytes(rng, 8) for _ in range(7)]
        cycles = [{"step": 1, "count": count, "word": word(values)} for values in words] + [{} for _ in range(4)]
        steps = [[0] * (4 - count) + values[:count][::-1] for values in words]
        seen = play(Feeder(lanes=4, word_bytes=8, descending=True), cycles, garbage=-1)
        assert seen == skewed(4, steps, len(cycles) + 1), f"count {count}"


def test_a_pause_between_steps_is_a_zero_on_every_lane() -> None:
    rng = random.Random(9)
    words = [signed_bytes(rng, 4) for _ in range(4)]
    cycles = [{"step": 1, "count": 4, "word": word(words[0])}, {}, {"step": 1, "count": 4, "word": word(words[1])}, *[{}] * 5]
    seen = play(Feeder(lanes=4, word_bytes=4), cycles, garbage=-1)
    assert seen == skewed(4, [words[0], [0] * 4, words[1]], len(cycles) + 1)


def test_an_across_tile_may_follow_a_k_contiguous_one_at_once() -> None:
    rng = random.Random(11)
    rows = [signed_bytes(rng, 4) for _ in range(4)]
    across = [signed_bytes(rng, 4) for _ in range(4)]
    cycles = [{"load": 1, "lane": i, "count": 4, "word": word(row)} for i, row in enumerate(rows)]
    cycles += [{"step": 1, "count": 4, "word": word(values)} for values in across] + [{}] * 4
    seen = play(Feeder(lanes=4, word_bytes=4), cycles)
    assert seen == skewed(4, [*zip(*rows), *across], len(cycles) + 1)


def test_more_lanes_than_bytes_of_a_word_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^8 bytes do not fit in words of 4$"):
        Feeder(lanes=8, word_bytes=4)
