"""The accumulator buffer: sums with addends, LOAD's bytes, STORE's reads, and who waits for whom."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from hwacc.config import TINY, ArrayConfig
from hwacc.isa import Addend
from hwacc.reference import Int32, wrap32
from hwacc.rtl.interfaces import ACC_READ_LATENCY
from tests.rtl.accumulator_bench import AccumulatorBench, Piece, Row
from tests.rtl.simulate import fresh_random

WIDE = ArrayConfig(rows=2, cols=8, bus_bytes=8, acc_bytes=4096)
CONFIGS = pytest.mark.parametrize("config", [TINY, WIDE], ids=["beat-is-word", "four-beats-a-word"])


def random_words(rng: random.Random, *shape: int) -> Int32:
    return np.random.default_rng(rng.randrange(2**32)).integers(-(2**31), 2**31, shape).astype(np.int32)


def after_pieces(content: Int32, pieces: list[Piece]) -> Int32:
    """The buffer after LOAD's writes."""
    flat = bytearray(content.tobytes())
    for piece in pieces:
        flat[piece.address : piece.address + len(piece.data)] = piece.data
    return np.frombuffer(bytes(flat), np.int32).reshape(content.shape)


def after_rows(content: Int32, rows: list[Row]) -> Int32:
    """The buffer after the drain's writes; the addend of a tile's rows is the bias word that its first row names."""
    result, bias = content.copy(), np.zeros_like(content[0])
    for row in rows:
        if row.first:
            bias = result[row.bias]
        addends = {Addend.NONE: np.zeros_like(bias), Addend.ACCUMULATE: result[row.address], Addend.BIAS: bias}
        if row.write:
            result[row.address] = wrap32(np.asarray(row.values, np.int64) + addends[row.addend].astype(np.int64))
    return result


def random_pieces(rng: random.Random, config: ArrayConfig, low: int, high: int, count: int) -> list[Piece]:
    """Writes of any length and alignment to bytes from ``low`` up to ``high``."""
    pieces = []
    for _ in range(count):
        length = rng.choice((1, config.bus_bytes, rng.randint(1, config.bus_bytes)))
        address = rng.choice((low, high - length, rng.randint(low, high - length)))
        pieces.append(Piece(address, rng.randbytes(length)))
    return pieces


