"""Tuned plans: what is written is read again, and nothing else becomes a plan."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hwacc.commands.cost_model import random_specs
from hwacc.compiler.emit import planner
from hwacc.compiler.emit.choices import plan_all
from hwacc.compiler.emit.gemm import gemm_spec
from hwacc.compiler.emit.plain import blocking_of, plain_blocking, plain_spec, spec_of
from hwacc.compiler.emit.planner import Plan
from hwacc.compiler.emit.search import Search
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.compiler.emit.tuned import Measured, TunedPlan, identity, usable
from hwacc.compiler.emit.tuned_file import Arrays, load_tuned, notes, tuned_text
from hwacc.config import TINY, ArrayConfig
from hwacc.errors import TunedError

SPECS = random_specs(6, 5, TINY, 2000)


def tuned(spec: ContractionSpec, config: ArrayConfig = TINY, rank: int = 0) -> TunedPlan:
    """As if the plan that is the ``rank`` next best by the cost model had been measured."""
    search = Search(spec, config, config.available_dataflows)
    search.go_on(500)
    blocking = search.cheapest()[rank]
    return TunedPlan(spec.without_values, blocking, identity(spec, blocking, config), 32, 4, Measured(100, 110), Measured(104, 99))


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    other = ArrayConfig(rows=8, cols=8)
    return {config: {spec.without_values: tuned(spec, config) for spec in SPECS} for config in (TINY, other)}


def written(folder: Path, text: str) -> Path:
    path = folder / "model.tuned.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_products_and_blockings_come_back_from_json() -> None:
    for spec in random_specs(40, 9, TINY):
        assert spec_of(json.loads(json.dumps(plain_spec(spec)))) == spec
        blocking = tuned(spec, rank=-1).blocking
        assert blocking_of(json.loads(json.dumps(plain_blocking(blocking)))) == blocking


def test_a_file_comes_back_and_does_not_depend_on_the_order(arrays: Arrays, tmp_path: Path) -> None:
    text = tuned_text(arrays)
    assert load_tuned(written(tmp_path, text)) == arrays
    turned = {config: dict(reversed(plans.items())) for config, plans in reversed(arrays.items())}
    assert list(turned) != list(arrays) and tuned_text(turned) == text


def test_a_file_can_be_read_by_people(arrays: Arrays) -> None:
    lines = [line.strip() for line in tuned_text(arrays).splitlines()]
    assert '"format": "hwacc tuned plans",' in lines and '"version": 1,' in lines and '"dataflows": "both"' in lines
    assert sum(line.startswith('"blocking": {"rows": [0, ') for line in lines) == 2 * len(SPECS)


def test_a_product_is_planned_as_it_was_chosen_and_not_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    spec, other = gemm_spec(40, 50, 60, "int8"), gemm_spec(7, 8, 9, "int8")
    plan = tuned(spec, rank=7)
    before = plan_all([spec, other], TINY)
    searched: list[ContractionSpec] = []

    class Counted(Search):
        def __init__(self, spec: ContractionSpec, *others: Any) -> None:
            searched.append(spec)
            super().__init__(spec, *others)

    monkeypatch.setattr(planner, "Search", Counted)
    chosen = usable({plan.spec: plan}, [spec, other], TINY)
    after = plan_all([spec, replace(spec, zero_point=9), other], TINY, chosen=chosen)
    assert searched == [other]
    made, moved, _ = after
    assert isinstance(before[0], Plan) and isinstance(made, Plan) and isinstance(moved, Plan)
    assert made.operations != before[0].operations and identity(spec, plan.blocking, TINY) == plan.stream
    assert {descriptor["zero_point"] for descriptor, _ in moved.operations if descriptor.op.name == "STORE"} == {9}


def test_a_plan_of_which_another_stream_is_made_now_is_not_used() -> None:
    spec = gemm_spec(40, 50, 60, "int8")
    plan, other = tuned(spec), tuned(spec, rank=7)
    assert usable({plan.spec: plan}, [spec], TINY) == {plan.spec: plan.blocking}
    assert usable({plan.spec: replace(plan, stream=other.stream)}, [spec], TINY) == {}
    assert usable({plan.spec: plan}, [gemm_spec(40, 50, 61, "int8")], TINY) == {}


def test_notes_say_what_was_used_and_why_the_rest_was_not(arrays: Arrays) -> None:
    path = Path("a.tuned.json")
    assert notes(path, arrays, TINY, (5, 5, 5)) == ["a.tuned.json: 5 of 5 products are planned as they were measured"]
    assert notes(path, arrays, TINY, (5, 4, 1))[1:] == [
        "a.tuned.json: 3 plans are not used, the planner has changed since they were measured: tune again"
    ]
    only = {TINY: arrays[TINY]}
    assert notes(path, only, replace(TINY, rows=8), (5, 0, 0)) == [
        "a.tuned.json: not used, it has no plans for this array: rows 8 here, 4 there"
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a file of tuned plans (Expecting value: line 1 column 1 (char 0)); name another with --tuned"),
        ("[]", "not a file of tuned plans; name another with --tuned"),
        ('{"rows": 8}', "not a file of tuned plans; name another with --tuned"),
        (
            '{"format": "hwacc tuned plans", "version": 2}',
            "version 2 of the file of tuned plans, this is 1; delete the file and tune again",
        ),
        ('{"format": "hwacc tuned plans", "version": 1}', "'arrays' must be there, and a list; delete the file and tune again"),
    ],
)
def test_another_file_is_refused_in_words(text: str, why: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(TunedError) as caught:
        load_tuned(path)
    assert str(caught.value) == f"{path}: {why}"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"blocking": {}}, "'rows' is missing"),
        (
            {"blocking": {"rows": [0, 4], "columns": [0, 9], "steps": [0, 8], "rows_inner": True}},
            "its blocking cannot be: its rows do not go from 0 to 7",
        ),
        ({"blocking": {"rows": "0 7"}}, "'columns' is missing"),
        ({"product": {"width": 7}}, "'channels' is missing"),
        ({"product": {"width": 7, "channels": 0, "out_channels": 9}}, "channels of a contraction must be at least 1, not 0"),
        ({"product": {"width": 7, "depth": 0, "out_channels": 9}}, "'depth' is not a known name"),
        ({"stream": 5}, "'stream' must be there, and a word"),
        ({"tried": "8"}, "'tried' must be there, and a whole number"),
        ({"best": {"cycles": 5}}, "'estimate' must be there, and a whole number"),
    ],
)
def test_a_damaged_plan_is_refused_in_words(changes: dict[str, Any], why: str, tmp_path: Path) -> None:
    plan = tuned(gemm_spec(7, 8, 9, "int8"))
    values = json.loads(tuned_text({TINY: {plan.spec: plan}}))
    values["arrays"][0]["plans"][0] |= changes
    path = written(tmp_path, json.dumps(values))
    with pytest.raises(TunedError) as caught:
        load_tuned(path)
    assert str(caught.value) == f"{path}: plan 0 of the 4×4 array: {why}; delete the file and tune again"


JUNK: tuple[Any, ...] = (None, True, -1, 0, 10**30, 0.5, "", "both", [], [0], ["a"], [[]], {}, {"a": 1})


@pytest.mark.parametrize("seed", range(40))
def test_junk_anywhere_is_refused_in_one_line_or_makes_no_plan_that_was_not_measured(seed: int, arrays: Arrays, tmp_path: Path) -> None:
    rng = Random(seed)
    values = json.loads(tuned_text(arrays))
    streams = {plan.stream for plans in arrays.values() for plan in plans.values()}
    for _ in range(20):
        changed = json.loads(json.dumps(values))
        where = _somewhere(rng, changed)
        path = written(tmp_path, json.dumps(changed))
        try:
            loaded = load_tuned(path)
        except TunedError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
            continue
        for config, plans in loaded.items():
            for spec, blocking in usable(plans, plans, config).items():
                assert identity(spec, blocking, config) in streams, f"seed {seed}: {where}"


def _somewhere(rng: Random, value: Any) -> str:
    """Puts junk in a random place of ``value``; the way to it."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = rng.choice(keys)
    if isinstance(value[key], (dict, list)) and value[key] and rng.random() < 0.85:
        return f"{key}/{_somewhere(rng, value[key])}"
    value[key] = rng.choice(JUNK)
    return f"{key} = {value[key]!r}"
