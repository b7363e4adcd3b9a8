"""STORE's reads on their own: which words, in which cycles, and where they stop."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

from hwacc import isa
from hwacc.config import TINY, ArrayConfig
from hwacc.rtl.store_reader import AccumulatorReader

from .simulate import fresh_random, simulate
from .store_bench import describe

Read = tuple[int, int, int, bool]
"""A word of the accumulator, one of the parameter buffer, the columns that count, and whether they count for the word before."""
INT8, INT32 = isa.Output.INT8, isa.Output.INT32
BOTH = 1 << INT8 | 1 << INT32
PER_CHANNEL = {"output": INT8, "per_channel": 1}
FORMAT = ("output", "per_channel", "multiplier", "shift")
ROUNDING = ("double_round", "zero_point", "clamp_min", "clamp_max")
CONFIGS = {
    "cols4": TINY,
    **{
        f"cols16-bus{bus}": ArrayConfig(rows=4, cols=16, bus_bytes=bus, acc_bytes=16 * 1024, channels=128, spm_bytes=1024)
        for bus in (4, 8, 16)
    },
}


def reads_of(config: ArrayConfig, job: isa.Descriptor) -> list[Read]:
    """What ``job`` reads: rows are a stride apart in the accumulator, each begins the parameters anew.

    A last word of less than a beat, of words of several beats, joins the one before it.
    """
    rows = job["count1"] * job["count2"] * job["count3"]
    sizes = [min(config.cols, job["n"] - column) for column in range(0, job["n"], config.cols)]
    size = 4 if job["output"] == INT32 else 1
    joins = [False] * len(sizes)
    if len(sizes) > 1 and config.cols * size > config.bus_bytes > sizes[-1] * size:
        joins[-1] = True
        sizes[-2] += sizes[-1]
    stride = job["acc_stride"] or len(sizes)
    starts = range(job["acc"], job["acc"] + rows * stride, stride)
    return [(start + i, job["parameters"] + i, *word) for start in starts for i, word in enumerate(zip(sizes, joins))]


def inside(config: ArrayConfig, job: isa.Descriptor) -> list[Read]:
    """The reads of ``job`` before the first that lies outside of a buffer it uses."""
    scaled = job["per_channel"] and job["output"] == INT8
    return list(
        itertools.takewhile(
            lambda read: read[0] < config.acc_words and (not scaled or read[1] < config.parameter_words), reads_of(config, job)
        )
    )


def random_job(config: ArrayConfig, rng: random.Random) -> isa.Descriptor:
    """A descriptor that stays inside both buffers, with every field of its format drawn."""
    n = rng.choice((1, config.cols - 1, config.cols, config.cols + 1, 2 * config.cols, rng.randint(1, 5 * config.cols)))
    tiles = -(-n // config.cols)
    counts = {f"count{dim}": rng.choice((1, 1, 2, 3)) for dim in range(1, isa.STORE_DIMS + 1)}
    stride, rows = rng.choice((0, 0, 1, tiles, tiles + rng.randint(1, 4))), counts["count1"] * counts["count2"] * counts["count3"]
    words = (rows - 1) * (stride or tiles) + tiles
    drawn = {field.name: rng.randint(field.low, field.high) for field in isa.STORE.fields if field.name in (*FORMAT, *ROUNDING)}
    first = {"acc": rng.randint(0, config.acc_words - words), "parameters": rng.randint(0, config.parameter_words - tiles)}
    return describe(n=n, acc_stride=stride, signal_compute=rng.randint(0, 1), **counts, **drawn, **first)


class Bench:
    """Starts descriptors one after the other and notes reads, formats and pulses with their cycles."""

    def __init__(self, config: ArrayConfig, rng: random.Random, ready_rate: float = 1.0, room: Callable[[], int] = lambda: BOTH):
        self.dut, self.rng, self.ready_rate, self.room = AccumulatorReader(config), rng, ready_rate, room
        self.cycle = 0
        self.reads: list[Read] = []
        self.formats: list[dict[str, int]] = []
        self.read_at: list[int] = []
        self.started: list[int] = []
        self.finished: list[int] = []

    def run(self, *jobs: isa.Descriptor, wait: int = 10) -> Bench:
        """Ends ``wait`` cycles after the first in which the reader, having started all, is idle or outside."""

        async def testbench(ctx: Any) -> None:
            queue = list(jobs)
            while queue or not (ctx.get(self.dut.idle) or ctx.get(self.dut.outside)):
                await self._step(ctx, queue.pop(0) if queue and ctx.get(self.dut.idle) else None)
                assert self.cycle < 5000
            for _ in range(wait):
                await self._step(ctx, None)
            self.idle, self.outside = ctx.get(self.dut.idle), ctx.get(self.dut.outside)

        simulate(self.dut, testbench)
        return self

    async def _step(self, ctx: Any, job: isa.Descriptor | None) -> None:
        """One cycle; ``work`` is garbage but in the cycle of a start."""
        shown = job or describe(n=self.rng.randint(1, 99), acc=self.rng.randint(0, 99), parameters=3, count1=7, count2=5, clamp_min=-77)
        dut, ready, room = self.dut, self.rng.random() < self.ready_rate, self.room()
        ctx.set(dut.start, job is not None)
        ctx.set(dut.work, {**shown.values, "index": 0})
        ctx.set(dut.reads.ready, ready)
        ctx.set(dut.room, room)
        if job:
            self.started.append(self.cycle)
        if ctx.get(dut.reads.valid):
            assert room >> ctx.get(dut.reads.payload.format.output) & 1, "a read without room"
            if ready:
                self._note(ctx, dut.reads.payload)
        if ctx.get(dut.finished):
            self.finished.append(self.cycle)
        await ctx.tick()
        self.cycle += 1

    def _note(self, ctx: Any, read: Any) -> None:
        self.reads.append((ctx.get(read.word), ctx.get(read.parameter_word), ctx.get(read.columns), bool(ctx.get(read.joins))))
        form = {name: ctx.get(read.format[name]) for name in FORMAT}
        self.formats.append(form | {name: ctx.get(read.format.rounding[name]) for name in ROUNDING})
        self.read_at.append(self.cycle)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_random_descriptors_are_read_in_order_with_their_columns_and_format(config: ArrayConfig, seed: int) -> None:
    rng = fresh_random(seed)
    jobs = [random_job(config, rng) for _ in range(12)]
    bench = Bench(config, rng, 0.7, lambda: rng.choice((0, 1, 2, BOTH, BOTH))).run(*jobs)
    expected = [(read, job) for job in jobs for read in reads_of(config, job)]
    assert bench.reads == [read for read, _ in expected]
    assert bench.formats == [{name: job[name] for name in (*FORMAT, *ROUNDING)} for _, job in expected]
    ends = list(itertools.accumulate(len(reads_of(config, job)) for job in jobs))
    assert bench.finished == [bench.read_at[end - 1] + 1 for end, job in zip(ends, jobs) if job["signal_compute"]]


def test_a_word_goes_every_cycle_from_the_one_after_the_start() -> None:
    jobs = [describe(n=n, acc=n, count1=3, count3=2, output=INT32, signal_compute=1) for n in (9, 4, 1)]
    bench = Bench(TINY, fresh_random(1)).run(*jobs)
    begin, read_at, finished = 0, list[int](), list[int]()
    for job in jobs:
        words = len(reads_of(TINY, job))
        assert begin == bench.started[len(finished)]
        read_at += range(begin + 1, begin + 1 + words)
        begin += 1 + words
        finished.append(begin)
    assert (bench.read_at, bench.finished) == (read_at, finished)
    assert bench.idle and not bench.outside


@pytest.mark.parametrize("stride", range(7))
def test_rows_of_every_length_and_any_words_apart_go_a_word_a_cycle(stride: int) -> None:
    jobs = [describe(n=n, acc=n, acc_stride=stride, count1=3, count2=2, output=INT32) for n in (1, 4, 5, 12, 13)]
    bench = Bench(TINY, fresh_random(6)).run(*jobs)
    assert bench.reads == [read for job in jobs for read in reads_of(TINY, job)]
    assert bench.read_at == [start + 1 + i for start, job in zip(bench.started, jobs) for i in range(len(reads_of(TINY, job)))]


@pytest.mark.parametrize("output", [INT8, INT32])
def test_a_read_waits_for_the_room_of_its_own_output_only(output: isa.Output) -> None:
    rooms = iter([BOTH & ~(1 << output)] * 6 + [1 << output] * 3 + [0] * 4 + [BOTH] + [BOTH & ~(1 << output)] * 5)
    bench = Bench(TINY, fresh_random(2), room=lambda: next(rooms, 1 << output)).run(describe(n=22, acc=5, output=output))
    assert bench.read_at == [6, 7, 8, 13, 19, 20]


@pytest.mark.parametrize(
    "fields",
    [
        {"acc": TINY.acc_words - 3, "n": 8, "count1": 2, "output": INT32},
        {"acc": TINY.acc_words - 1, "n": 1, "count2": 2, "output": INT8},
        {"acc": TINY.acc_words, "n": 1, "output": INT32},
        {"acc": TINY.acc_words - 8, "n": 5, "count1": 4, "acc_stride": 3, "output": INT32},
        {"acc": TINY.acc_words - 1, "n": 1, "count1": 2, "acc_stride": 0xFFFF, "output": INT32},
        {"acc": 0xFFFF, "n": 4, "output": INT8},
        {"acc": 9, "n": 13, "parameters": TINY.parameter_words - 3, **PER_CHANNEL},
        {"acc": 9, "n": 1, "parameters": 0xFFFF, **PER_CHANNEL},
    ],
    ids=str,
)
def test_the_reader_stops_for_good_before_a_word_outside(fields: dict[str, int]) -> None:
    job = describe(signal_compute=1, **fields)
    bench = Bench(TINY, fresh_random(3)).run(job, wait=40)
    assert bench.reads == inside(TINY, job) != reads_of(TINY, job)
    assert bench.outside and not bench.idle and bench.finished == []


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 9, "count1": 2, "parameters": TINY.parameter_words - 3, **PER_CHANNEL},
        {"n": 4, "parameters": 0xFFFF, "per_channel": 1, "output": INT32},
        {"n": 5, "count1": 3, "acc_stride": 7, "output": INT32},
        {"n": 13, "count1": 3, "acc_stride": 2, "output": INT32},
        {"n": 5, "acc_stride": 0xFFFF, "output": INT32},
        {"n": 9, "parameters": TINY.parameter_words, "per_channel": 0, "output": INT8},
    ],
    ids=str,
)
def test_last_words_and_unused_parameters_are_not_outside(fields: dict[str, int]) -> None:
    wanted = reads_of(TINY, describe(**fields))
    words = len(wanted)
    job = describe(acc=TINY.acc_words - 1 - wanted[-1][0], **fields)
    bench = Bench(TINY, fresh_random(4)).run(job)
    assert [(word, columns) for word, _, columns, _ in bench.reads] == [(word, columns) for word, _, columns, _ in inside(TINY, job)]
    assert len(bench.reads) == words and bench.idle and not bench.outside


def test_a_buffer_of_more_words_than_addresses_ends_with_the_last_address() -> None:
    config = ArrayConfig(rows=2, cols=2, bus_bytes=8, acc_bytes=2**20, channels=64, spm_bytes=1024)
    assert config.acc_words > 1 << 16
    bench = Bench(config, fresh_random(5)).run(describe(n=6, acc=0xFFFE, output=INT32), wait=30)
    assert [word for word, *_ in bench.reads] == [0xFFFE, 0xFFFF]
    assert bench.outside