def random_rows(rng: random.Random, config: ArrayConfig, low: int, high: int, tiles: int) -> dict[int, Row]:
    """Tiles of ``rows`` rows to words from ``low`` up to ``high``, some without a gap; bias words lie above ``high``."""
    rows, cycle = {}, 0
    places = [low + i * config.rows for i in range((high - low) // config.rows)]
    for tile in range(tiles):
        addend, count = rng.choice(list(Addend)), rng.randint(1, config.rows)
        place, bias = places[tile % len(places)], rng.randrange(high, config.acc_words)
        for row in reversed(range(config.rows)):
            values = [int(v) for v in random_words(rng, config.cols)]
            rows[cycle] = Row(values, place + row, int(row < count), int(row == count - 1), addend, bias)
            cycle += 1
        cycle += rng.choice((0, 0, 1, 5))
    return rows


@CONFIGS
def test_load_writes_any_bytes_at_any_alignment_and_no_others(config: ArrayConfig) -> None:
    rng = fresh_random()
    content = random_words(rng, config.acc_words, config.cols)
    pieces = random_pieces(rng, config, 0, config.acc_bytes, 150)
    bench = AccumulatorBench(config, content, pieces=pieces).run(320)
    assert np.array_equal(bench.final, after_pieces(content, pieces))


@CONFIGS
def test_a_piece_of_two_words_takes_two_cycles_and_any_other_one(config: ArrayConfig) -> None:
    beat, word = config.bus_bytes, config.acc_word_bytes
    content = np.zeros((config.acc_words, config.cols), np.int32)
    inside = [Piece(beat * 3, bytes(beat)), Piece(beat * 5 - 1, b"\x01"), Piece(beat * 7 + 1, bytes(beat - 1))]
    beats, words = Piece(word + beat - 1, b"\x02\x03"), Piece(word * 3 - 2, b"\x04\x05\x06")
    pieces = [inside[0], beats, inside[1], words, inside[2]]
    bench = AccumulatorBench(config, content, pieces=pieces).run(7)
    assert bench.write_refused == ([3] if word > beat else [1, 4])
    assert np.array_equal(bench.final, after_pieces(content, pieces))


@CONFIGS
def test_rows_are_written_with_their_addend(config: ArrayConfig) -> None:
    rng = fresh_random()
    content = random_words(rng, config.acc_words, config.cols)
    rows = random_rows(rng, config, 0, 40, 30)
    bench = AccumulatorBench(config, content, rows=rows).run(max(rows) + 6)
    assert np.array_equal(bench.final, after_rows(content, list(rows.values())))


def test_a_sum_wraps_to_32_bits() -> None:
    content = np.full((TINY.acc_words, 4), [2**31 - 1, -(2**31), 1, -1], np.int32)
    rows = {0: Row([1, -1, 2**31 - 1, 5], 3, first=1, addend=Addend.ACCUMULATE)}
    bench = AccumulatorBench(TINY, content, rows=rows).run(6)
    assert bench.final[3].tolist() == [-(2**31), 2**31 - 1, -(2**31), 4]


def test_the_bias_of_the_first_row_serves_the_tile_even_if_the_word_then_changes() -> None:
    content = np.arange(TINY.acc_words * 4, dtype=np.int32).reshape(-1, 4)
    rows = {cycle: Row([1000] * 4, 9 - cycle, first=int(cycle == 0), addend=Addend.BIAS, bias=200) for cycle in (0, 6, 7)}
    bench = AccumulatorBench(TINY, content, rows=rows, pieces=[Piece(0, b"\0"), Piece(200 * 16, bytes(16))]).run(12)
    assert bench.final[200].tolist() == [0] * 4
    assert [bench.final[9 - cycle].tolist() for cycle in (0, 6, 7)] == [(content[200] + 1000).tolist()] * 3


@CONFIGS
def test_store_reads_one_word_a_cycle_at_the_stated_latency(config: ArrayConfig) -> None:
    rng = fresh_random()
    content = random_words(rng, config.acc_words, config.cols)
    reads = [rng.randrange(config.acc_words) for _ in range(50)]
    bench = AccumulatorBench(config, content, reads=reads).run(60)
    assert bench.read_accepted == list(range(50))
    assert bench.data_valid == [cycle + ACC_READ_LATENCY for cycle in bench.read_accepted]
    assert np.array_equal(bench.read_words, content[reads])


@CONFIGS
def test_the_drain_never_waits_and_the_others_do(config: ArrayConfig) -> None:
    rng = fresh_random()
    content = random_words(rng, config.acc_words, config.cols)
    rows = random_rows(rng, config, 0, 24, 60)
    low = config.acc_words - 40  # bias words lie between, so that nobody reads what another writes
    biased = {cycle: Row(**{**vars(row), "bias": 40 + row.bias % (low - 40)}) for cycle, row in rows.items()}
    pieces = random_pieces(rng, config, low * config.acc_word_bytes, (low + 20) * config.acc_word_bytes, 60)
    reads = [rng.choice((rng.randrange(24, 40), rng.randrange(low + 20, config.acc_words))) for _ in range(100)]
    bench = AccumulatorBench(config, content, rows=biased, pieces=pieces, reads=reads).run(600)
    assert np.array_equal(bench.final, after_rows(after_pieces(content, pieces), list(biased.values())))
    assert np.array_equal(bench.read_words, content[reads])
    check_refusals(bench, biased)
    check_refused_writes(bench, pieces, {cycle + ACC_READ_LATENCY: row.address for cycle, row in rows.items() if row.write})


def check_refusals(bench: AccumulatorBench, rows: dict[int, Row]) -> None:
    """STORE waits exactly while the drain reads the bank that it wants."""
    wanted = bench.wanted_reads()
    assert bench.read_refused == [
        cycle
        for cycle, address in wanted.items()
        if cycle in rows and rows[cycle].reads and (rows[cycle].read_address ^ address).bit_count() % 2 == 0
    ]
    beside = [cycle for cycle in bench.read_accepted if cycle in rows and rows[cycle].reads]
    assert beside, "the test met no read beside the drain's"
    assert bench.data_valid == [cycle + ACC_READ_LATENCY for cycle in bench.read_accepted]
    assert bench.read_refused, "the test met no refusals"


def check_refused_writes(bench: AccumulatorBench, pieces: Sequence[Piece], drained: dict[int, int]) -> None:
    """LOAD waits exactly while the drain writes the bank of its word, and once between two words."""
    cycle, refused, beside = 0, [], 0
    for piece in pieces:
        words = sorted({(piece.address + offset) // bench.config.acc_word_bytes for offset in range(len(piece.data))})
        for word in words:
            while cycle in drained and (drained[cycle] ^ word).bit_count() % 2 == 0:
                refused.append(cycle)
                cycle += 1
            beside += cycle in drained
            refused += [cycle] if word != words[-1] else []
            cycle += 1
    assert bench.write_refused == refused
    assert beside and set(drained) & set(refused), "the test met no writes beside the drain's, or no refusals"


@pytest.mark.parametrize("stride", [1, 2, 4, 8, 16])
def test_store_waits_at_most_two_cycles_beside_rows_a_power_of_two_apart_that_read_their_addend(stride: int) -> None:
    rng = fresh_random()
    count, content = 14, random_words(rng, TINY.acc_words, TINY.cols)
    rows = {i: Row([1] * TINY.cols, i * stride, addend=Addend.ACCUMULATE) for i in range(count)}
    reads = [rng.randrange(count * stride, TINY.acc_words) for _ in range(count)]
    bench = AccumulatorBench(TINY, content, rows=rows, reads=reads).run(60)
    assert np.array_equal(bench.read_words, content[reads])
    waits = [after - before - 1 for before, after in zip([-1, *bench.read_accepted], bench.read_accepted)]
    assert max(waits) <= 2
    assert sum(cycle < count for cycle in bench.read_accepted) >= count // 3, "reads go beside those of the drain, not only after them"


@pytest.mark.parametrize("reads", [[7, 9, 11, 13], [13, 9, 7, 8], [8, 6, 15, 11]], ids=["in-order", "last-first", "in-between"])
def test_held_words_are_read_as_soon_as_they_are_there_and_others_at_once(reads: list[int]) -> None:
    rng = fresh_random()
    content, values = random_words(rng, TINY.acc_words, TINY.cols), random_words(rng, 4, TINY.cols)
    rows: dict[int, Any] = {i: Row(list(map(int, values[i])), 7 + 2 * i, held=1, last=13) for i in range(4)}
    bench = AccumulatorBench(TINY, content, rows=rows, reads=[0, 1, 2, *reads]).run(30)  # the token lets no read come before cycle 3
    after = after_rows(content, list(rows.values()))
    assert np.array_equal(bench.read_words[3:], after[reads])
    written = {7 + 2 * i: i + ACC_READ_LATENCY for i in range(4)}
    cycle = 3
    for accepted, word in zip(bench.read_accepted[3:], reads):
        there = max((at for held, at in written.items() if held <= word), default=-1)  # in order: those in between wait for the one before
        assert accepted == max(cycle, there + 1 if word <= 13 else 0)
        cycle = accepted + 1


def test_what_lies_outside_the_held_words_is_never_refused() -> None:
    content = np.zeros((TINY.acc_words, TINY.cols), np.int32)
    rows: dict[int, Any] = {i: Row([1] * 4, 7 + i, held=1, last=10) for i in range(4)}
    assert AccumulatorBench(TINY, content, rows=rows, reads=[0, 1, 2, 6, 11, 5, 12]).run(12).read_refused == []


def test_a_row_that_does_not_count_leaves_its_word_alone_and_lets_others_pass() -> None:
    content = np.full((TINY.acc_words, 4), 77, np.int32)
    rows: dict[int, Any] = {cycle: Row([5] * 4, cycle, write=0, addend=Addend.ACCUMULATE) for cycle in range(4)}
    bench = AccumulatorBench(TINY, content, rows=rows, pieces=[Piece(16 * i, bytes(16)) for i in range(10, 16)], reads=[1, 2, 3]).run(8)
    assert bench.write_refused == [] and bench.read_refused == []
    assert bench.final[:4].tolist() == [[77] * 4] * 4
