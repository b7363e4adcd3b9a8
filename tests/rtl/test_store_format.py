"""STORE's data on its own: accumulator words as slices of int8 or int32, in order, never more than there is room for."""

from __future__ import annotations

import itertools
import random
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwacc import isa, reference
from hwacc.config import TINY, ArrayConfig
from hwacc.rtl.interfaces import ACC_READ_LATENCY
from hwacc.rtl.requantise import LATENCY
from hwacc.rtl.store_format import QUEUE_WORDS, WordFormatter

from .simulate import fresh_random, simulate

INT8, INT32 = isa.Output.INT8, isa.Output.INT32
WORD_TO_SLICE = 2
"""Cycles from an int32 word to its first slice: one into its queue, one into the register of slices."""


@dataclass(frozen=True)
class Word:
    """A read with its answer: ``columns`` of ``values`` count; ``own`` is a (multiplier, shift) for all, ``scales`` for each column.

    ``joined``: so many columns of the next word, which ``joins`` this one, are its own, too.
    """

    values: NDArray[np.int32]
    columns: int
    output: isa.Output
    per_channel: int
    own: tuple[int, int]
    scales: list[tuple[int, int]]
    rounding: dict[str, int]
    joined: int = 0
    joins: bool = False

    def read(self) -> dict[str, Any]:
        """As the reader gives it."""
        form = {"output": self.output, "per_channel": self.per_channel, "multiplier": self.own[0], "shift": self.own[1]}
        columns = self.columns + self.joined
        return {"word": 0, "parameter_word": 0, "columns": columns, "joins": self.joins, "format": {**form, "rounding": self.rounding}}

    def content(self) -> bytes:
        """What memory should get of it."""
        if self.output == INT32:
            return self.values[: self.columns].astype("<i4").tobytes()
        scales = np.array(self.scales if self.per_channel else [self.own] * len(self.values), np.int64)
        zero, low, high = (self.rounding[name] for name in ("zero_point", "clamp_min", "clamp_max"))
        results = reference.requantise(self.values, scales[:, 0], scales[:, 1], zero, low, high, bool(self.rounding["double_round"]))
        return results[: self.columns].tobytes()


def config_of(cols: int, bus_bytes: int) -> ArrayConfig:
    return ArrayConfig(rows=4, cols=cols, bus_bytes=bus_bytes, spm_bytes=1024, acc_bytes=4096, channels=64)


def random_word(config: ArrayConfig, rng: random.Random, output: isa.Output, columns: int = 0) -> Word:
    """With ``columns``, or any number of them."""
    scales = [(rng.randint(-(2**31), 2**31 - 1), rng.randint(2, 62)) for _ in range(config.cols + 1)]
    values = [rng.randint(-(2**31), 2**31 - 1) >> rng.randint(0, 30) for _ in range(config.cols)]
    rounding = {
        "double_round": rng.randint(0, 1),
        "zero_point": rng.randint(-128, 127),
        "clamp_min": rng.randint(-128, 0),
        "clamp_max": rng.randint(1, 127),
    }
    columns = columns or rng.randint(1, config.cols)
    return Word(np.array(values, np.int32), columns, output, rng.randint(0, 1), scales[0], scales[1:], rounding)


