"""Short streams, all of them, on a model of the queues."""

from __future__ import annotations

import pytest

from hwacc.isa import Engine
from tests.formal.streams import Machine, Tokens, census

CROSSED = [
    Tokens(Engine.LOAD, (Engine.COMPUTE,), (Engine.COMPUTE,)),
    Tokens(Engine.COMPUTE, (Engine.LOAD,), (Engine.LOAD,)),
]
BEHIND_A_FULL_QUEUE = [
    Tokens(Engine.COMPUTE, (Engine.LOAD,), ()),
    Tokens(Engine.COMPUTE, (), ()),
    Tokens(Engine.LOAD, (), (Engine.COMPUTE,)),
]


@pytest.mark.parametrize("depth", [1, 2])
def test_no_stream_of_up_to_three_descriptors_that_the_verifier_accepts_deadlocks(depth: int) -> None:
    found = [census(length, depth) for length in (1, 2, 3)]
    assert [each.wrong for each in found] == [[], [], []]
    assert all(each.accepted and each.refused_deadlocks for each in found)


def test_engines_that_wait_for_each_other_deadlock_on_the_model() -> None:
    assert Machine(CROSSED, depth=8).deadlock() is not None


def test_a_token_from_behind_a_full_queue_deadlocks_only_where_the_queue_is_short() -> None:
    assert Machine(BEHIND_A_FULL_QUEUE, depth=1).deadlock() is not None
    assert Machine(BEHIND_A_FULL_QUEUE, depth=2).deadlock() is None
