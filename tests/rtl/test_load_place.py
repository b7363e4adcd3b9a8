"""The stage of LOAD that writes to the on-chip buffers."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.load_clip import Kind
from hwacc.rtl.load_place import TARGET_PORTS, Placer
from tests.rtl.streams import StreamBench

PAD = 0xC3
Written = tuple[int, int, int]


def config(bus_bytes: int) -> ArrayConfig:
    return ArrayConfig(rows=4, cols=16, bus_bytes=bus_bytes, spm_bytes=8192, acc_bytes=1024, channels=64)


def segment(kind: Any = Kind.MEMORY, **values: int) -> dict[str, Any]:
    tag = {"target": isa.Target.WEST, "pad": PAD, "signal_compute": 0, "signal_store": 0, "ends": 1, "index": 9}
    tag |= {name: values.pop(name) for name in list(values) if name in tag}
    return {"kind": kind, "local": 0, "length": 1, "offset": 0, "last": 0, "tag": tag, **values}


def beats_of(segments: Sequence[dict[str, Any]], bus_bytes: int, rng: random.Random) -> tuple[list[dict[str, int]], list[Written]]:
    """Random beats for the segments, and the (target, address, byte) triples that should be written."""
    beats, writes = [], []
    for piece in segments:
        target, end = piece["tag"]["target"], piece["offset"] + piece["length"]
        if piece["kind"] == Kind.MEMORY:
            raw = rng.randbytes(-(-end // bus_bytes) * bus_bytes)
            words = [raw[i : i + bus_bytes] for i in range(0, len(raw), bus_bytes)]
            beats += [{"data": int.from_bytes(word, "little"), "error": 0, "last": rng.randrange(2)} for word in words]
            values = raw[piece["offset"] : end]
        else:
            values = bytes([PAD] * piece["length"])
        writes += [(target, piece["local"] + i, value) for i, value in enumerate(values)]
    return beats, writes


def written(bench: StreamBench, bus_bytes: int) -> list[Written]:
    """(target, address, byte) of every byte written, by target."""
    found: list[Written] = []
    for target, name in TARGET_PORTS.items():
        for write in bench.taken[name]:
            places = [(write.address + i, (write.address + i) % bus_bytes) for i in range(bus_bytes)]
            found += [(target, place, write.data >> 8 * lane & 0xFF) for place, lane in places if write.mask >> lane & 1]
    return found


def place(bus_bytes: int, segments: Sequence[Any], beats: Sequence[Any], stall: float = 0.0, seed: int = 0, **until: int) -> StreamBench:
    bench = StreamBench(Placer(config(bus_bytes)), stall=stall, seed=seed).source("segments", segments).source("beats", beats)
    for name in TARGET_PORTS.values():
        bench.sink(name)
    bench.watch("finished", "signal_compute", "signal_store", "fault_valid", "faulted")
    return bench.run(cycles=20, **until)


@pytest.mark.parametrize("bus_bytes", [4, 16])
@pytest.mark.parametrize("stall", [0.0, 0.4])
@pytest.mark.parametrize("seed", [41])
def test_bytes_of_random_segments_arrive_in_order_at_their_addresses(bus_bytes: int, stall: float, seed: int) -> None:
    rng, segments = random.Random(seed), []
    for _ in range(60):
        kind = rng.choice((Kind.MEMORY, Kind.MEMORY, Kind.PAD))
        offset = rng.randrange(bus_bytes) if kind == Kind.MEMORY else 0
        target, length = rng.choice(list(isa.Target)), rng.choice((1, rng.randint(1, 70)))
        segments.append(segment(kind, local=rng.randrange(400), length=length, offset=offset, target=target))
    beats, expected = beats_of(segments, bus_bytes, rng)
    counts = {name: 0 for name in TARGET_PORTS.values()}
    for piece in segments:
        pieces = -(-(piece["offset"] + piece["length"]) // bus_bytes)
        counts[TARGET_PORTS[piece["tag"]["target"]]] += pieces
    bench = place(bus_bytes, segments, beats, stall, seed, **counts)
    assert written(bench, bus_bytes) == sorted(expected, key=lambda write: write[0])


def test_a_beat_is_placed_every_cycle_whatever_the_alignment() -> None:
    rng = random.Random(1)
    segments = [segment(offset=7, local=3, length=100), segment(offset=0, local=200, length=48), segment(Kind.PAD, local=301, length=33)]
    beats, expected = beats_of(segments, 16, rng)
    bench = place(16, segments, beats, west=7 + 3 + 3)
    first = bench.taken_at["west"][0]
    assert bench.taken_at["west"] == list(range(first, first + 13))
    assert written(bench, 16) == expected


def test_signals_pulse_after_the_last_write_of_a_descriptor() -> None:
    segments = [
        segment(length=16, signal_compute=1),
        segment(length=16, last=1, signal_compute=1),
        segment(Kind.PAD, length=40, last=1, signal_store=1),
        segment(Kind.PAD, length=1, last=1),
    ]
    beats, _ = beats_of(segments, 16, random.Random(2))
    bench = place(16, segments, beats, west=6)
    at = bench.taken_at["west"]
    assert bench.pulses["signal_compute"] == [at[1]]
    assert bench.pulses["signal_store"] == [at[4]]
    assert bench.pulses["finished"] == [at[1] + 1, at[4] + 1, at[5] + 1]


def test_an_error_beat_is_not_written_and_nothing_after_it() -> None:
    segments = [segment(length=40, local=8), segment(Kind.PAD, length=4, last=1, signal_compute=1)]
    beats, expected = beats_of(segments, 16, random.Random(3))
    beats[1]["error"] = 1
    bench = place(16, segments, beats, west=1)
    assert written(bench, 16) == expected[:16]
    assert len(bench.pulses["fault_valid"]) == 1
    assert not bench.pulses["signal_compute"]
    assert len(bench.pulses["faulted"]) > 5, "until drop"


@pytest.mark.parametrize(
    ("kind", "status"), [(Kind.BAD_FIELD, isa.Status.BAD_FIELD), (Kind.BAD_LOCAL_ADDRESS, isa.Status.BAD_LOCAL_ADDRESS)]
)
def test_a_segment_that_stands_for_a_fault_is_reported_with_its_descriptor(kind: Any, status: isa.Status) -> None:
    placer = Placer(config(16))
    bench = StreamBench(placer).source("segments", [segment(Kind.PAD, length=3), segment(kind, index=1234)])
    for name in TARGET_PORTS.values():
        bench.sink(name)
    bench.watch("fault_valid", "fault").run(west=1)
    assert len(bench.pulses["fault_valid"]) == 1
    fault = bench.seen["fault"][bench.pulses["fault_valid"][0]]
    assert (fault.status, fault.index) == (status, 1234)
