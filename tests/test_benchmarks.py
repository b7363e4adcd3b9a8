"""The measured cycles that are committed are those of this hardware, and what stands beside them is true."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hwacc import isa, performance
from hwacc.commands.bench_record import MODELS, RUNS, SHAPES, Run, networks_entry, results
from hwacc.config import ArrayConfig
from hwacc.limits import limit_cycles

SMALL = [shape for shape in SHAPES if shape[0] * shape[1] * shape[2] <= 128**3]
MEASURED: dict[str, dict[str, Any]] = json.loads(performance.GEMM.read_text())
OUT_BYTES = {"i8": 1, "i32": 4}
BEYOND_THE_RULE = {("8 bytes a cycle", "64×64×64"), ("8 bytes a cycle", "128×128×128")}
"""Of which docs/performance.md says why."""


@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if run.config == ArrayConfig()])
def test_the_committed_cycles_of_small_shapes_are_those_of_this_hardware(name: str) -> None:
    committed = {(row["m"], row["k"], row["n"]): row for row in MEASURED[name]["results"]}
    for result in results(RUNS[name], SMALL, lambda line: None):
        expected = committed[result.m, result.k, result.n]
        found = {key: value for key, value in result.to_dict().items() if key in expected}
        assert found == expected, "run `make bench`"


@pytest.mark.parametrize("name", RUNS)
def test_every_run_is_there_whole_exact_and_with_accounts_that_sum_to_its_cycles(name: str) -> None:
    measured = MEASURED[name]
    config = ArrayConfig.from_dict(measured["config"])
    assert Run(measured["out"], measured["memory_latency"], config) == RUNS[name], "run `make bench`"
    assert tuple((row["m"], row["k"], row["n"]) for row in measured["results"]) == SHAPES, "run `make bench`"
    for row in measured["results"]:
        limit = limit_cycles(row["m"], row["k"], row["n"], OUT_BYTES[measured["out"]], config)
        assert row["mismatches"] == 0
        assert row["limit_cycles"] == limit < row["cycles"]
        assert list(row["stalls"]) == [cause.name for cause in isa.CAUSES]
        assert sum(row["stalls"].values()) == row["cycles"]


def test_every_shape_keeps_the_rule_but_those_that_the_page_explains() -> None:
    limit, more = performance.LEAST_SHARE, performance.LEAST_CYCLES
    near = [name for name, run in RUNS.items() if run.memory_latency == Run().memory_latency]
    rows = {(name, shape): row for name in near for shape, row in performance.run(name).items()}
    assert {key for key, row in rows.items() if row["cycles"] > limit * row["limit_cycles"] + more} == BEYOND_THE_RULE


def test_a_latency_of_100_cycles_costs_at_most_300_more() -> None:
    near = performance.run("int32")
    assert all(row["cycles"] <= near[shape]["cycles"] + 300 for shape, row in performance.run("latency 100").items())


def test_the_committed_cycles_of_a_network_are_those_of_this_hardware() -> None:
    committed = {row["model"]: row for row in json.loads(performance.NETWORKS.read_text())["default"]["results"]}
    (found,) = networks_entry([MODELS / "anomaly_detection.tflite"], lambda line: None)["results"]
    assert json.loads(json.dumps(found)) == committed["anomaly_detection"], "run `make bench`"


def test_networks_take_at_most_half_again_the_sum_of_their_bounds() -> None:
    networks = json.loads(performance.NETWORKS.read_text())["default"]["results"]
    assert {row["model"] for row in networks} == {path.stem for path in MODELS.glob("*.tflite")}, "run `make bench`"
    for row in networks:
        assert row["mismatches"] == 0
        assert row["limit_cycles"] == sum(task["limit_cycles"] for task in row["tasks"])
        assert row["cycles"] <= (1.3 if row["model"] == "image_classification" else 1.5) * row["limit_cycles"]


def test_a_table_takes_its_place_and_only_that() -> None:
    page = "# Title\n\n<!-- table: cycles -->\nold\n<!-- end -->\n\ntext | with | bars\n"
    made = performance.filled(page)
    assert made.startswith("# Title\n\n<!-- table: cycles -->\n\n| M×K×N |") and made.endswith("|\n\n<!-- end -->\n\ntext | with | bars\n")
    assert "old" not in made and performance.filled(made) == made
    for row in MEASURED["int32"]["results"]:
        assert f"**{row['cycles']:,}**".replace(",", " ") in made
