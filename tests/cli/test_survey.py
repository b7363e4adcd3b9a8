"""``hwacc bench survey``."""

from __future__ import annotations

import json

import pytest

from hwacc.commands import heatmap, survey
from hwacc.commands.heatmap import Point
from hwacc.config import TINY, ArrayConfig
from hwacc.limits import limit_cycles
from tests.cli.command import hwacc

CONFIG = ("--rows", 4, "--cols", 4, "--spm-bytes", 16384, "--acc-bytes", 4096, "--channels", 64)


def test_random_products_are_measured_and_listed_worst_first() -> None:
    asked = ("bench", "survey", "--random", 4, "--seed", 5, "--most-cycles", 500, *CONFIG, "--out", "i32", "--json")
    rows = json.loads(hwacc(*asked).stdout)["results"]
    assert {(row["m"], row["k"], row["n"]) for row in rows} == set(survey.random_shapes(4, 5, "i32", TINY, 500))
    for row in rows:
        limit = limit_cycles(row["m"], row["k"], row["n"], 4, TINY)
        assert row["limit_cycles"] == limit <= 500 and row["mismatches"] == 0
        assert row["must"] == (row["cycles"] <= 1.05 * limit + 200) and row["aim"] == (row["cycles"] <= 1.02 * limit + 150)
    beyond = [(row["cycles"] - 200) / row["limit_cycles"] for row in rows]
    assert beyond == sorted(beyond, reverse=True)


def test_an_estimate_needs_no_simulator_and_counts_who_reaches_the_goals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heatmap, "measure", None)
    asked = ("bench", "survey", "--random", 12, "--most-cycles", 3000, *CONFIG, "--estimate")
    rows = json.loads(hwacc(*asked, "--json").stdout)["results"]
    lines = hwacc(*asked, "--worst", 1).stdout.splitlines()
    for line, (name, text) in zip(lines[-2:], {"must": "1.05 × limit + 200", "aim": "1.02 × limit + 150"}.items()):
        assert line.startswith(f"{text} cycles: {sum(row[name] for row in rows)} of 12 ")


def test_shapes_are_the_same_for_the_same_seed_and_cover_the_awkward_ones() -> None:
    config = ArrayConfig()
    shapes = survey.random_shapes(300, 1, "i8", config)
    assert shapes == survey.random_shapes(300, 1, "i8", config) != survey.random_shapes(300, 2, "i8", config)
    for dimension in range(3):
        sizes = {shape[dimension] for shape in shapes}
        assert min(sizes) == 1 and max(sizes) > 1000
        assert {size % 16 for size in sizes} == set(range(16))


def test_the_rule_is_a_share_of_the_limit_and_a_cold_start() -> None:
    must, aim = survey.GOALS
    assert [must.reached(Point(1, 1, 1, cycles, 1000)) for cycles in (1250, 1251)] == [True, False]
    assert [aim.reached(Point(1, 1, 1, cycles, 1000)) for cycles in (1170, 1171)] == [True, False]


def test_an_estimate_for_another_memory_is_refused() -> None:
    outcome = hwacc("bench", "survey", "--estimate", "--memory-latency", 5)
    assert outcome.code == 2 and "--estimate knows one memory latency only; leave out --memory-latency or --estimate" in outcome.stderr


def test_a_bound_that_no_product_has_is_refused() -> None:
    outcome = hwacc("bench", "survey", "--random", 2, "--most-cycles", 1)
    wanted = f"none of {survey.MOST_DRAWS} random products has a bound of at most 1 cycles; allow more of them"
    assert outcome.code == 1 and outcome.stderr == f"hwacc: error: {wanted}\n"
