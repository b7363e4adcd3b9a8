"""Random streams on the model and the RTL: fixed seeds, so that a failure is there again; ``make fuzz`` tries others.

``python -m tests.fuzz.run --seed N --time 1`` makes a failing seed small and saves it.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from hwacc import isa
from hwacc.config import TINY
from hwacc.stream import Stream, load_stream
from tests.fuzz.machines import Pair, first_difference, outcome
from tests.fuzz.mutate import mutated
from tests.fuzz.run import CONFIGS, STREAMS_A_PAIR, report, try_invalid_seed, try_seed
from tests.fuzz.shrink import shrink
from tests.fuzz.steps import build, contents, well_defined
from tests.fuzz.streams import random_steps

VALID_PAIRS = 60
INVALID_PAIRS = 30
ONE_DATAFLOW_PAIRS = 5


@pytest.mark.parametrize("pair_seed", range(0, VALID_PAIRS * STREAMS_A_PAIR, STREAMS_A_PAIR))
def test_random_streams_leave_the_same_memory_on_model_and_rtl(pair_seed: int) -> None:
    with Pair(TINY, pair_seed) as pair:
        for seed in range(pair_seed, pair_seed + STREAMS_A_PAIR):
            assert try_seed(TINY, seed, pair) is None, f"seed {seed} with devices of seed {pair_seed}"


@pytest.mark.parametrize("pair_seed", range(0, ONE_DATAFLOW_PAIRS * STREAMS_A_PAIR, STREAMS_A_PAIR))
@pytest.mark.parametrize("dataflow", isa.Dataflow)
def test_an_array_with_one_dataflow_agrees_with_its_model(dataflow: isa.Dataflow, pair_seed: int) -> None:
    config = CONFIGS[dataflow.words]
    with Pair(config, pair_seed) as pair:
        for seed in range(pair_seed, pair_seed + STREAMS_A_PAIR):
            assert try_invalid_seed(config, seed, pair) is None, f"seed {seed} with devices of seed {pair_seed}"


@pytest.mark.parametrize("pair_seed", range(0, INVALID_PAIRS * STREAMS_A_PAIR, STREAMS_A_PAIR))
def test_after_an_invalid_stream_the_next_valid_one_is_exact(pair_seed: int) -> None:
    with Pair(TINY, pair_seed) as pair:
        for seed in range(pair_seed, pair_seed + STREAMS_A_PAIR):
            assert try_invalid_seed(TINY, seed, pair) is None, f"seed {seed} with devices of seed {pair_seed}"


@pytest.mark.parametrize("seed", range(5))
def test_a_store_that_does_not_wait_is_noticed(seed: int) -> None:
    """The comparison can fail: one token less, and the RTL stores what is not there yet."""
    stream = build(TINY, random_steps(TINY, random.Random(seed), 40))
    hasty = next(i for i, descriptor in enumerate(stream.descriptors) if descriptor.op is isa.STORE and descriptor["wait_compute"])
    descriptors = list(stream.descriptors)
    descriptors[hasty] = descriptors[hasty].replace(wait_compute=0)
    memory = contents(TINY, np.random.default_rng(seed))
    with Pair(TINY, seed) as pair:
        wrong = type(stream)(stream.config_hash, stream.slots, tuple(descriptors), stream.relocations)
        assert (
            first_difference(outcome(pair.model, stream, memory).memory, outcome(pair.sim, wrong, memory, verify=False).memory) is not None
        )


def test_shrinking_keeps_what_fails_and_little_else() -> None:
    steps = random_steps(TINY, random.Random(7), 50)
    culprit = next(step for step in reversed(steps) if step.descriptor.op is isa.COMPUTE)
    small = shrink(TINY, steps, lambda candidate: culprit in candidate)
    assert culprit in small and len(small) <= 2 and well_defined(TINY, small)


def test_a_failing_stream_is_saved_small_and_with_its_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def two_stores(pair: Pair, stream: Stream, memory: object) -> str | None:
        return "wrong" if sum(descriptor.op is isa.STORE for descriptor in stream.descriptors) >= 2 else None

    monkeypatch.setattr(Pair, "difference", two_stores)
    text = report(TINY, 11, 11, tmp_path)
    stream = load_stream(tmp_path / "fuzz-4x4-11.hwst")
    assert [descriptor.op for descriptor in stream.descriptors] == [isa.STORE, isa.STORE]
    assert stream.text() in text
    saved = np.load(tmp_path / "fuzz-4x4-11.npz")
    memory = contents(TINY, np.random.default_rng(11))
    assert all(np.array_equal(saved[slot.name], content) for slot, content in zip(stream.slots, memory))


def test_a_mutation_changes_exactly_one_descriptor() -> None:
    stream = build(TINY, random_steps(TINY, random.Random(3), 20))
    for seed in range(100):
        changed, words = mutated(TINY, random.Random(seed), stream)
        assert sum(a.values != b.values for a, b in zip(stream.descriptors, changed.descriptors)) == 1, words
