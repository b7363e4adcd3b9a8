"""The buffers that LOAD fills."""

import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwacc.config import ArrayConfig
from hwacc.rtl.buffer import OperandBuffer, ParameterBuffer
from hwacc.rtl.interfaces import BYTE_LANES_LATENCY, OPERAND_READ_LATENCY
from tests.rtl.simulate import simulate


def piece(rng: random.Random, config: ArrayConfig, size: int) -> tuple[dict[str, int], list[tuple[int, int]]]:
    """A random write: its payload, and the (address, byte) pairs it stands for."""
    count = rng.randint(1, config.bus_bytes)
    address = rng.randint(0, size - count)
    places = [(address + i, rng.randrange(256)) for i in range(count)]
    value = sum(byte << 8 * (place % config.bus_bytes) for place, byte in places)
    noise = sum(rng.randrange(256) << 8 * lane for lane in range(config.bus_bytes) if all(p % config.bus_bytes != lane for p, _ in places))
    mask = sum(1 << place % config.bus_bytes for place, _ in places)
    return {"address": address, "data": value | noise, "mask": mask}, places


async def fill(ctx: Any, dut: Any, rng: random.Random, config: ArrayConfig, image: NDArray[np.uint8], writes: int) -> None:
    """A random write every cycle; ``image`` gets the same."""
    ctx.set(dut.write.valid, 1)
    for _ in range(writes):
        payload, places = piece(rng, config, len(image))
        ctx.set(dut.write.payload, payload)
        assert ctx.get(dut.write.ready)
        await ctx.tick()
        for place, byte in places:
            image[place] = byte
    ctx.set(dut.write.valid, 0)


CONFIGS = [
    ArrayConfig(rows=4, cols=4, bus_bytes=16, spm_bytes=512, channels=64),
    ArrayConfig(rows=16, cols=8, bus_bytes=4, spm_bytes=512, channels=64),
    ArrayConfig(rows=2, cols=64, bus_bytes=8, spm_bytes=1024, channels=64),
]


@pytest.mark.parametrize("seed", [11])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.rows}x{config.cols}, bus {config.bus_bytes}")
@pytest.mark.parametrize("window", [4, 32])
def test_operand_buffer_shows_from_any_byte_on_what_unaligned_writes_left(config: ArrayConfig, window: int, seed: int) -> None:
    rng, dut = random.Random(seed), OperandBuffer(config, window=window)
    image = np.zeros(config.operand_bytes, np.uint8)

    async def bench(ctx: Any) -> None:
        await fill(ctx, dut, rng, config, image, 150)
        starts = list(range(len(image) - window + 1))
        rng.shuffle(starts)
        for cycle in range(len(starts) + OPERAND_READ_LATENCY):
            if cycle >= OPERAND_READ_LATENCY:
                start = starts[cycle - OPERAND_READ_LATENCY]
                assert ctx.get(dut.data) == int.from_bytes(image[start : start + window].tobytes(), "little"), f"bytes from {start} on"
            if cycle < len(starts):
                ctx.set(dut.address, starts[cycle])
            await ctx.tick()

    simulate(dut, bench)
    assert np.count_nonzero(image) > len(image) // 2


def test_a_read_in_the_cycle_after_a_write_sees_it() -> None:
    config = CONFIGS[0]
    dut = OperandBuffer(config, window=8)

    async def bench(ctx: Any) -> None:
        ctx.set(dut.write.payload, {"address": 16 * 3 + 9, "data": 0x7F << 8 * 9, "mask": 1 << 9})
        ctx.set(dut.write.valid, 1)
        await ctx.tick()
        ctx.set(dut.write.valid, 0)
        ctx.set(dut.address, 16 * 3 + 9)
        await ctx.tick().repeat(OPERAND_READ_LATENCY)
        assert ctx.get(dut.data) == 0x7F

    simulate(dut, bench)


@pytest.mark.parametrize("seed", [11])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.rows}x{config.cols}, bus {config.bus_bytes}")
def test_parameter_buffer_gives_multiplier_and_shift_of_every_channel(config: ArrayConfig, seed: int) -> None:
    rng, dut = random.Random(seed), ParameterBuffer(config)
    image = np.zeros(config.parameter_buffer_bytes, np.uint8)

    async def bench(ctx: Any) -> None:
        await fill(ctx, dut, rng, config, image, 200)
        channels = image.reshape(config.parameter_words, config.cols, 8)
        for word, expected in enumerate(channels):
            ctx.set(dut.address, word)
            await ctx.tick().repeat(BYTE_LANES_LATENCY)
            found = ctx.get(dut.data)
            for channel, raw in enumerate(expected):
                assert found[channel].multiplier == raw[:4].copy().view(np.int32)[0]
                assert found[channel].shift == raw[4] % 64

    simulate(dut, bench)
