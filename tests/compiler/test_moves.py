"""Changes to a blocking: each is another one that covers the same product, whole tiles but the last."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hwacc.compiler.emit.blocking import Blocking, cuts
from hwacc.compiler.emit.search import MOVES, SEEDS, Move
from hwacc.config import ArrayConfig
from hwacc.isa import Dataflow

CONFIG = ArrayConfig()
M, N, K = 100, 70, 300
EVERY = tuple(dict.fromkeys(MOVES + SEEDS))


def blocking(rows: int, columns: int, steps: int) -> Blocking:
    return Blocking(cuts(M, rows), cuts(N, columns), cuts(K, steps), True, Dataflow.OUTPUT_STATIONARY, first_steps=(64,))


@pytest.mark.parametrize("move", EVERY, ids=lambda move: move.__name__)
@pytest.mark.parametrize("sizes", [(M, N, K), (48, 32, 128), (16, 16, 16)])
def test_every_change_covers_the_product_with_whole_tiles_between_its_ends(move: Move, sizes: tuple[int, int, int]) -> None:
    for changed in move(blocking(*sizes), CONFIG):
        for ranges, total in ((changed.rows, M), (changed.columns, N), (changed.steps, K)):
            assert ranges[0][0] == 0 and ranges[-1][1] == total
            assert all(end == first for (_, end), (first, _) in pairwise(ranges))
            inside = {end % 16 for first, end in ranges[:-1] if first or end not in (4, 8)}
            assert inside in (set(), {0}, {total % 16}), "what is left of a tile comes last, or first"
        pieces = changed.first_rows, changed.first_columns, changed.last_rows, changed.last_columns
        assert all(size > 0 and size % 16 == 0 for sizes in (changed.first_steps, changed.last_steps, *pieces) for size in sizes)
        panels = list(changed.panels())
        assert sorted(panels) == [(row, column) for row in range(len(changed.rows)) for column in range(len(changed.columns))]


@pytest.mark.parametrize("move", EVERY, ids=lambda move: move.__name__)
def test_every_kind_of_change_is_offered_somewhere(move: Move) -> None:
    starts = [blocking(*sizes) for sizes in ((M, N, K), (48, 32, 128), (16, N, K))]
    assert any(changed != start for start in starts for changed in move(start, CONFIG))


def test_squares_grow_from_the_first_panel() -> None:
    start = Blocking(cuts(48, 16), cuts(32, 16), cuts(K, K), True, corner=True)
    assert list(start.panels()) == [(0, 0), (0, 1), (1, 1), (1, 0), (2, 0), (2, 1)]