def random_row(config: ArrayConfig, rng: random.Random, output: isa.Output) -> list[Word]:
    """A word, or one and another that joins it."""
    size = 4 if output == INT32 else 1
    if config.cols * size <= config.bus_bytes or size == config.bus_bytes or rng.random() < 0.5:
        return [random_word(config, rng, output)]
    columns = rng.randrange(1, config.bus_bytes // size)
    first, last = random_word(config, rng, output, config.cols), random_word(config, rng, output, columns)
    return [replace(first, joined=columns), replace(last, joins=True)]


def slices_of(config: ArrayConfig, words: list[Word]) -> list[bytes]:
    """Each word, with the one that joins it, cut into beats; what is less than one stays with the beat before it."""
    contents, size = list[bytes](), config.bus_bytes
    for word in words:
        if word.joins:
            contents[-1] += word.content()
        else:
            contents.append(word.content())
    cuts = [[*range(0, max(size, len(content) - size + 1), size), len(content)] for content in contents]
    return [content[first:end] for content, cut in zip(contents, cuts) for first, end in itertools.pairwise(cut)]


class Bench:
    """Offers words in order whenever there is room; what is not asked for is garbage. Rates are chances in a cycle."""

    def __init__(self, config: ArrayConfig, rng: random.Random, accept_rate: float = 1.0, ready_rate: float = 1.0):
        self.config, self.dut, self.rng = config, WordFormatter(config), rng
        self.accept_rate, self.ready_rate = accept_rate, ready_rate
        self.cycle = 0
        self.accepted: list[int] = []
        self.slices: list[bytes] = []
        self.slice_at: list[int] = []
        self._answers: deque[Word | None] = deque([None] * ACC_READ_LATENCY)
        self._offered: bytes | None = None

    def run(self, script: Any) -> Bench:
        """Runs ``script``, a coroutine function of the simulator's context."""
        simulate(self.dut, script)
        return self

    def pass_words(self, words: list[Word], cycles: int = 40) -> Bench:
        """All words, then ``cycles`` more."""

        async def script(ctx: Any) -> None:
            await self.offer(ctx, words, 3000)
            await self.offer(ctx, [], cycles + len(words) * 4)

        return self.run(script)

    async def offer(self, ctx: Any, words: list[Word], cycles: int) -> int:
        """Offers ``words`` for up to ``cycles`` cycles, without words for all of them; gives how many were accepted."""
        first, queue = len(self.accepted), list(words)
        for _ in range(cycles):
            if words and not queue:
                break
            word = queue[0] if queue and self.rng.random() < self.accept_rate else None
            if await self._step(ctx, word):
                queue.pop(0)
        return len(self.accepted) - first

    async def _step(self, ctx: Any, word: Word | None) -> bool:
        dut, ready = self.dut, self.rng.random() < self.ready_rate
        accepted = word is not None and bool(ctx.get(dut.room) >> word.output & 1)
        garbage, answer = (random_word(self.config, self.rng, self.rng.choice((INT8, INT32))) for _ in range(2))
        ctx.set(dut.accepted, accepted)
        ctx.set(dut.read, (word if accepted and word else garbage).read())
        self._answers.append(word if accepted else None)
        answer = self._answers.popleft() or answer
        ctx.set(dut.word, int.from_bytes(answer.values.astype("<i4").tobytes(), "little"))
        ctx.set(dut.scales, [{"multiplier": multiplier, "shift": shift} for multiplier, shift in answer.scales])
        ctx.set(dut.slices.ready, ready)
        if accepted:
            self.accepted.append(self.cycle)
        self._take(ctx, ready)
        await ctx.tick()
        self.cycle += 1
        return accepted

    def _take(self, ctx: Any, ready: bool) -> None:
        valid, piece = ctx.get(self.dut.slices.valid), self.dut.slices.payload
        count = ctx.get(piece.bytes)
        content = ctx.get(piece.data).to_bytes(2 * self.config.bus_bytes, "little")[:count] if valid else None
        assert self._offered is None or content == self._offered, "a slice was withdrawn or changed"
        self._offered = None if ready else content
        if content is not None and ready:
            assert len(content) == count
            self.slices.append(content)
            self.slice_at.append(self.cycle)


@pytest.mark.parametrize(("accept_rate", "ready_rate"), [(1.0, 1.0), (0.5, 1.0), (1.0, 0.4)])
@pytest.mark.parametrize("shape", [(4, 4), (4, 16), (8, 32), (16, 8), (16, 16), (16, 4)], ids=str)
def test_random_words_of_both_outputs_come_out_in_order(shape: tuple[int, int], accept_rate: float, ready_rate: float) -> None:
    config, rng = config_of(*shape), fresh_random(sum(shape))
    words = [word for _ in range(25) for word in random_row(config, rng, rng.choice((INT8, INT32)))]
    bench = Bench(config, rng, accept_rate, ready_rate).pass_words(words, 60)
    assert bench.slices == slices_of(config, words)


@pytest.mark.parametrize("shape", [(4, 8), (8, 4)], ids=str)
def test_every_number_of_columns_gives_its_own_bytes_and_no_more(shape: tuple[int, int]) -> None:
    config, rng = config_of(*shape), fresh_random(6)
    words = [random_word(config, rng, output, columns) for output in (INT32, INT8) for columns in range(1, config.cols + 1)]
    bench = Bench(config, rng).pass_words(words)
    assert [len(piece) for piece in bench.slices] == [len(piece) for piece in slices_of(config, words)]
    assert b"".join(bench.slices) == b"".join(word.content() for word in words)


@pytest.mark.parametrize("period", [1, 2, 5])
def test_int32_never_overtakes_int8_when_the_output_switches(period: int) -> None:
    rng = fresh_random(7)
    words = [random_word(TINY, rng, (INT8, INT32)[index // period % 2], TINY.cols) for index in range(30)]
    bench = Bench(TINY, rng).pass_words(words)
    assert bench.slices == slices_of(TINY, words)


@pytest.mark.parametrize("output", [INT8, INT32])
@pytest.mark.parametrize("shape", [(4, 16), (16, 4)], ids=str)
def test_no_more_words_are_asked_for_than_there_is_room_for(shape: tuple[int, int], output: isa.Output) -> None:
    config, rng = config_of(*shape), fresh_random(8)
    other = INT32 if output == INT8 else INT8
    words = {kind: [random_word(config, rng, kind, config.cols) for _ in range(20)] for kind in (output, other)}
    bench = Bench(config, rng, ready_rate=0.0)
    taken: dict[isa.Output, int] = {}

    async def script(ctx: Any) -> None:
        for kind in (output, other):
            taken[kind] = await bench.offer(ctx, words[kind], 40)
            assert not ctx.get(bench.dut.room) >> kind & 1
        bench.ready_rate = 1.0
        await bench.offer(ctx, [], 230)
        assert ctx.get(bench.dut.room) == 1 << INT8 | 1 << INT32

    bench.run(script)
    left_the_queue = len(slices_of(config, words[output][:1])) == 1  # a word of one slice waits outside
    assert taken == {output: QUEUE_WORDS[output] + left_the_queue, other: QUEUE_WORDS[other]}
    assert bench.slices == slices_of(config, words[output][: taken[output]] + words[other][: taken[other]])


@pytest.mark.parametrize(("output", "latency"), [(INT32, WORD_TO_SLICE), (INT8, WORD_TO_SLICE + LATENCY)], ids=["int32", "int8"])
def test_a_slice_leaves_every_cycle_from_its_latency_on(output: isa.Output, latency: int) -> None:
    rng = fresh_random(9)
    words = [random_word(TINY, rng, output, TINY.cols) for _ in range(40)]
    bench = Bench(TINY, rng).pass_words(words)
    assert bench.accepted == list(range(40))
    assert bench.slice_at == [cycle + ACC_READ_LATENCY + latency for cycle in bench.accepted]
