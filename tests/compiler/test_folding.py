"""Rows of descriptors as one: what it stands for is what was given, and it is as short as can be."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from hwacc import isa
from hwacc.compiler.emit.folding import Fields, folded
from hwacc.isa import Addend, Target
from hwacc.parts import parts


def load(address: int, local: int, **fields: int) -> dict[str, int]:
    return {"run": 8, "count1": 4, "stride1": 100, "target": Target.NORTH, "address": address, "local": local, **fields}


def compute(west: int, north: int, **fields: int) -> dict[str, int]:
    values = {"m": 5, "n": 7, "k": 16, "west": west, "north": north, "acc": 3, "addend": Addend.ACCUMULATE, "wait_load": 1}
    return {**values, **fields}


STEPS = {"stride4", "local_stride4", "west_step", "north_step"}
"""What has no meaning in a single part."""


def joining(descriptors: Iterable[Fields]) -> list[tuple[Fields, bool]]:
    return [(fields, True) for fields in descriptors]


def given(op: isa.Op, descriptors: list[dict[str, int]]) -> list[dict[str, int]]:
    return [dict(isa.describe(op, **fields).values) for fields in descriptors]


def expanded(op: isa.Op, descriptors: list[dict[str, int]]) -> list[dict[str, int]]:
    found = [part for _, fields in folded(op, joining(descriptors)) for part in parts(isa.describe(op, **fields))]
    return [{**part.values, **dict.fromkeys(STEPS & part.values.keys(), 0)} for part in found]


def sizes(op: isa.Op, descriptors: list[dict[str, int]]) -> list[int]:
    return [count for count, _ in folded(op, joining(descriptors))]


SIGNAL = {"signal_compute": 1}
LOADS = [load(1000 + 64 * i, 16 * i, **SIGNAL, **({} if i else {"wait_compute": 1})) for i in range(5)]
COMPUTES = [compute(32 * i, 16 * i, **({"addend": Addend.BIAS, "wait_store": 1} if i == 0 else {})) for i in range(4)]


def test_loads_that_signal_each_are_one() -> None:
    ((count, fields),) = folded(isa.LOAD, joining(LOADS))
    assert (count, fields["count4"], fields["stride4"], fields["local_stride4"], fields["signal_each"]) == (5, 5, 64, 16, 1)
    assert expanded(isa.LOAD, LOADS) == given(isa.LOAD, LOADS)


def test_slices_that_are_cut_alike_where_they_meet_are_one_load() -> None:
    cuts = [{"align_end": 1}, *[{"align_start": 1, "align_end": 1}] * 3, {"align_start": 1}]
    loads = [{**fields, "run": 16, **cut} for fields, cut in zip(LOADS, cuts)]
    ((count, fields),) = folded(isa.LOAD, joining(loads))
    assert (count, fields.get("align_start", 0), fields["align_end"], fields["align_between"]) == (5, 0, 0, 1)
    assert [{**part, "align_between": 0} for part in expanded(isa.LOAD, loads)] == given(isa.LOAD, loads)


@pytest.mark.parametrize("cuts", [[{}, {"align_start": 1}], [{"align_end": 1}, {}], [{"align_end": 1}, {"align_start": 1}, {}]])
def test_slices_that_are_cut_in_different_ways_are_loads_of_their_own(cuts: list[dict[str, int]]) -> None:
    loads = [{**fields, "run": 16, **cut} for fields, cut in zip(LOADS, cuts)]
    assert sizes(isa.LOAD, loads)[-1] == 1
    assert [{**part, "align_between": 0} for part in expanded(isa.LOAD, loads)] == given(isa.LOAD, loads)


def test_computes_along_k_are_one_and_the_last_may_be_shorter() -> None:
    computes = [*COMPUTES, compute(128, 64, k=9, signal_store=1)]
    ((count, fields),) = folded(isa.COMPUTE, joining(computes))
    assert (count, fields["k"], fields["k_step"], fields["west_step"], fields["north_step"]) == (5, 73, 16, 32, 16)
    assert expanded(isa.COMPUTE, computes) == given(isa.COMPUTE, computes)


@pytest.mark.parametrize(
    "changed",
    [
        {"run": 9},
        {"stride1": 101},
        {"target": Target.WEST},
        {"wait_compute": 1},
        {"signal_compute": 0},
        {"signal_store": 1},
        {"address": 0},
    ],
    ids=str,
)
def test_a_load_that_differs_begins_anew(changed: dict[str, int]) -> None:
    descriptors = [*LOADS[:3], {**LOADS[3], **changed}]
    assert sizes(isa.LOAD, descriptors) == [3, 1]


@pytest.mark.parametrize("field", ["bounded", "count4"])
def test_loads_whose_outer_loop_has_a_meaning_stay_apart(field: str) -> None:
    assert sizes(isa.LOAD, [{**fields, field: 1 if field == "bounded" else 2} for fields in LOADS]) == [1] * 5


@pytest.mark.parametrize(
    "changed",
    [{"m": 4}, {"acc": 4}, {"k": 17}, {"wait_load": 0}, {"wait_store": 1}, {"addend": Addend.NONE}, {"west": 97}, {"dataflow": 1}],
    ids=str,
)
def test_a_compute_that_differs_begins_anew(changed: dict[str, int]) -> None:
    assert sizes(isa.COMPUTE, [*COMPUTES[:3], {**COMPUTES[3], **changed}]) == [3, 1]


@pytest.mark.parametrize("signal", ["signal_load", "signal_store"])
def test_a_compute_that_signals_is_the_last_part(signal: str) -> None:
    assert sizes(isa.COMPUTE, [COMPUTES[0], {**COMPUTES[1], signal: 1}, COMPUTES[2], COMPUTES[3]]) == [2, 2]


def test_after_a_shorter_part_comes_another_descriptor() -> None:
    assert sizes(isa.COMPUTE, [*COMPUTES[:2], {**COMPUTES[2], "k": 3}, COMPUTES[3]]) == [3, 1]


def test_only_what_is_to_join_does() -> None:
    assert [count for count, _ in folded(isa.LOAD, [(fields, i != 2) for i, fields in enumerate(LOADS)])] == [2, 3]


def test_there_are_no_more_parts_than_the_format_allows() -> None:
    loads = [load(64 * i, 16 * i, **SIGNAL) for i in range(isa.MOST_PARTS + 3)]
    assert sizes(isa.LOAD, loads) == [isa.MOST_PARTS, 3]


def test_stores_stay_apart() -> None:
    assert sizes(isa.STORE, [{"address": 64 * i, "n": 16, "acc": i} for i in range(3)]) == [1, 1, 1]


@pytest.mark.parametrize("seed", range(20))
def test_random_rows_stand_for_what_was_given(seed: int) -> None:
    """Steps from few values, so that some go on and some do not."""
    rng = random.Random(seed)
    places = (0, 0)
    loads: list[dict[str, int]] = []
    computes: list[dict[str, int]] = []
    for _ in range(60):
        places = places[0] + rng.choice((16, 16, 16, 32)), places[1] + rng.choice((16, 16, 16, 32))
        loads.append(load(*places, signal_compute=rng.random() < 0.9, wait_compute=rng.random() < 0.1))
        computes.append(compute(*places, k=rng.choice((16, 16, 16, 7)), signal_load=rng.random() < 0.1, addend=rng.choice((1, 1, 1, 0))))
    for op, descriptors in ((isa.LOAD, loads), (isa.COMPUTE, computes)):
        assert expanded(op, descriptors) == given(op, descriptors)
        assert max(sizes(op, descriptors)) > 1


def test_the_fields_of_a_single_one_are_its_own() -> None:
    fields: Fields = COMPUTES[0]
    assert folded(isa.COMPUTE, joining([fields])) == [(1, dict(fields))]
