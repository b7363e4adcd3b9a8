"""Rows that share beats: what one block brings of another one's row, it brings before, and nobody reads it meanwhile."""

from __future__ import annotations

from hwacc.compiler.emit.seams import LEAST_ROWS, Seams

BUS = 16
PITCH = 101


def test_rows_that_begin_with_the_end_of_the_row_above_are_those_that_leave_their_end() -> None:
    seams = Seams(PITCH, BUS)
    assert seams.of((0, 20), (0, 48)) == (1, 20)
    assert seams.of((20, 40), (0, 48)) == (20, 40), "it goes on where the block before ended"
    assert seams.of((0, 20), (48, PITCH)) == (0, 20)
    assert seams.of((20, 40), (48, PITCH)) == (20, 39), "there is no row below the last one"


def test_a_row_above_that_is_complete_is_not_written_again() -> None:
    seams = Seams(PITCH, BUS)
    assert seams.of((0, 20), (0, 48)) == (1, 20)
    assert seams.of((0, 20), (48, PITCH)) == (0, 19)
    assert seams.of((20, 40), (0, 48)) == (21, 40)
    assert seams.of((20, 40), (48, PITCH)) == (20, 39)


def test_an_end_is_left_out_only_if_the_row_below_was_begun_with_it() -> None:
    seams = Seams(PITCH, BUS)
    assert seams.of((0, 20), (48, PITCH)) == (0, 0)
    assert seams.of((30, 50), (0, 48)) == (31, 50)
    assert seams.of((0, 20), (48, PITCH)) == (0, 0)
    assert seams.of((30, 60), (48, PITCH)) == (30, 49)


def test_whole_rows_and_parts_between_their_ends_have_no_seams() -> None:
    seams = Seams(PITCH, BUS)
    assert seams.of((0, 20), (0, PITCH)) == (0, 0)
    assert seams.of((0, 20), (16, 48)) == (0, 0)


def test_rows_of_whole_beats_share_none() -> None:
    assert Seams(6 * BUS, BUS).of((0, 20), (0, 48)) == (0, 0)


def test_few_rows_are_not_worth_it() -> None:
    assert Seams(PITCH, BUS).of((0, LEAST_ROWS - 1), (0, 48)) == (0, 0)


def test_an_end_of_less_than_two_beats_is_read_whole() -> None:
    seams = Seams(PITCH, BUS)
    assert seams.of((0, 20), (0, 48)) == (1, 20)
    assert seams.of((0, 20), (PITCH - 2 * BUS + 1, PITCH)) == (0, 19)
    assert seams.of((0, 20), (PITCH - 2 * BUS + 2, PITCH)) == (0, 0)
