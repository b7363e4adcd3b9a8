"""``hwacc bench cost-model``: the planner's cycles against the RTL's."""

from __future__ import annotations

import json

import pytest

from hwacc import performance
from hwacc.commands import cost_model
from hwacc.commands.bench_record import COMPARED, COMPARED_SEED, MOST_CYCLES
from hwacc.commands.cost_model import Comparison, compare, random_specs, summary, words
from hwacc.config import TINY, ArrayConfig
from tests.cli.command import hwacc

CONFIG = ("--rows", 4, "--cols", 4, "--spm-bytes", 16384, "--acc-bytes", 4096, "--channels", 64)
ASKED = ("bench", "cost-model", "--random", 4, "--seed", 2, "--most-cycles", 1000, *CONFIG)
MEDIAN, P95 = 0.03, 0.10
"""The errors that the planner's estimate may have."""


def test_the_summary_is_of_the_errors_that_are_listed() -> None:
    answer = json.loads(hwacc(*ASKED, "--json").stdout)
    rows = answer["results"]
    errors = sorted(abs(row["estimate"] - row["cycles"]) / row["cycles"] for row in rows)
    assert [abs(row["error"]) for row in rows] == errors[::-1]
    assert (answer["shapes"], answer["median_error"], answer["p95_error"]) == (4, errors[1], errors[3])
    assert {row["kind"] for row in rows} == {"product", "convolution"} and {row["out"] for row in rows} == {"int8", "int32"}
    assert all(row["mismatches"] == 0 and row["cycles"] > 0 for row in rows)


def test_the_table_has_the_worst_and_the_last_line_the_seed() -> None:
    lines = hwacc(*ASKED, "--worst", 2).stdout.splitlines()
    assert lines[-1].startswith("4 contractions, seed 2: median error ")
    assert len([line for line in lines if line.rstrip().endswith("%") and "×" in line]) == 2


def test_a_wrong_result_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object) -> list[Comparison]:
        return [Comparison("product", "1×1×1", "int8", 1, 100, 101, 3)]

    monkeypatch.setattr(cost_model, "compare", wrong)
    outcome = hwacc(*ASKED)
    assert outcome.code == 1 and "hwacc: error: 3 elements differ from the reference; seed 2 repeats it" in outcome.stderr


def test_contractions_are_the_same_for_the_same_seed_and_of_every_kind() -> None:
    config = ArrayConfig()
    specs = random_specs(80, 3, config)
    assert specs == random_specs(80, 3, config) != random_specs(80, 4, config)
    assert {spec.output for spec in specs} == {"int8", "int32"}
    assert {spec.input_layout for spec in specs} == {"mk", "km"} and {spec.weights_layout for spec in specs} == {"kn", "nk"}
    convolutions = [spec for spec in specs if not spec.is_matrix]
    assert {spec.stride for spec in convolutions} == {(1, 1), (2, 2)} and {spec.dilation for spec in convolutions} == {(1, 1), (2, 2)}
    assert {any(spec.padding) for spec in convolutions} == {True, False}


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(20, 0, -1)]
    assert [performance.quantile(values, share) for share in (0.0, 0.5, 0.95, 1.0)] == [1, 10, 19, 20]
    assert performance.quantile([7.0], 0.95) == 7
    assert summary([Comparison("product", "", "int8", 1, 90, 100, 0)])["median_error"] == 0.1


def test_the_committed_errors_are_small_enough_and_those_of_random_contractions() -> None:
    measured = json.loads(performance.COST_MODEL.read_text())["default"]
    rows = measured["results"]
    assert measured["seed"] == COMPARED_SEED and all(row["mismatches"] == 0 for row in rows)
    specs = random_specs(COMPARED, COMPARED_SEED, ArrayConfig(), MOST_CYCLES)
    assert [(row["shape"], row["out"]) for row in rows] == [(words(spec), spec.output) for spec in specs], "run `make bench`"
    errors = [abs(row["estimate"] - row["cycles"]) / row["cycles"] for row in rows]
    assert performance.quantile(errors, 0.5) <= MEDIAN and performance.quantile(errors, 0.95) <= P95


def test_the_estimate_of_random_contractions_is_that_close_now() -> None:
    specs = random_specs(10, 11, TINY, 2000)
    found = summary(list(compare(specs, TINY, 11, lambda line: None, lambda line: None)))
    assert found["median_error"] <= MEDIAN and found["p95_error"] <= P95
