"""How far numbers are from those that are right."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from hwacc.coordinator.quantisation_errors import LOST, Comparison, QuantisationErrors

RIGHT = np.array([[3.0, -4.0], [0.0, 5.0]], np.float32)


def test_the_ratio_counts_all_samples_and_the_cosine_is_the_worst() -> None:
    comparison = Comparison("layer")
    comparison.add(RIGHT, RIGHT)
    comparison.add(RIGHT, RIGHT + np.array([[0, 0], [1, 0]], np.float32))
    found = comparison.result()
    assert (found.name, found.shape) == ("layer", (2, 2))
    assert found.sqnr_db == pytest.approx(20.0) and found.max_abs == 1.0 and found.relative == pytest.approx(0.2)
    assert found.cosine == pytest.approx(50 / math.sqrt(50 * 51))


def test_equal_numbers_have_no_ratio() -> None:
    comparison = Comparison("layer")
    comparison.add(RIGHT, RIGHT)
    found = comparison.result()
    assert (found.sqnr_db, found.max_abs, found.relative) == (None, 0.0, 0.0) and found.cosine == pytest.approx(1)


def test_zeros_that_are_wrong_are_lost() -> None:
    comparison = Comparison("layer")
    comparison.add(np.zeros(3), np.array([0, 0.5, 0]))
    found = comparison.result()
    assert (found.sqnr_db, found.max_abs, found.relative, found.cosine) == (LOST, 0.5, 0.5, 0.0)


def test_what_is_not_finite_in_float_does_not_count() -> None:
    comparison = Comparison("layer")
    comparison.add(np.array([np.nan, np.inf, 2.0]), np.array([np.nan, 7.0, 2.0]))
    assert comparison.result().sqnr_db is None


def test_what_is_not_finite_in_int8_alone_is_lost() -> None:
    comparison = Comparison("layer")
    comparison.add(np.array([1.0, 2.0]), np.array([np.nan, 2.0]))
    found = comparison.result()
    assert found.sqnr_db == LOST and found.cosine == 0.0
    json.dumps(QuantisationErrors(1, (found,), ()).to_dict(), allow_nan=False)
