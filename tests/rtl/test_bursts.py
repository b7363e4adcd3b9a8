"""The splitter of requests into bursts."""

import random
from collections.abc import Sequence

import pytest

from hwacc.config import ArrayConfig
from hwacc.rtl.axi import BURST_BEATS, PAGE_BYTES
from hwacc.rtl.bursts import BurstSplitter
from hwacc.rtl.load import LONGEST_BURST
from tests.rtl.streams import StreamBench


def config(bus_bytes: int) -> ArrayConfig:
    return ArrayConfig(rows=4, cols=16, bus_bytes=bus_bytes, address_bits=20)


def split(
    bus_bytes: int, requests: Sequence[tuple[int, int]], bursts: int, stall: float = 0.0, seed: int = 0, longest: int = BURST_BEATS
) -> StreamBench:
    """Every third request is the last of its descriptor."""
    bench = StreamBench(BurstSplitter(config(bus_bytes), longest=longest), stall=stall, seed=seed)
    payloads = [{"beat": beat, "more": more, "last": int(i % 3 == 2)} for i, (beat, more) in enumerate(requests)]
    bench.source("requests", payloads).sink("bursts").run(bursts=bursts, cycles=20)
    return bench


@pytest.mark.parametrize("seed", [3])
@pytest.mark.parametrize("longest", [LONGEST_BURST, BURST_BEATS])
@pytest.mark.parametrize("bus_bytes", [4, 16, 64])
def test_random_requests_give_their_beats_in_bursts_that_axi_allows(bus_bytes: int, longest: int, seed: int) -> None:
    rng, count = random.Random(seed), 2**20 // bus_bytes
    requests = [(rng.randrange(count), rng.choice((0, 1, rng.randint(0, 700)))) for _ in range(30)]
    page = min(PAGE_BYTES // bus_bytes, longest)
    total = sum((beat + more) // page - beat // page + 1 for beat, more in requests)
    found = split(bus_bytes, requests, total, stall=0.3, seed=seed, longest=longest).taken["bursts"]
    beats, ends = [], []
    for job in found:
        burst = job.burst
        assert burst.addr % bus_bytes == 0
        assert burst.len < longest
        assert burst.addr // PAGE_BYTES == (burst.addr + (burst.len + 1) * bus_bytes - 1) // PAGE_BYTES
        beats += [(burst.addr // bus_bytes + i) % count for i in range(burst.len + 1)]
        ends += [len(beats)] if job.final else []
    assert beats == [(beat + i) % count for beat, more in requests for i in range(more + 1)]
    assert ends == [sum(more + 1 for _, more in requests[: last + 1]) for last in range(2, len(requests), 3)]


def test_a_request_of_one_burst_takes_one_cycle() -> None:
    bench = split(16, [(3 * i, 2) for i in range(12)], 12)
    first = bench.taken_at["bursts"][0]
    assert bench.taken_at["bursts"] == list(range(first, first + 12))


def test_a_burst_has_at_most_256_beats_where_beats_are_small() -> None:
    found = split(4, [(5, 600)], 3).taken["bursts"]
    assert [(job.burst.addr, job.burst.len + 1) for job in found] == [(20, 251), (1024, 256), (2048, 94)]


@pytest.mark.parametrize("bus_bytes", [4, 16, 64])
def test_a_boundary_cuts_only_the_request_that_crosses_it(bus_bytes: int) -> None:
    window = min(PAGE_BYTES, 256 * bus_bytes) // bus_bytes
    backs = [1, 2, 5, window]
    requests = [(3 * window - back, beats - 1) for back in backs for beats in (back, back + 1, back + window + 1)]
    found = split(bus_bytes, requests, len(backs) * (1 + 2 + 3)).taken["bursts"]
    assert [job.burst.len + 1 for job in found] == [beats for back in backs for beats in (back, back, 1, back, window, 1)]


def test_as_much_as_the_largest_accumulator_at_an_odd_place_is_one_request() -> None:
    beats = 2**20 // 4 + 1
    found = split(4, [(77, beats - 1)], 1 + beats // 256).taken["bursts"]
    assert sum(job.burst.len + 1 for job in found) == beats
