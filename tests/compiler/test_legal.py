"""What may be a blocking: all that the search comes to, and nothing of which a wrong stream, or none, is made."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from hwacc.compiler.emit.blocking import Blocking
from hwacc.compiler.emit.gemm import gemm_spec
from hwacc.compiler.emit.layouts import laid_out
from hwacc.compiler.emit.legal import fault
from hwacc.compiler.emit.planner import MOST_PANELS, plan_as
from hwacc.compiler.emit.search import Search
from hwacc.config import TINY
from hwacc.driver.transports.functional import FunctionalModel
from hwacc.isa import Dataflow
from hwacc.verifier import verify
from tests.compiler.blockings import random_blocking
from tests.compiler.contraction import expected, random_operands, run
from tests.compiler.test_planner import CONFIGS, random_spec

SPEC = gemm_spec(20, 30, 12, "int32")
WHOLE = Blocking(((0, 20),), ((0, 12),), ((0, 30),), rows_inner=True)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_search_comes_to_nothing_that_is_refused(config: Any) -> None:
    rng = np.random.default_rng(3)
    for spec in [gemm_spec(70, 90, 50, "int8"), *(random_spec(rng, 100_000) for _ in range(3))]:
        search = Search(spec, config, config.available_dataflows)
        search.go_on(2000)
        planned = laid_out(spec, config, config.available_dataflows)
        assert {fault(blocking, planned, config) for blocking in search.cheapest()} == {None}, spec


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_not_refused_gives_the_reference_s_result(seed: int) -> None:
    draw, rng = Random(seed), np.random.default_rng(seed)
    config = list(CONFIGS.values())[seed % len(CONFIGS)]
    spec = random_spec(rng, 60_000)
    planned = laid_out(spec, config, config.available_dataflows)
    tried = (random_blocking(draw, planned, config) for _ in range(20))
    legal = [blocking for blocking in tried if fault(blocking, planned, config) is None][:2]
    for blocking in legal:
        made = plan_as(spec, config, blocking)
        verify(made.stream(), config)
        operands = random_operands(spec, rng)
        got, _ = run(made, operands, FunctionalModel(config))
        np.testing.assert_array_equal(got, expected(spec, operands), err_msg=f"seed {seed}: {spec} {blocking}")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"rows": ((0, 8), (8, 20))}, None),
        ({"rows": ()}, "its rows do not go from 0 to 20"),
        ({"rows": ((0, 8), (9, 20))}, "its rows do not go from 0 to 20"),
        ({"rows": ((0, 24), (24, 20))}, "its rows do not go from 0 to 20"),
        ({"columns": ((0, 12), (12, 12))}, "its columns do not go from 0 to 12"),
        ({"columns": ((0, 13),)}, "its columns do not go from 0 to 12"),
        ({"steps": ((1, 30),)}, "its steps do not go from 0 to 30"),
        ({"first_steps": (4, 0)}, "its first_steps must be at least 1"),
        ({"stored_together": 0}, "its stored_together must be at least 1"),
        ({"last_columns": (4, 6)}, "its last_columns must be whole tiles of 4 columns"),
        ({"first_columns": (2,)}, "its first_columns must be whole tiles of 4 columns"),
        ({"pieces": (4, 8, 4)}, None),
        ({"pieces": (4, 5)}, "its pieces must be whole tiles of 4 columns"),
        ({"pieces": (0,)}, "its pieces must be at least 1"),
    ],
)
def test_a_blocking_that_is_none_is_refused_in_words(changes: dict[str, Any], why: str | None) -> None:
    assert fault(replace(WHOLE, **changes), SPEC, TINY) == why


def test_a_blocking_for_another_array_is_refused() -> None:
    only = replace(TINY, dataflows="weight-stationary")
    assert fault(WHOLE, SPEC, only) == "the array cannot compute output-stationary"
    assert fault(replace(WHOLE, dataflow=Dataflow.WEIGHT_STATIONARY), SPEC, only) is None
    assert fault(WHOLE, SPEC, replace(TINY, spm_bytes=1024)) == "its panels do not fit into the buffers"


def test_a_blocking_of_very_many_panels_is_refused() -> None:
    size = MOST_PANELS + 1
    ranges = tuple((i, i + 1) for i in range(size))
    assert fault(replace(WHOLE, rows=ranges), gemm_spec(size, 30, 12, "int32"), TINY) == f"it has more than {MOST_PANELS} panels"
