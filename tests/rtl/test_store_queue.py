"""STORE's queue of words on its own: pieces come in order, side by side, and a word that joins leaves with the one before it."""

from __future__ import annotations

from typing import Any

import pytest

from hwacc.rtl.store_queue import WordQueue

from .simulate import fresh_random, simulate

PIECE_BITS = 8
DEPTH = 4


@pytest.mark.parametrize("pieces", [1, 2, 4])
def test_words_leave_piece_by_piece_each_beside_the_one_behind_it(pieces: int) -> None:
    """Random words, some with one that joins them, written and taken with pauses, never more than fit."""
    rng = fresh_random(pieces)
    dut = WordQueue(word_bits=pieces * PIECE_BITS, piece_bits=PIECE_BITS, depth=DEPTH)
    words: list[tuple[list[int], bool]] = []
    for _ in range(60):
        words.append(([rng.randrange(256) for _ in range(pieces)], False))
        if pieces > 1 and rng.random() < 0.5:
            words.append(([rng.randrange(256) for _ in range(pieces)], True))
    expected = [word[: 1 if joins else pieces] for word, joins in words]
    found: list[list[int]] = []

    async def script(ctx: Any) -> None:
        written = held = piece = 0
        while held or written < len(words):
            writes = written < len(words) and held < DEPTH and rng.random() < 0.6
            if writes:
                word, joins = words[written]
                ctx.set(dut.w_data, int.from_bytes(bytes(word), "little"))
                ctx.set(dut.joins, joins)
            ctx.set(dut.w_en, writes)
            ends = piece == pieces - 1
            both = ends and len(found) < len(words) and words[len(found)][1]
            ctx.set(dut.piece, piece)
            ctx.set(dut.ends, ends)
            ctx.set(dut.both, both)
            there = held > both
            assert bool(ctx.get(dut.ready)) == there
            takes = there and rng.random() < 0.7
            ctx.set(dut.takes, takes)
            gone = int(ctx.get(dut.gone))
            assert gone == takes * (ends + both)
            if takes:
                sides = [int(ctx.get(dut.even)), int(ctx.get(dut.odd))]
                if piece == 0:
                    found.append([])
                found[-1].append(sides[piece % 2])
                if not ends:
                    assert sides[(piece + 1) % 2] == expected[len(found) - 1][piece + 1]
                elif both:
                    found.append([sides[(piece + 1) % 2]])
                piece = 0 if ends else piece + 1
            held += writes - gone
            written += writes
            await ctx.tick()

    simulate(dut, script)
    assert found == expected
