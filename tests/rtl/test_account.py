"""The cycle account: one cause for each cycle, and which."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from hwacc import isa
from hwacc.isa import Engine
from hwacc.rtl.account import CycleAccount
from tests.rtl.simulate import fresh_random, simulate

LOAD, COMPUTE, STORE = (1 << engine for engine in (Engine.LOAD, Engine.COMPUTE, Engine.STORE))
FLAGS = ("ends", "fed", "executing", "at_end", "beat")
MASKS = ("missing", "full", "working")


@dataclass(frozen=True)
class Moment:
    """What happens in a cycle, as :class:`CycleAccount` is told."""

    ends: int = 0
    fed: int = 0
    executing: int = 0
    at_end: int = 0
    beat: int = 0
    missing: int = 0
    full: int = 0
    working: int = 0

    @property
    def waits_for_load(self) -> bool:
        """As :data:`hwacc.isa.ACCOUNT_RULE` says."""
        if self.missing:
            return bool(self.missing & LOAD)
        return bool(self.full & LOAD) or bool(not self.full and self.at_end and not self.working & COMPUTE and self.working & LOAD)

    @property
    def cause(self) -> str:
        """The first of :data:`hwacc.isa.CAUSES` that applies."""
        left = not self.missing and not self.full and self.at_end
        applies = {
            "array_busy": self.fed,
            "fill_drain": self.executing or (left and self.working & COMPUTE),
            "load_bandwidth": self.waits_for_load and self.beat,
            "load_latency": self.waits_for_load,
            "store_wait": self.missing or self.full,
            "descriptor_wait": not self.at_end,
            "writeback": self.working & STORE,
            "completion": True,
        }
        assert list(applies) == [cause.name for cause in isa.CAUSES]
        return "completion" if self.ends else next(name for name, holds in applies.items() if holds)


NAMED = {
    "array_busy": [Moment(fed=1, executing=1), Moment(fed=1, executing=1, missing=LOAD, beat=1)],
    "fill_drain": [Moment(executing=1), Moment(executing=1, full=LOAD), Moment(at_end=1, working=COMPUTE | STORE)],
    "load_bandwidth": [
        Moment(missing=LOAD, beat=1, working=LOAD),
        Moment(full=LOAD, beat=1),
        Moment(at_end=1, working=LOAD | STORE, beat=1),
    ],
    "load_latency": [Moment(missing=LOAD | STORE), Moment(full=LOAD, working=COMPUTE), Moment(at_end=1, working=LOAD)],
    "store_wait": [Moment(missing=STORE, beat=1), Moment(full=STORE), Moment(missing=STORE, full=LOAD), Moment(missing=COMPUTE)],
    "descriptor_wait": [Moment(), Moment(working=LOAD | COMPUTE | STORE, beat=1)],
    "writeback": [Moment(at_end=1, working=STORE, beat=1)],
    "completion": [Moment(at_end=1), Moment(ends=1, fed=1, executing=1, missing=LOAD, working=STORE)],
}


def accounts(moments: list[tuple[Moment, int, int]]) -> list[dict[str, int]]:
    """The counters after each cycle, of which a moment, ``count`` and ``clear`` are given."""
    account = CycleAccount()
    seen: list[dict[str, int]] = []

    async def run(ctx: Any) -> None:
        for moment, count, clear in moments:
            for name in FLAGS + MASKS:
                ctx.set(getattr(account, name), getattr(moment, name))
            ctx.set(account.count, count)
            ctx.set(account.clear, clear)
            await ctx.tick()
            seen.append({cause.name: ctx.get(account.account[cause.name]) for cause in isa.CAUSES})

    simulate(account, run)
    return seen


@pytest.mark.parametrize("cause", NAMED)
def test_each_cause_is_charged_when_its_sentence_says_so(cause: str) -> None:
    seen = accounts([(moment, 1, 0) for moment in NAMED[cause]])
    assert seen[-1] == {**dict.fromkeys(NAMED, 0), cause: len(NAMED[cause])}


def test_every_counted_cycle_of_random_ones_is_charged_once_and_to_the_first_cause_that_applies() -> None:
    rng = fresh_random()
    moments = []
    for _ in range(3000):
        flags = {name: int(rng.random() < 0.3) for name in FLAGS}
        masks = {name: rng.choice((0, 0, rng.randrange(8))) for name in MASKS}
        moments.append((Moment(**flags, **masks), int(rng.random() < 0.9), int(rng.random() < 0.01)))
    expected: Counter[str] = Counter()
    for (moment, count, clear), found in zip(moments, accounts(moments)):
        expected = Counter() if clear else expected + Counter({moment.cause: count})
        assert found == {cause.name: expected[cause.name] for cause in isa.CAUSES}, moment
    assert {moment.cause for moment, _, _ in moments} == set(NAMED), "the random moments miss a cause"
