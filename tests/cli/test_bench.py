"""``hwacc bench``."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hwacc import config, isa, reference
from hwacc.commands import gemm_bench
from hwacc.limits import limit_cycles
from tests.cli.command import complaint, hwacc

SMALL = config.TINY
TINY = ("--rows", 4, "--cols", 4, "--spm-bytes", 16384, "--acc-bytes", 4096, "--channels", 64)


@pytest.mark.parametrize(("out", "width"), [("i8", 1), ("i32", 4)])
def test_gemm_reports_every_shape_without_mismatches(out: str, width: int) -> None:
    answer = json.loads(hwacc("bench", "gemm", "--shapes", "9x5x7,33x64x6", "--out", out, *TINY, "--json").stdout)
    sizes = [(row["m"], row["k"], row["n"]) for row in answer["results"]]
    assert sizes == [(9, 5, 7), (33, 64, 6)]
    for row in answer["results"]:
        assert row["mismatches"] == 0
        assert row["cycles"] * 16 > row["m"] * row["k"] * row["n"]
        assert row["bytes_read"] >= row["m"] * row["k"] + row["k"] * row["n"]
        assert row["bytes_written"] == row["m"] * row["n"] * width
        assert row["limit_cycles"] == limit_cycles(row["m"], row["k"], row["n"], width, SMALL) <= row["cycles"]
        assert row["of_limit"] == row["limit_cycles"] / row["cycles"]
        assert row["utilisation"] == row["m"] * row["k"] * row["n"] / 16 / row["cycles"]
        assert list(row["stalls"]) == [cause.name for cause in isa.CAUSES]
        assert sum(row["stalls"].values()) == row["cycles"]


def test_gemm_measures_streams_for_any_size_as_well() -> None:
    arguments = ("bench", "gemm", "--shapes", "9x70x13,1x1x1", "--out", "i8", *TINY, "--json")
    written, planned = (json.loads(hwacc(*arguments, *more).stdout)["results"] for more in (["--any-size"], []))
    assert all(row["mismatches"] == 0 for row in written)
    assert written[0]["cycles"] != planned[0]["cycles"]


def test_gemm_shows_the_limit_and_where_the_cycles_went() -> None:
    arguments = ("bench", "gemm", "--shapes", "9x5x7", *TINY)
    row = json.loads(hwacc(*arguments, "--json").stdout)["results"][0]
    shown = hwacc(*arguments).stdout
    for value in (row["cycles"], row["limit_cycles"], row["stalls"]["load_latency"], row["stalls"]["descriptor_wait"]):
        assert f" {value} " in shown
    for name in row["stalls"]:
        assert all(word in shown for word in name.split("_")), name


def test_memory_latency_costs_cycles() -> None:
    near, far = (
        json.loads(hwacc("bench", "gemm", "--shapes", "4x4x4", *TINY, "--memory-latency", n, "--json").stdout)["results"][0]["cycles"]
        for n in (101, 201)
    )
    assert far - near >= 300  # the descriptor, the operands and the result's confirmation, one after the other


def test_a_mismatch_is_counted_and_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(spec: object, a: reference.Int8, b: reference.Int8) -> reference.Int32:
        expected = reference.gemm(a, b)
        expected[2, 3] += 1
        return expected

    monkeypatch.setattr(gemm_bench, "gemm_reference", wrong)
    outcome = hwacc("bench", "gemm", "--shapes", "5x6x7", "--out", "i32", "--seed", 11, *TINY, "--json")
    assert outcome.code == 1 and json.loads(outcome.stdout)["results"][0]["mismatches"] == 1
    assert outcome.stderr.splitlines()[-1] == "hwacc: error: 1 elements differ from the reference; seed 11 repeats it"


@pytest.mark.parametrize("shapes", ["64x64", "4x4xfour", "0x4x4", "", "4x4x4,", "-1", "-4x4x4", "4x4x4x4", "4.0x4x4"])
def test_a_shape_that_is_none_is_a_usage_error(shapes: str) -> None:
    outcome = hwacc("bench", "gemm", "--shapes", shapes)
    (line,) = outcome.stderr.splitlines()
    assert (outcome.code, outcome.stdout) == (2, "") and "is not a shape such as 64x37x1021 (M×K×N)" in line


def test_missing_shapes_are_a_usage_error() -> None:
    outcome = hwacc("bench", "gemm", "--shapes")
    (line,) = outcome.stderr.splitlines()
    assert outcome.code == 2 and "Option '--shapes' requires an argument" in line


@pytest.mark.parametrize(
    ("shapes", "why"),
    [
        ("99999999x1x1", "a 99999999×1×1 product takes at least 390625 panels on this array; at most 65536 are supported: "),
        ("4x4x4,1x131072x1", "a reduction of 131072 products can overflow int32; at most 131071 are supported"),
        ("99999x99999x99999", "a row of the input has 9999800001 bytes; at most 2147483647 are supported"),
        ("9" * 30 + "x1x1", "a row of the input has "),
    ],
)
def test_a_shape_too_large_is_refused_before_anything_runs(shapes: str, why: str) -> None:
    assert complaint("bench", "gemm", "--shapes", shapes, *TINY).startswith(why)


def test_a_bad_configuration_is_one_line() -> None:
    assert complaint("bench", "gemm", "--rows", 5) == "rows must be a power of two from 2 to 64, not 5"


@pytest.mark.parametrize(("options", "array"), [((), "step"), (("--array", "rtl"), "rtl")])
def test_simulator_speed_is_a_number_of_cycles_a_second_beside_what_simulated_the_array(options: tuple[str, ...], array: str) -> None:
    answer = json.loads(hwacc("bench", "simulator", "--seconds", "0.1", *options, *TINY, "--json").stdout)
    assert set(answer) == {"rows", "cols", "array", "cycles_per_second"} and answer["cycles_per_second"] > 1000
    assert answer["array"] == array


def test_simulator_speed_of_wrong_results_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemm_bench, "gemm_reference", lambda spec, a, b: np.zeros((len(a), b.shape[1]), np.int8))
    assert "elements differ from the reference" in complaint("bench", "simulator", "--seconds", "0.1", *TINY)


def test_gemm_says_what_simulated_the_array() -> None:
    shown = hwacc("bench", "gemm", "--shapes", "4x4x4", *TINY).stdout
    assert (
        shown.splitlines()[-1] == "array, feeders, buffers: C++ functions, equal to their RTL cycle by cycle (--array rtl simulates that)"
    )
    answers = [json.loads(hwacc("bench", "gemm", "--shapes", "9x5x7", *TINY, "--array", a, "--json").stdout) for a in ("rtl", "step")]
    assert [answer.pop("array") for answer in answers] == ["rtl", "step"]
    assert answers[0] == answers[1]
