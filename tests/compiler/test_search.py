"""The search: what it costs, that more of it does not harm, and how the products of a program share it."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from hwacc.compiler.emit import cost, planner
from hwacc.compiler.emit.choices import plan_all
from hwacc.compiler.emit.gemm import gemm_spec
from hwacc.compiler.emit.planner import Plan, plan
from hwacc.compiler.emit.search import Search
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import TINY, ArrayConfig
from hwacc.driver.transports.functional import FunctionalModel
from hwacc.errors import ModelError
from tests.compiler.contraction import expected, random_operands, run

CONFIG = ArrayConfig()
MOST_OPERATIONS = 6000
"""Of any one schedule of the products below: a search may go beyond its effort by one schedule."""


def random_specs(count: int, seed: int, most: int = 200) -> list[ContractionSpec]:
    draw = random.Random(seed).randint
    return [gemm_spec(draw(1, most), draw(1, most), draw(1, most), "int8") for _ in range(count)]


@pytest.mark.parametrize("effort", [0, 300, 5000])
def test_a_search_ends_when_it_has_cost_its_effort(effort: int) -> None:
    for spec in random_specs(5, seed=effort):
        search = Search(spec, CONFIG, CONFIG.available_dataflows)
        search.go_on(effort)
        assert search.effort < effort + MOST_OPERATIONS


def test_to_go_on_never_makes_it_worse() -> None:
    for spec in random_specs(8, seed=2):
        search = Search(spec, CONFIG, CONFIG.available_dataflows)
        prices = []
        for effort in (0, 200, 1000, 4000):
            search.go_on(effort)
            found = search.schedule(spec)
            prices.append(found.cycles + cost.DESCRIPTOR_PRICE * found.descriptors)
        assert prices == sorted(prices, reverse=True)
        assert search.schedule(spec).cycles == search.cycles


def test_plans_made_together_are_right() -> None:
    rng = np.random.default_rng(4)
    specs = [
        *random_specs(6, seed=3),
        ContractionSpec(height=6, width=5, channels=3, kernel_h=3, kernel_w=2, out_channels=9, has_bias=True),
    ]
    for spec, made in zip(specs, plan_all(specs, TINY, effort=3000)):
        assert isinstance(made, Plan) and made.spec is spec
        operands = random_operands(spec, rng)
        got, _ = run(made, operands, FunctionalModel(TINY))
        np.testing.assert_array_equal(got, expected(spec, operands), err_msg=str(spec))


def test_products_that_differ_in_their_epilogues_values_share_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[ContractionSpec] = []

    class Counted(Search):
        def __init__(self, spec: ContractionSpec, *others: object) -> None:
            begun.append(spec)
            super().__init__(spec, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(planner, "Search", Counted)
    spec = gemm_spec(30, 40, 50, "int8")
    other = replace(spec, multiplier=2**30 + 7, shift=35, zero_point=5, clamp_min=-3, clamp_max=99)
    one, two, wide = plan_all([spec, other, gemm_spec(30, 40, 50, "int32")], CONFIG)
    assert begun == [spec, gemm_spec(30, 40, 50, "int32")]
    assert isinstance(one, Plan) and isinstance(two, Plan) and isinstance(wide, Plan)
    stores = [d for d, _ in two.operations if d.op.name == "STORE"]
    assert one.cycles == two.cycles and {d["multiplier"] for d in stores} == {2**30 + 7} and {d["clamp_max"] for d in stores} == {99}


def test_a_product_that_cannot_be_planned_takes_none_of_the_others_with_it() -> None:
    fine, refused, last = plan_all([gemm_spec(9, 9, 9, "int8"), ContractionSpec.gemm(1, 1, 131_072), gemm_spec(5, 5, 5, "int8")], CONFIG)
    assert isinstance(fine, Plan) and isinstance(last, Plan)
    assert isinstance(refused, ModelError) and "can overflow int32" in str(refused)


def test_nothing_is_planned_for_a_program_without_products() -> None:
    assert plan_all([], CONFIG) == []


def test_a_small_effort_comes_close() -> None:
    """Five thousand operations, a fourteenth of a second, find what sixteen times as many do within two percent."""
    specs = random_specs(8, seed=5, most=400)
    close, far = ([plan(spec, CONFIG, effort=effort).cycles for spec in specs] for effort in (5000, 80_000))
    assert np.mean(np.divide(close, far)) < 1.02
