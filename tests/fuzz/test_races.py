"""The verifier against a slow second opinion that lists every byte and every order."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from hwacc.errors import StreamError
from hwacc.verifier import verify
from tests.fuzz.cases import CONFIGS
from tests.fuzz.mutate import mutated
from tests.fuzz.races import verdict
from tests.fuzz.steps import build
from tests.fuzz.streams import random_steps
from tests.fuzz.tokens import accepted, edited

SMALL = CONFIGS["small"]
"""Buffers of few bytes, so that descriptors often meet."""
FILLS = 4
"""Steps at the beginning of a random stream that fill the buffers: of no interest here."""


@pytest.mark.parametrize("first", range(0, 600, 100))
def test_other_tokens_are_accepted_exactly_where_they_leave_no_race(first: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(first, first + 100):
        rng = random.Random(seed)
        stream = build(SMALL, random_steps(SMALL, rng, rng.randint(8, 25))[FILLS:])
        for _ in range(rng.randint(1, 3)):
            stream = edited(rng, stream) or stream
        said = verdict(stream, SMALL)
        try:
            verify(stream, SMALL)
        except StreamError as error:
            assert not said.right, f"seed {seed}: {error}"
            seen["race" if "no token orders them" in str(error) else "tokens"] += 1
        else:
            assert not said.wrong, f"seed {seed} is accepted:\n{stream.text()}"
            seen["accepted"] += 1
    assert min(seen["race"], seen["accepted"]) > 20, f"both verdicts must occur: {seen}"


@pytest.mark.parametrize("first", range(0, 600, 200))
def test_no_wild_field_is_accepted_where_bytes_are_out_of_bounds_or_shared(first: int) -> None:
    seen: Counter[bool] = Counter()
    for seed in range(first, first + 200):
        rng = random.Random(seed)
        stream, change = mutated(SMALL, rng, build(SMALL, random_steps(SMALL, rng, rng.randint(2, 9))[FILLS:]))
        seen[verified := accepted(stream, SMALL)] += 1
        assert not verified or not verdict(stream, SMALL).wrong, f"seed {seed}: {change}"
    assert min(seen.values()) > 20, f"both verdicts must occur: {seen}"
