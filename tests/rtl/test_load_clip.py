"""The stage of LOAD that cuts runs at their bounds."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.load_clip import Kind, RunClipper
from tests.rtl.load_model import sizes
from tests.rtl.streams import StreamBench

CONFIG = ArrayConfig(rows=4, cols=4, bus_bytes=8, spm_bytes=8192, acc_bytes=1024, channels=64, address_bits=20)
LARGE = replace(CONFIG, spm_bytes=2**18)
TAG = {"target": isa.Target.WEST, "pad": 0x91, "signal_compute": 0, "signal_store": 1, "index": 5}


def run(**values: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "address": 1000,
        "local": 3,
        "length": 20,
        "bounded": 1,
        "x": 0,
        "x_limit": 64,
        "y": 2,
        "y_limit": 9,
        "align_start": 0,
        "align_end": 0,
        "bad_field": 0,
        "last": 1,
    }
    return {**usual, "tag": TAG, **values}


def clip(runs: Sequence[dict[str, Any]], segments: int, stall: float = 0.0, seed: int = 0, config: ArrayConfig = CONFIG) -> StreamBench:
    bench = StreamBench(RunClipper(config), stall=stall, seed=seed)
    return bench.source("runs", runs).sink("segments").sink("reads").run(segments=segments, cycles=20)


def parts(bench: StreamBench) -> list[tuple[str, int, int, int, int]]:
    return [(Kind(s.kind).name, s.local, s.length, s.offset, s.last) for s in bench.taken["segments"]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [("MEMORY", 3, 20, 0, 1)]),
        ({"x": -5}, [("PAD", 3, 5, 0, 0), ("MEMORY", 8, 15, 5, 1)]),
        ({"x": 57}, [("MEMORY", 3, 7, 0, 0), ("PAD", 10, 13, 0, 1)]),
        ({"x": -6, "x_limit": 11}, [("PAD", 3, 6, 0, 0), ("MEMORY", 9, 11, 6, 0), ("PAD", 20, 3, 0, 1)]),
        ({"x": -20}, [("PAD", 3, 20, 0, 1)]),
        ({"x": -19}, [("PAD", 3, 19, 0, 0), ("MEMORY", 22, 1, 3, 1)]),
        ({"x": 64}, [("PAD", 3, 20, 0, 1)]),
        ({"x": 63}, [("MEMORY", 3, 1, 0, 0), ("PAD", 4, 19, 0, 1)]),
        ({"x": -4, "x_limit": 0}, [("PAD", 3, 4, 0, 0), ("PAD", 7, 16, 0, 1)]),
        ({"y": -1}, [("PAD", 3, 20, 0, 1)]),
        ({"y": 9}, [("PAD", 3, 20, 0, 1)]),
        ({"y": -1, "x": -3, "bounded": 0, "x_limit": 0}, [("MEMORY", 3, 20, 0, 1)]),
        ({"x": -(2**31), "length": 65535, "local": 0, "tag": {**TAG, "target": 1}}, [("BAD_LOCAL_ADDRESS", 0, 65535, 0, 1)]),
        ({"x": 2**31 - 1}, [("PAD", 3, 20, 0, 1)]),
        ({"bad_field": 1, "length": 0, "local": -1}, [("BAD_FIELD", 0xFFFFF, 0, 0, 1)]),
    ],
)
def test_a_run_is_cut_where_it_crosses_a_bound(values: dict[str, Any], expected: list[tuple[str, int, int, int, int]]) -> None:
    found = parts(clip([run(**values)], len(expected)))
    if expected[0][0].startswith("BAD"):
        assert [(kind, last) for kind, *_, last in found] == [(kind, last) for kind, *_, last in expected]
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"align_start": 1, "address": 1001}, ("MEMORY", 10, 13, 0, 1)),
        ({"align_start": 1, "address": 1000}, ("MEMORY", 3, 20, 0, 1)),
        ({"align_start": 1, "address": 1001, "length": 8}, ("MEMORY", 10, 1, 0, 1)),
        ({"align_end": 1, "address": 1001}, ("MEMORY", 3, 23, 1, 1)),
        ({"align_end": 1, "address": 1004}, ("MEMORY", 3, 20, 4, 1)),
        ({"align_start": 1, "align_end": 1, "address": 1003}, ("MEMORY", 8, 16, 0, 1)),
        ({"align_start": 1, "align_end": 1, "address": 2**20 - 3}, ("MEMORY", 6, 24, 0, 1)),
        ({"align_start": 1, "local": -7, "address": 1001}, ("MEMORY", 0, 13, 0, 1)),
    ],
)
def test_an_aligned_run_is_cut_where_a_beat_ends(values: dict[str, Any], expected: tuple[str, int, int, int, int]) -> None:
    given = run(bounded=0, **values)
    bench = clip([given], 1)
    assert parts(bench) == [expected]
    first = given["address"] + expected[1] - given["local"]
    (read,) = bench.taken["reads"]
    assert (read.beat, read.more) == (first % 2**20 // 8, (first + expected[2] - 1) // 8 - first // 8)


def test_an_aligned_run_may_be_longer_than_the_field_of_its_length() -> None:
    bench = clip([run(bounded=0, align_end=1, length=65535, local=0, address=1002)], 1, config=LARGE)
    assert parts(bench) == [("MEMORY", 0, 65542, 2, 1)]


@pytest.mark.parametrize(
    ("values", "first", "length"),
    [({"align_start": 1}, 5, 20), ({"align_end": 1}, 5, 20), ({"align_start": 1, "align_end": 1}, 2, 16)],
)
def test_an_aligned_run_may_fill_its_target_and_not_a_byte_more(values: dict[str, int], first: int, length: int) -> None:
    """On a bus of 8 bytes ``first`` is the lane of the first byte: it decides how many bytes the cuts leave out or take in addition."""
    cuts = range(-first % 8 * values.get("align_start", 0), length + -(first + length) % 8 * values.get("align_end", 0))
    size = sizes(CONFIG)[isa.Target.WEST]
    good = [run(bounded=0, address=1000 + first, length=length, local=local, **values) for local in (-cuts.start, size - cuts.stop)]
    for allowed, step in zip(good, (-1, 1)):
        bench = clip([allowed, {**allowed, "local": allowed["local"] + step}], 2)
        assert [kind for kind, *_ in parts(bench)] == ["MEMORY", "BAD_LOCAL_ADDRESS"]
        assert len(bench.taken["reads"]) == 1


def segments_of(cut: dict[str, Any]) -> list[tuple[Any, int]]:
    """The segments of a run, byte by byte."""
    if not cut["bounded"]:
        return [(Kind.MEMORY, cut["length"])]
    found: list[tuple[Any, int]] = []
    for x in range(cut["x"], cut["x"] + cut["length"]):
        inside = 0 <= x < cut["x_limit"] and 0 <= cut["y"] < cut["y_limit"]
        kind = Kind.MEMORY if inside else Kind.PAD
        if found and found[-1][0] == kind and not (x == 0 and kind == Kind.PAD and 0 <= cut["y"] < cut["y_limit"]):
            found[-1] = (kind, found[-1][1] + 1)
        else:
            found.append((kind, 1))
    return found


@pytest.mark.parametrize("seed", [29])
def test_random_runs_give_the_segments_and_the_beats_of_their_bytes(seed: int) -> None:
    rng = random.Random(seed)
    runs = []
    for _ in range(150):
        x = rng.choice((rng.randint(-60, 60), rng.randint(-(2**31), 2**31 - 1)))
        length, x_limit = rng.randint(1, 50), rng.choice((0, 1, rng.randint(1, 70)))
        last, bounded = int(rng.random() < 0.3), int(rng.random() < 0.8)
        y, y_limit = rng.randint(-2, 6), rng.randint(0, 6)
        address, local = rng.randrange(2**20), rng.randrange(3000)
        runs.append(run(**{k: v for k, v in locals().items() if k in run()}))
    expected, beats = [], []
    for cut in runs:
        pieces, start = segments_of(cut), 0
        for number, (kind, length) in enumerate(pieces):
            first = (cut["address"] + start) % 2**20
            offset = first % 8 if kind == Kind.MEMORY else 0
            last = int(cut["last"] and number == len(pieces) - 1)
            expected.append((kind.name, cut["local"] + start, length, offset, last))
            if kind == Kind.MEMORY:
                beats.append((first // 8, (first + length - 1) // 8 - first // 8))
            start += length
    bench = clip(runs, len(expected), stall=0.3, seed=seed)
    assert parts(bench) == expected
    assert [(read.beat, read.more) for read in bench.taken["reads"]] == beats


@pytest.mark.parametrize("target", list(isa.Target))
def test_the_last_byte_of_each_target_can_be_written_and_the_next_cannot(target: isa.Target) -> None:
    size = sizes(CONFIG)[target]
    tag = {**TAG, "target": target}
    good, bad = run(local=size - 20, tag=tag), run(local=size - 19, tag=tag)
    bench = clip([good, bad, good], 2)
    assert [kind for kind, *_ in parts(bench)] == ["MEMORY", "BAD_LOCAL_ADDRESS"], "and nothing after the fault"
    assert len(bench.taken["reads"]) == 1


def test_a_run_that_begins_before_its_target_is_refused() -> None:
    bench = clip([run(local=-1)], 1)
    assert parts(bench)[0][0] == "BAD_LOCAL_ADDRESS"
    assert not bench.taken["reads"]


def test_runs_of_one_part_take_one_cycle_each() -> None:
    bench = clip([run(local=i) for i in range(10)], 10)
    first = bench.taken_at["segments"][0]
    assert bench.taken_at["segments"] == list(range(first, first + 10))
