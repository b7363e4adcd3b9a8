"""The LOAD engine against its model: what it copies, when it signals, how many cycles it takes."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.parts import part_count, parts
from tests.rtl import load_model
from tests.rtl.load_bench import LoadBench

CONFIG = ArrayConfig(rows=4, cols=4, spm_bytes=8192, acc_bytes=1024, channels=64, address_bits=20)
MEMORY = random.Random(99).randbytes(1 << CONFIG.address_bits)


def load(**values: int) -> isa.Descriptor:
    return isa.describe(isa.LOAD, **values)


def expected_targets(config: ArrayConfig, jobs: Sequence[isa.Descriptor]) -> dict[int, load_model.Bytes]:
    """The targets after ``jobs``, from the model."""
    targets: dict[int, load_model.Bytes] = {target: np.full(size, 0xA5, np.uint8) for target, size in load_model.sizes(config).items()}
    for job in jobs:
        load_model.execute(job, config, np.frombuffer(MEMORY, np.uint8), targets)
    return targets


def assert_same_targets(bench: LoadBench, config: ArrayConfig, jobs: Sequence[isa.Descriptor]) -> None:
    expected = expected_targets(config, jobs)
    for target, content in bench.targets.items():
        wrong = np.flatnonzero(content != expected[target])
        assert not wrong.size, f"{isa.Target(target).name}: {wrong.size} bytes differ, the first at {wrong[0]}"
    assert any((content != 0xA5).any() for content in bench.targets.values())


CASES = [
    {"bus_bytes": 4, "rows": 4, "cols": 8, "latency": 1, "stall": 0.0, "refusals": 0.0, "gaps": 0.0},
    {"bus_bytes": 4, "rows": 16, "cols": 4, "latency": 30, "stall": 0.2, "refusals": 0.3, "gaps": 0.0},
    {"bus_bytes": 8, "rows": 8, "cols": 8, "latency": 100, "stall": 0.0, "refusals": 0.5, "gaps": 0.0},
    {"bus_bytes": 8, "rows": 4, "cols": 16, "latency": 5, "stall": 0.6, "refusals": 0.0, "gaps": 0.5},
    {"bus_bytes": 16, "rows": 4, "cols": 4, "latency": 12, "stall": 0.1, "refusals": 0.2, "gaps": 0.0},
    {"bus_bytes": 16, "rows": 16, "cols": 16, "latency": 1, "stall": 0.0, "refusals": 0.0, "gaps": 0.9},
]


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"bus {case['bus_bytes']}, {case['rows']}x{case['cols']}, latency {case['latency']}"
)
@pytest.mark.parametrize("seed", [7])
def test_queued_random_descriptors_leave_what_the_model_leaves(case: dict[str, Any], seed: int) -> None:
    config = ArrayConfig(
        **{k: case[k] for k in ("rows", "cols", "bus_bytes")}, spm_bytes=4096, acc_bytes=2048, channels=64, address_bits=20
    )
    rng = random.Random(seed)
    jobs = [load_model.random_job(rng, config, len(MEMORY)) for _ in range(35)]
    jobs = [job.replace(signal_compute=i % 2, signal_store=i // 2 % 2, signal_each=i // 4 % 2) for i, job in enumerate(jobs)]
    bench = LoadBench(config, MEMORY, latency=case["latency"], stall=case["stall"], seed=seed)
    bench.gaps, bench.refusals = case["gaps"], case["refusals"]
    bench.run(jobs)
    assert_same_targets(bench, config, jobs)
    assert not bench.faults()
    assert len(bench.cycles_of("compute")) == sum(job["signal_compute"] * part_count(job) for job in jobs)
    assert len(bench.cycles_of("store")) == sum(job["signal_store"] * part_count(job) for job in jobs)
    assert bench.beats_counted == bench.memory.beats == sum(burst.beats for burst in bench.memory.bursts)


@pytest.mark.parametrize("latency", [1, 40])
def test_a_signal_comes_with_the_last_byte_of_its_descriptor_and_not_with_that_of_another(latency: int) -> None:
    jobs = [
        load(address=100, run=64, signal_compute=1),
        load(address=5000, run=40, count1=3, stride1=999, local_stride1=40, target=1),
        load(address=7, run=33, target=2, bounded=1, x_limit=0, signal_compute=1, signal_store=1),
    ]
    bench = LoadBench(CONFIG, MEMORY, latency=latency).run(jobs)
    assert bench.cycles_of("compute") == [bench.last_write[isa.Target.WEST], bench.last_write[isa.Target.ACCUMULATOR]]
    assert bench.cycles_of("store") == [bench.last_write[isa.Target.ACCUMULATOR]]


def test_each_iteration_signals_as_the_load_that_it_stands_for() -> None:
    whole = load(address=100, run=40, count1=2, stride1=70, local_stride1=40, count4=4, stride4=333, local_stride4=90, signal_compute=1)
    padded = load(run=33, target=1, bounded=1, count4=3, local_stride4=33, signal_compute=1, signal_store=1)
    jobs = [whole.replace(signal_each=1, align_between=1), padded.replace(signal_each=1), whole]
    together = LoadBench(CONFIG, MEMORY, latency=20).run(jobs)
    apart = LoadBench(CONFIG, MEMORY, latency=20).run([part for job in jobs for part in parts(job)])
    assert len(together.cycles_of("compute")) == 4 + 3 + 1
    for name in ("compute", "store"):
        assert [cycle - together.taken_at[0] for cycle in together.cycles_of(name)] == [
            cycle - apart.taken_at[0] for cycle in apart.cycles_of(name)
        ]
    assert_same_targets(together, CONFIG, jobs)


@pytest.mark.parametrize("bus_bytes", [4, 8, 16, 32, 64])
@pytest.mark.parametrize("address", [0, 1000, 1003])
def test_neighbouring_slices_with_cuts_at_the_ends_of_beats_bring_each_byte_once_and_read_each_beat_once(
    bus_bytes: int, address: int
) -> None:
    """Rows of 229 bytes, 67 at a time."""
    config = ArrayConfig(rows=4, cols=16, bus_bytes=bus_bytes, spm_bytes=8192, acc_bytes=1024, channels=64, address_bits=20)
    slices = load(
        address=address, run=67, count1=5, stride1=229, local=3, local_stride1=229, count4=3, stride4=67, local_stride4=67,
        signal_each=1, signal_compute=1,
    )  # fmt: skip
    rest = load(address=address + 201, run=28, count1=5, stride1=229, local=3 + 201, local_stride1=229)
    if bus_bytes > 28:
        slices, rest = slices.replace(count4=2), rest.replace(address=address + 134, local=3 + 134, run=95)
    jobs = [slices.replace(align_between=1, align_end=1), rest.replace(align_start=1)]
    bench = LoadBench(config, MEMORY, latency=10).run(jobs)
    assert_same_targets(bench, config, jobs)
    assert np.array_equal(bench.targets[isa.Target.WEST][3 : 3 + 5 * 229], np.frombuffer(MEMORY, np.uint8)[address : address + 5 * 229])
    beats = sum((first + 228) // bus_bytes - first // bus_bytes + 1 for first in range(address, address + 5 * 229, 229))
    assert bench.memory.beats == beats
    assert len(bench.cycles_of("compute")) == slices["count4"]
    assert bench.idle_at - bench.taken_at[0] <= beats + 10 + 6, "a beat every cycle"


def test_addresses_wrap_at_the_width_of_the_bus() -> None:
    jobs = [load(address=(1 << 20) - 5, run=30, count1=2, stride1=-40), load(address=(1 << 40) - 50, run=60, local=64, target=1)]
    bench = LoadBench(CONFIG, MEMORY).run(jobs)
    assert_same_targets(bench, CONFIG, jobs)


def test_a_convolution_window_is_an_access_pattern() -> None:
    """3 × 3 window over an image of 6 × 5 pixels of 7 channels, zero point -9, one pixel of padding around."""
    height, width, channels = 6, 5, 7
    window = 3 * channels
    jobs = [
        load(
            address=(40 - (width + 1) * channels) % 2**40, run=window, pad=-9, local=0, bounded=1, x_limit=width * channels, y_limit=height,
            x0=-channels, y0=-1, count1=width, stride1=channels, local_stride1=3 * window, count2=3, stride2=width * channels,
            local_stride2=window, y_step2=1, count4=2, stride4=width * channels, local_stride4=width * 3 * window, y_step4=1,
        )
    ]  # fmt: skip
    bench = LoadBench(CONFIG, MEMORY, latency=5).run(jobs)
    image = np.frombuffer(MEMORY, np.int8)[40 : 40 + height * width * channels].reshape(height, width, channels)
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), constant_values=-9)
    patches = [padded[y : y + 3, x : x + 3].reshape(-1) for y in range(2) for x in range(width)]
    found = bench.targets[isa.Target.WEST].view(np.int8)[: 2 * width * 3 * window]
    assert np.array_equal(found, np.concatenate(patches))


@pytest.mark.parametrize("latency", [1, 32, 100])
def test_a_long_unaligned_run_takes_a_beat_every_cycle(latency: int) -> None:
    bench = LoadBench(CONFIG, MEMORY, latency=latency).run([load(address=4091, run=4000, local=5)])
    beats = -(-(4091 % 16 + 4000) // 16)
    assert bench.memory.beats == beats
    assert bench.idle_at - bench.taken_at[0] <= beats + latency + 6


@pytest.mark.parametrize("latency", [1, 100])
def test_runs_of_three_aligned_beats_take_three_cycles_each(latency: int) -> None:
    job = load(address=0, run=48, count1=64, stride1=240, local_stride1=48)
    bench = LoadBench(CONFIG, MEMORY, latency=latency).run([job])
    assert bench.idle_at - bench.taken_at[0] <= 64 * 3 + latency + 6


def test_descriptors_of_one_beat_overlap_in_the_latency_of_the_memory() -> None:
    jobs = [load(address=1600 * i, run=16, local=16 * i) for i in range(90)]
    bench = LoadBench(CONFIG, MEMORY, latency=100).run(jobs)
    assert_same_targets(bench, CONFIG, jobs)
    assert bench.idle_at - bench.taken_at[0] <= 90 + 100 + 6
    assert bench.memory.most_beats_owed == 90


def test_padding_is_written_a_beat_every_cycle() -> None:
    bench = LoadBench(CONFIG, MEMORY).run([load(run=1600, local=7, bounded=1, y_limit=0, pad=-128)])
    assert bench.memory.beats == 0
    assert bench.idle_at - bench.taken_at[0] <= 100 + 8


def test_the_first_burst_is_offered_three_cycles_after_its_descriptor_was_taken() -> None:
    bench = LoadBench(CONFIG, MEMORY).run([load(address=9000, run=5)])
    assert bench.memory.first_burst_at - bench.taken_at[0] == 3
