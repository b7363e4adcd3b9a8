"""What a COMPUTE descriptor means, in NumPy, over whole buffers of random bytes; and random descriptors.

The operand buffers hold random bytes, and a descriptor picks any place in them: the bytes around a panel are garbage, as they may
be on the device. Columns of the last column tile beyond n are not defined; the model keeps track of which numbers are.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc import isa, reference
from hwacc.config import ArrayConfig
from hwacc.reference import Int8, Int32


@dataclass
class ComputeModel:
    """The buffers before, and the accumulator as descriptors change it; ``defined`` says which of its numbers are certain."""

    config: ArrayConfig
    seed: int
    west: Int8 = field(init=False)
    north: Int8 = field(init=False)
    accumulator: Int32 = field(init=False)
    defined: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        numbers = np.random.default_rng(self.seed)
        operands = (2, self.config.operand_bytes)
        self.west, self.north = numbers.integers(-128, 128, operands, dtype=np.int8)
        words = (self.config.acc_words, self.config.cols)
        self.accumulator = numbers.integers(-(2**31), 2**31, words).astype(np.int32)
        self.defined = np.ones(words, bool)

    def execute(self, job: isa.Descriptor) -> None:
        """Changes the accumulator as ``job`` does."""
        m, n, k = job["m"], job["n"], job["k"]
        a = panel(self.west, job["west"], job["west_stride"], m, k, bool(job["west_k_contiguous"]))
        b = panel(self.north, job["north"], job["north_stride"], n, k, bool(job["north_k_contiguous"])).T
        tiles = -(-n // self.config.cols)
        product = np.zeros((m, tiles * self.config.cols), np.int64)
        certain = np.arange(tiles * self.config.cols) < n
        product[:, :n] = reference.gemm(a, b)
        addend, known = self._addend(job, tiles)
        words, shape = result_words(self.config, job), (m, tiles, self.config.cols)
        self.accumulator[words] = reference.wrap32(product + addend).reshape(shape)
        self.defined[words] = np.broadcast_to(certain & known, product.shape).reshape(shape)

    def _addend(self, job: isa.Descriptor, tiles: int) -> tuple[Any, Any]:
        """Numbers to add, [m or 1, columns], and which of them are certain."""
        if job["addend"] == isa.Addend.NONE:
            return np.int64(0), np.True_
        bias = job["bias"] + np.arange(tiles)[None, :]
        words = result_words(self.config, job) if job["addend"] == isa.Addend.ACCUMULATE else bias
        return self.accumulator[words].reshape(len(words), -1).astype(np.int64), self.defined[words].reshape(len(words), -1)


def result_words(config: ArrayConfig, job: isa.Descriptor) -> NDArray[np.int64]:
    """The accumulator words of the result, [m, column tiles]."""
    tiles = -(-job["n"] // config.cols)
    return job["acc"] + np.arange(job["m"])[:, None] * (job["acc_stride"] or tiles) + np.arange(tiles)


def panel(buffer: Int8, first: int, stride: int, lines: int, k: int, k_contiguous: bool) -> Int8:
    """An operand, [m or n, k], read from an operand buffer as COMPUTE's fields say."""
    line, byte = np.arange(lines)[:, None], np.arange(k)[None, :]
    start, along = (line, byte) if k_contiguous else (byte, line)
    return np.asarray(buffer[first + start * stride + along])


def random_job(rng: random.Random, config: ArrayConfig, most: int = 14, **fixed: int) -> isa.Descriptor:
    """A descriptor whose panels lie inside the buffers; ``fixed`` says the values of some fields. Unless the place of
    the result is one of them, its rows may leave words between them."""
    values = {name: rng.choice((1, rng.randint(1, most), rng.randint(1, most))) for name in "mnk"}
    if rng.random() < 0.3:
        values["k"] = rng.choice((2 * config.rows, 2 * config.cols + 1, 5 * config.cols + 3))
    values |= {name: rng.randint(0, 1) for name in ("west_k_contiguous", "north_k_contiguous", "signal_load")}
    values |= {"dataflow": rng.choice(config.available_dataflows), "addend": rng.choice(list(isa.Addend)), "signal_store": 1, **fixed}
    for side, lines in (("west", "m"), ("north", "n")):
        values |= _place(rng, config, side, values[lines], values["k"], values[f"{side}_k_contiguous"])
    tiles = -(-values["n"] // config.cols)
    widest = (config.acc_words - 2 * tiles) // max(1, values["m"] - 1)
    strides = [0, 0, *(stride for stride in (tiles, tiles + 1, tiles + rng.randint(1, 5)) if stride <= widest)]
    values["acc_stride"] = 0 if "acc" in fixed else rng.choice(strides)
    values |= fixed
    size = (values["m"] - 1) * (values["acc_stride"] or tiles) + tiles
    values["acc"] = rng.choice((0, rng.randint(0, config.acc_words - size)))
    values["bias"] = rng.randint(0, config.acc_words - tiles)
    if values["addend"] == isa.Addend.BIAS:  # not where the results go: that would be the user's hazard
        values["acc"] = config.acc_words - size
        values["bias"] = rng.randint(0, values["acc"] - tiles)
    return isa.describe(isa.COMPUTE, **{**values, **fixed})


def _place(rng: random.Random, config: ArrayConfig, side: str, lines: int, k: int, k_contiguous: int) -> dict[str, int]:
    """First byte and stride of a panel; the last byte of the buffer is often the panel's last."""
    many, length = (lines, k) if k_contiguous else (k, lines)
    fitting = [stride for stride in (0, 1, length, length + 3) if (many - 1) * stride + length <= config.operand_bytes]
    stride = rng.choice(fitting)
    room = config.operand_bytes - (many - 1) * stride - length
    return {side: rng.choice((0, room, rng.randint(0, room))), f"{side}_stride": stride}
