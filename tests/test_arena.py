"""The arena: what shares bytes is never needed together, in whatever order tasks run that keeps what the program means."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from hwacc.arena import ALIGNMENT, Lives, Use, extent, first_clash, needs, places, room

CHAIN: list[Use] = [({0, 1}, {1}), ({1, 2}, {2}), ({2, 3}, {3}), ({3, 4}, {4})]
"""0 to 1, 1 to 2, 2 to 3, 3 to 4."""
FORK: list[Use] = [({0, 1}, {1}), ({1, 2}, {2}), ({0, 3}, {3}), ({3, 4}, {4}), ({2, 4, 5}, {5})]
"""0 to 1 to 2, and beside it 0 to 3 to 4; both to 5."""


def random_uses(rng: random.Random, tasks: int) -> list[Use]:
    """Task n reads some of the buffers 0 to n and writes buffer n + 1, now and then one that was written before."""
    uses: list[Use] = []
    for number in range(tasks):
        reads = set(rng.sample(range(number + 1), rng.randint(1, min(3, number + 1))))
        written = number + 1 if rng.random() < 0.9 else rng.randint(1, number + 1)
        uses.append((reads | {written}, {written}))
    return uses


def random_order(rng: random.Random, waits: list[set[int]]) -> list[int]:
    """Any order in which the tasks can run."""
    order: list[int] = []
    while len(order) < len(waits):
        ready = [number for number, before in enumerate(waits) if number not in order and before <= set(order)]
        order.append(rng.choice(ready))
    return order


def descendants(waits: list[set[int]], task: int) -> set[int]:
    """The tasks that wait for ``task``, straight or through others: found by following, not with bits."""
    found: set[int] = set()
    for number, before in enumerate(waits):
        if before & {task, *found}:
            found.add(number)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_overlapping_places_are_always_ordered_and_hold_their_own_in_any_order(seed: int) -> None:
    rng = random.Random(seed)
    uses = random_uses(rng, rng.randint(1, 14))
    sizes = {buffer: rng.randint(0, 400) for touched, _ in uses for buffer in touched if buffer}
    offsets, waits = places(sizes, Lives(uses)), needs(uses)
    assert set(offsets) == set(sizes) and not any(offset % ALIGNMENT for offset in offsets.values())
    for one, other in combinations(offsets, 2):
        if offsets[one] < offsets[other] + room(sizes[other]) and offsets[other] < offsets[one] + room(sizes[one]):
            first, second = ([number for number, (touched, _) in enumerate(uses) if buffer in touched] for buffer in (one, other))
            assert any(all(set(b) <= descendants(waits, task) for task in a) for a, b in ((first, second), (second, first))), f"seed {seed}"
    memory = ["?"] * extent(sizes, offsets)
    own = {buffer: "?" for buffer in sizes}
    for number in random_order(rng, waits):
        touched, written = uses[number]
        for buffer in set(touched) & set(sizes):
            here = slice(offsets[buffer], offsets[buffer] + sizes[buffer])
            if own[buffer] != "?":
                assert set(memory[here]) <= {own[buffer]}, f"seed {seed}: task {number} finds another's bytes in buffer {buffer}"
        for buffer in written:
            own[buffer] = f"{buffer} of {number}"
            memory[offsets[buffer] : offsets[buffer] + sizes[buffer]] = [own[buffer]] * sizes[buffer]


def test_a_chain_takes_two_places() -> None:
    assert places(dict.fromkeys(range(1, 5), 100), Lives(CHAIN)) == {1: 0, 2: 128, 3: 0, 4: 128}


def test_branches_that_may_run_at_once_share_nothing() -> None:
    sizes = dict.fromkeys(range(1, 6), 64)
    offsets = places(sizes, Lives(FORK))
    assert len({offsets[buffer] for buffer in (1, 2, 3, 4)}) == 4, "in the order in which they are listed, 3 could lie where 1 was"
    assert offsets[5] in (offsets[1], offsets[3]), "both branches are over when 5 is written"


def test_a_buffer_in_the_place_of_one_on_another_branch_is_found() -> None:
    sizes = dict.fromkeys(range(1, 6), 64)
    lives = Lives(FORK)
    assert first_clash(sizes, {1: 0, 2: 64, 3: 0}, lives) == (1, 3)
    assert first_clash(sizes, {1: 0, 2: 64, 3: 128, 5: 0}, lives) is None
    assert first_clash({1: 65, 2: 64}, {1: 0, 2: 64}, lives) == (1, 2), "one byte is enough"


def test_what_nobody_touches_may_lie_anywhere() -> None:
    assert places({7: 64, 8: 64}, Lives([])) == {7: 0, 8: 0}
    assert extent({}, {}) == 0 and room(0) == ALIGNMENT
