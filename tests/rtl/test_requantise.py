"""The requantiser equals the reference bit for bit."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from hwacc import reference
from hwacc.config import TINY, ArrayConfig
from hwacc.rtl.requantise import LATENCY, Requantiser

LOW, HIGH = -(2**31), 2**31 - 1
VALUES = (LOW, LOW + 1, -(2**30), -3, -2, -1, 0, 1, 2, 3, 2**30, HIGH - 1, HIGH)
MULTIPLIERS = (LOW, -(2**30), -65536, -65535, -1, 0, 1, 32768, 65535, 65536, 2**30, HIGH)
SHIFTS = (2, 3, 16, 30, 31, 32, 33, 47, 61, 62)
ROUNDINGS = ((0, -128, 127), (-128, -128, 127), (127, -5, 100), (3, 20, -20))
"""zero_point, clamp_min, clamp_max; the last one crosses over, and the reference says that the maximum wins."""


def requantise(config: ArrayConfig, columns: dict[str, Any], gaps: np.random.Generator | None = None) -> Any:
    """Sends words [T, cols] with parameters [T] or [T, cols]; int8 [T, cols]. With ``gaps``, idle cycles between them."""
    dut = Requantiser(config)
    results: list[list[int]] = []

    async def testbench(ctx: Any) -> None:
        sent, cycle, due = 0, 0, []
        count = len(columns["values"])
        while sent < count or len(results) < count:
            sends = sent < count and (gaps is None or gaps.random() < 0.6)
            ctx.set(dut.valid, sends)
            if sends:
                _drive(ctx, dut, {name: column[sent] for name, column in columns.items()})
                due.append(cycle + LATENCY)
                sent += 1
            if ctx.get(dut.result_valid):
                assert due.pop(0) == cycle, "a result is there after LATENCY cycles"
                results.append([ctx.get(dut.results[lane]) for lane in range(config.cols)])
            await ctx.tick()
            cycle += 1

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return np.array(results, np.int8)


def _drive(ctx: Any, dut: Requantiser, word: dict[str, Any]) -> None:
    ctx.set(dut.values, [int(v) for v in word["values"]])
    ctx.set(dut.scales, [{"multiplier": int(m), "shift": int(s)} for m, s in zip(word["multiplier"], word["shift"])])
    ctx.set(dut.rounding, {name: int(word[name]) for name in ("double_round", "zero_point", "clamp_min", "clamp_max")})


def expected(columns: dict[str, Any]) -> Any:
    rows = []
    for t in range(len(columns["values"])):
        word = {name: column[t] for name, column in columns.items()}
        shared = {name: int(word[name]) for name in ("zero_point", "clamp_min", "clamp_max")}
        double_round = bool(word["double_round"])
        rows.append(reference.requantise(word["values"], word["multiplier"], word["shift"], double_round=double_round, **shared))
    return np.array(rows)


def words(config: ArrayConfig, cases: Any) -> dict[str, Any]:
    """Cases (value, multiplier, shift) as words of ``cols`` lanes."""
    flat = np.array(list(cases), np.int64)
    flat = np.concatenate([flat, flat[: -len(flat) % config.cols]]).reshape(-1, config.cols, 3)
    return {"values": flat[..., 0].astype(np.int32), "multiplier": flat[..., 1], "shift": flat[..., 2]}


def with_rounding(columns: dict[str, Any], double_round: Any, roundings: Any) -> dict[str, Any]:
    count = len(columns["values"])
    limits = np.array([roundings[t % len(roundings)] for t in range(count)])
    names = ("zero_point", "clamp_min", "clamp_max")
    return {**columns, "double_round": np.resize(double_round, count), **{name: limits[:, i] for i, name in enumerate(names)}}


@pytest.mark.parametrize("double_round", [0, 1])
def test_requantiser_equals_the_reference_at_the_edges(double_round: int) -> None:
    config = ArrayConfig(rows=2, cols=8)
    columns = with_rounding(words(config, itertools.product(VALUES, MULTIPLIERS, SHIFTS)), double_round, ROUNDINGS[:1])
    np.testing.assert_array_equal(requantise(config, columns), expected(columns))


def test_requantiser_equals_the_reference_at_ties_of_either_rounding() -> None:
    cases = []
    for shift in (2, 8, 31, 32, 33, 40, 62):
        for sign, slip in itertools.product((-1, 1), (-1, 0, 1)):
            for whole in (0, 1, 5, 100):  # whole + 1/2, reached through a multiplier that is a power of two
                multiplier = 1 << max(0, shift - 24)
                half = sign * (((2 * whole + 1) << (shift - 1)) // multiplier) + slip
                if LOW <= half <= HIGH and multiplier <= HIGH:
                    cases.append((half, multiplier, shift))
            cases.append((sign * 3 + slip, 1 << 30, 32))
    cases += [(131070, 65537, 2), (-131070, 65537, 2)]  # ±(2^33 - 2): rounds up to 2^31, which wraps
    columns = with_rounding(words(TINY, cases), [0, 1, 1, 0], ROUNDINGS)
    np.testing.assert_array_equal(requantise(TINY, columns), expected(columns))


@pytest.mark.parametrize("seed", [20240917])
def test_requantiser_takes_new_parameters_in_every_cycle_and_survives_gaps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = 400
    values = rng.integers(LOW, HIGH + 1, (count, TINY.cols)) >> rng.integers(0, 31, (count, TINY.cols))
    multiplier = rng.integers(LOW, HIGH + 1, values.shape)
    shift = rng.integers(2, 63, values.shape)
    flat = zip(values.ravel(), multiplier.ravel(), shift.ravel())
    columns = with_rounding(words(TINY, flat), rng.integers(0, 2, count), ROUNDINGS)
    results = requantise(TINY, columns, gaps=rng)
    np.testing.assert_array_equal(results, expected(columns))
    assert len(np.unique(results)) > 50, "the data must not all saturate"
