"""Random streams on the reference, the model and the RTL: fixed seeds, so that a failure is there again; ``make fuzz`` tries others.

``python -m tests.fuzz.run --config tiny --seed N --cases 1`` makes a failing seed small and saves it.
"""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwacc import isa
from hwacc.config import TINY
from hwacc.driver.device import Device
from hwacc.errors import StreamError
from hwacc.stream import Stream
from hwacc.verifier import verify
from tests.fuzz.case import Case
from tests.fuzz.cases import CONFIGS, made, random_case, random_invalid_case
from tests.fuzz.machines import problem
from tests.fuzz.mutate import mutated
from tests.fuzz.reference import Reference
from tests.fuzz.run import check, draw, main, report
from tests.fuzz.shrink import shrink
from tests.fuzz.steps import build, well_defined
from tests.fuzz.streams import random_steps
from tests.fuzz.tokens import accepted, edited

VALID_SEEDS = 320
INVALID_SEEDS = 200
SEEDS_A_TEST = 8
OTHER_CONFIGS = ("wide", "broad", "tall", "small", "output-stationary", "weight-stationary")
"""Beside the 4×4 array and the default one: not square, words wider than a beat or beats that hold any descriptor, one dataflow."""


def first_problem(seeds: range, kind: str) -> str | None:
    """What went wrong first, with its seed."""
    for seed in seeds:
        case = random_case(TINY, seed) if kind == "valid" else random_invalid_case(TINY, seed)[0]
        problem = check(case)
        if problem is not None:
            return f"seed {seed}: {problem}"
    return None


@pytest.mark.parametrize("first", range(0, VALID_SEEDS, SEEDS_A_TEST))
def test_random_streams_leave_the_same_memory_on_reference_model_and_rtl(first: int) -> None:
    problem = first_problem(range(first, first + SEEDS_A_TEST), "valid")
    assert problem is None, problem


@pytest.mark.parametrize("first", range(0, INVALID_SEEDS, SEEDS_A_TEST))
def test_an_invalid_stream_ends_alike_on_model_and_rtl_and_the_next_valid_one_is_exact(first: int) -> None:
    problem = first_problem(range(first, first + SEEDS_A_TEST), "invalid")
    assert problem is None, problem


@pytest.mark.parametrize("first", range(0, 40, SEEDS_A_TEST))
@pytest.mark.parametrize("name", OTHER_CONFIGS)
def test_other_arrays_agree_as_well(name: str, first: int) -> None:
    for seed in range(first, first + SEEDS_A_TEST):
        case, kind = draw(name, seed)
        problem = check(case)
        assert problem is None, f"seed {seed} on {name}, {kind}: {problem}"


@pytest.mark.parametrize("seed", range(6))
def test_the_default_array_agrees_as_well(seed: int) -> None:
    case, kind = draw("default", seed)
    problem = check(case)
    assert problem is None, f"seed {seed} on default, {kind}: {problem}"


def hasty(stream: Stream, seed: int) -> Stream | None:
    """``stream`` without one of its tokens from COMPUTE to STORE, such that the verifier sees a race; None if the search finds none."""
    rng = random.Random(seed)
    for _ in range(500):
        candidate = edited(rng, stream)
        if candidate is not None and _waits(candidate) < _waits(stream) and accepted_but_for_a_race(candidate):
            return candidate
    return None


def accepted_but_for_a_race(stream: Stream) -> bool:
    try:
        verify(stream, TINY)
    except StreamError as error:
        return "no token orders them" in str(error) and "STORE" in str(error)
    return False


def _waits(stream: Stream) -> int:
    return sum(descriptor.op is isa.STORE and descriptor["wait_compute"] for descriptor in stream.descriptors)


def test_a_store_that_does_not_wait_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison can fail: one token less, and some of these STOREs write what is not there yet."""
    found: dict[str, list[str | None]] = {"model": [], "sim": []}
    for seed in range(20):
        rng = random.Random(seed)
        case = made(TINY, rng, seed, [random_steps(TINY, rng, 40)])
        stream = hasty(case.streams[0], seed)
        if stream is None:
            continue
        wrong = case.with_streams([stream])
        with monkeypatch.context() as patch:
            patch.setattr(Device, "_verify", lambda device, stream, addresses: None)
            for name, problems in found.items():
                problems.append(problem(wrong, name))
    for problems in found.values():
        assert sum(words is not None for words in problems) >= 2, found


def test_a_wrong_model_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Reference._requantised
    monkeypatch.setattr(Reference, "_requantised", lambda self, d, values: right(self, d, values) ^ np.int8(d["double_round"]))
    found = [check(random_case(TINY, seed)) for seed in range(4)]
    assert any(problem is not None and "reference" in problem for problem in found), found


def test_shrinking_keeps_what_fails_and_little_else() -> None:
    def fails(candidate: Case) -> bool:
        return any(d.op is isa.COMPUTE and d["k"] > 8 for stream in candidate.streams for d in stream.descriptors)

    case = next(case for case in (random_case(TINY, seed) for seed in range(7, 20)) if fails(case))
    small = shrink(case, fails)
    (stream,) = small.streams
    (left,) = stream.descriptors
    assert 8 < left["k"] <= 17 and left["m"] == left["n"] == 1 and left["acc"] == left["acc_stride"] == 0
    assert small.surroundings.latency == 1 and accepted(stream, TINY) and well_defined(TINY, stream.descriptors)


def test_a_failing_case_is_saved_small_and_can_be_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def two_stores(case: Case, only: str | None = None) -> str | None:
        stores = sum(d.op is isa.STORE for stream in case.streams for d in stream.descriptors)
        return "two of them" if stores >= 2 else None

    monkeypatch.setattr("tests.fuzz.run.problem", two_stores)
    path = tmp_path / "case.npz"
    case = random_case(TINY, 11)
    assert check(case) is not None
    text = report(case, path)
    saved = Case.load(path)
    assert [d.op for stream in saved.streams for d in stream.descriptors] == [isa.STORE, isa.STORE]
    assert all(np.array_equal(a, b) for a, b in zip(saved.contents, case.contents)) and len(saved.contents) == len(case.contents)
    assert saved.text() in text and f"--replay {path}" in text
    monkeypatch.setattr(sys, "argv", ["run", "--replay", str(path)])
    assert main() == 1
    monkeypatch.undo()
    replayed = subprocess.run([sys.executable, "-m", "tests.fuzz.run", "--replay", str(path)], capture_output=True, text=True, check=False)
    assert replayed.returncode == 0 and replayed.stdout.splitlines()[-1] == "it passes", replayed


def test_a_saved_case_is_the_same_when_it_is_loaded(tmp_path: Path) -> None:
    case, _ = random_invalid_case(CONFIGS["wide"], 3)
    case.save(tmp_path / "case.npz")
    loaded = Case.load(tmp_path / "case.npz")
    assert replace(loaded, contents=()) == replace(case, contents=())
    assert all(np.array_equal(a, b) for a, b in zip(loaded.contents, case.contents))


def test_a_mutation_changes_exactly_one_descriptor() -> None:
    stream = build(TINY, random_steps(TINY, random.Random(3), 20))
    for seed in range(100):
        changed, words = mutated(TINY, random.Random(seed), stream)
        assert sum(a.values != b.values for a, b in zip(stream.descriptors, changed.descriptors)) == 1, words
