"""The STORE engine against NumPy: what it writes, and its tokens."""

from __future__ import annotations

import random

import pytest

from hwacc import isa
from hwacc.config import TINY, ArrayConfig

from .store_bench import MEMORY_BYTES, StoreBench, describe

INT8 = {"output": isa.Output.INT8, "multiplier": 1 << 30, "shift": 45, "clamp_min": -128, "clamp_max": 127}
INT32 = {"output": isa.Output.INT32}

CONFIGS = [
    ArrayConfig(rows=4, cols=cols, bus_bytes=bus_bytes, spm_bytes=1024, acc_bytes=4096, channels=128)
    for cols, bus_bytes in ((4, 4), (4, 8), (4, 16), (8, 16), (16, 16), (16, 4), (8, 32), (8, 8))
]


def config_name(config: ArrayConfig) -> str:
    return f"cols{config.cols}-bus{config.bus_bytes}"


def random_job(config: ArrayConfig, rng: random.Random) -> isa.Descriptor:
    """A STORE of any shape whose rows stay inside the memory; one loop in two continues where the one inside it ended."""
    output, n = rng.choice(list(isa.Output)), rng.randint(1, 70)
    tiles = -(-n // config.cols)
    length = extent = n * 4 if output == isa.Output.INT32 else n
    loops: dict[str, int] = {}
    low, rows = 0, 1
    for dim in range(1, isa.STORE_DIMS + 1):
        count = min(rng.choice((1, 1, 2, 3, 4)), config.acc_words // (rows * tiles))
        stride = extent if rng.random() < 0.5 else rng.randint(-3 * length, 3 * length)
        loops |= {f"count{dim}": count, f"stride{dim}": stride}
        low += min(0, (count - 1) * stride)
        extent += abs((count - 1) * stride)
        rows *= count
    strides = [stride for stride in (1, tiles, tiles + 1, rng.randint(1, 40)) if (rows - 1) * stride + tiles <= config.acc_words]
    stride = rng.choice((0, 0, *strides))
    first_parameter = rng.randint(0, config.parameter_words - tiles) if tiles <= config.parameter_words else 0
    return describe(
        address=-low + rng.randint(0, MEMORY_BYTES - extent),
        n=n,
        acc=rng.randint(0, config.acc_words - (rows - 1) * (stride or tiles) - tiles),
        acc_stride=stride,
        output=output,
        per_channel=rng.random() < 0.5 and tiles <= config.parameter_words,
        double_round=rng.randint(0, 1),
        parameters=first_parameter,
        multiplier=rng.randint(-(2**31), 2**31 - 1),
        shift=rng.randint(31, 55),
        zero_point=rng.randint(-128, 127),
        clamp_min=rng.randint(-128, 0),
        clamp_max=rng.randint(0, 127),
        signal_compute=rng.randint(0, 1),
        signal_load=rng.randint(0, 1),
        **loops,
    )


def test_int32_rows_go_to_memory_as_they_are() -> None:
    StoreBench(TINY).run_jobs(describe(address=0x103, n=5, acc=7, count1=3, stride1=27, **INT32))


def test_int8_rows_are_requantised() -> None:
    StoreBench(TINY).run_jobs(describe(address=0x10E, n=7, acc=3, count1=4, stride1=-9, **INT8, zero_point=-3, double_round=1))


@pytest.mark.parametrize("seed", range(1))
@pytest.mark.parametrize("config", CONFIGS, ids=config_name)
def test_queued_descriptors_of_any_shape_do_what_they_mean(config: ArrayConfig, seed: int) -> None:
    rng = random.Random(seed)
    StoreBench(config, seed=seed, latency=7).run_jobs(*(random_job(config, rng) for _ in range(6)))


@pytest.mark.parametrize("seed", range(100, 102))
@pytest.mark.parametrize("config", CONFIGS[1:4], ids=config_name)
def test_waiting_for_accumulator_and_memory_changes_nothing(config: ArrayConfig, seed: int) -> None:
    rng = random.Random(seed)
    rates = {name: rng.choice((0.3, 0.7, 1.0)) for name in ("acc_rate", "work_rate", "address_rate", "data_rate")}
    bench = StoreBench(config, seed=seed, latency=rng.choice((1, 20)), delay=30, **rates)
    bench.run_jobs(*(random_job(config, rng) for _ in range(6)))


def test_many_short_descriptors_keep_their_own_clamps_and_tokens() -> None:
    jobs = [
        describe(
            address=0x100 + 64 * i, n=3, acc=i, **{**INT8, "clamp_min": -9 * i, "clamp_max": 9 * i}, zero_point=i, signal_load=i % 5 == 4
        )
        for i in range(12)
    ]
    StoreBench(TINY, latency=100).run_jobs(*jobs)


def test_tokens_follow_the_last_read_and_the_last_answer() -> None:
    bench = StoreBench(TINY, latency=25)
    last_row = 0x1000 - 16  # two bursts
    bench.run_jobs(describe(address=last_row - 300, n=8, acc=0, count1=4, stride1=100, signal_compute=1, signal_load=1, **INT32))
    (compute,), (load,) = bench.tokens["compute"], bench.tokens["load"]
    assert compute == bench.reads[-1] + 1
    assert load == bench.memory.beat_cycles[-1] + 25
    assert len(bench.memory.bursts) == 5


def test_token_to_load_waits_for_its_own_descriptor_only() -> None:
    bench = StoreBench(TINY, latency=25)
    first = describe(address=0, n=4, acc=0, signal_load=1, **INT32)
    second = describe(address=0x800, n=4, acc=0, count1=30, stride1=32, signal_load=1, **INT32)
    bench.run_jobs(first, second)
    assert bench.tokens["load"][0] == bench.memory.beat_cycles[0] + 25 < bench.memory.beat_cycles[-1]


def test_address_is_taken_from_all_of_its_bits() -> None:
    config = ArrayConfig(rows=4, cols=4, spm_bytes=1024, acc_bytes=1024, channels=64, address_bits=40)
    bench = StoreBench(config)
    address, job = 0x9A_0000_0FF0, {"n": 4, "acc": 0, "count1": 2, "stride1": -0x7FFF_FFF0}
    written: list[int] = []
    bench.memory.write = lambda at, data, strobes: written.append(at)  # there is not that much memory

    async def script(ctx: object) -> None:
        await bench.work(ctx, [describe(address=address, **job, **INT32)])

    bench.run(script)
    assert written == [address, address - 0x7FFF_FFF0]
