"""The cycle account of whole products: what is charged is what the descriptors and the memory make of it."""

from __future__ import annotations

import numpy as np
import pytest

from hwacc import isa
from hwacc.compiler.emit.gemm import gemm_stream
from hwacc.config import TINY, ArrayConfig
from hwacc.driver.completion import Completion
from hwacc.driver.device import Device
from hwacc.isa import Dataflow
from hwacc.stream import Stream

MEMORY_BYTES = 2**20
SHAPES = [(4, 4, 4), (9, 5, 7), (33, 64, 6), (1, 100, 50), (40, 30, 50)]


def multiply(stream: Stream, latency: int, config: ArrayConfig = TINY) -> Completion:
    """Runs ``stream`` on a fresh device; the operands do not matter."""
    with Device.open("sim", config, memory_bytes=MEMORY_BYTES, memory_latency=latency) as device:
        return device.run(stream, [device.place(np.ones(slot.size, np.uint8)) for slot in stream.slots])


def fed_cycles(work: isa.Descriptor, config: ArrayConfig = TINY) -> int:
    """Cycles in which the tiles of a COMPUTE are fed, as :data:`hwacc.isa.COMPUTE` has them, where one just like it came before."""
    rows, cols = config.rows, config.cols
    if not (work["dataflow"] or work["west_k_contiguous"] or work["north_k_contiguous"]):
        return -(-work["n"] // cols) * sum(max(work["k"], min(rows, work["m"] - first), 4) for first in range(0, work["m"], rows))
    tiled, streamed = ("k", "m") if work["dataflow"] == Dataflow.WEIGHT_STATIONARY else ("m", "k")
    return -(-work["n"] // cols) * -(-work[tiled] // rows) * max(work[streamed], rows, cols, 4)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_array_is_charged_for_the_tiles_of_the_descriptors_and_no_more(shape: tuple[int, int, int]) -> None:
    stream = gemm_stream(*shape, "int8", TINY)
    account = multiply(stream, 32).account
    assert account["array_busy"] == sum(fed_cycles(work) for work in stream.descriptors if work.op is isa.COMPUTE)


@pytest.mark.parametrize("shape", [(1, 2, 300), (6, 3, 200), (9, 1, 77), (18, 1, 40)], ids=str)
def test_tiles_of_few_rows_and_steps_are_charged_likewise(shape: tuple[int, int, int]) -> None:
    stream = gemm_stream(*shape, "int8", ArrayConfig())
    computes = [work for work in stream.descriptors if work.op is isa.COMPUTE]
    saved = sum(fed_cycles(work, ArrayConfig()) for work in computes) - multiply(stream, 32, ArrayConfig()).account["array_busy"]
    assert 0 <= saved <= 12 * len(computes), "a first tile waits for no rows where the array has run empty"


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_longer_latency_is_charged_to_what_waits_for_memory(shape: tuple[int, int, int]) -> None:
    stream = gemm_stream(*shape, "int8", TINY)
    near, far = multiply(stream, 40), multiply(stream, 90)
    more = {name: far.account[name] - near.account[name] for name in near.account}
    assert sum(more.values()) == far.cycles - near.cycles
    assert all(40 <= more[name] <= 60 for name in ("descriptor_wait", "load_latency", "writeback")), more
    assert more["array_busy"] == more["completion"] == 0
    assert max(abs(more[name]) for name in ("fill_drain", "store_wait", "load_bandwidth")) <= 10


@pytest.mark.parametrize("latency", [20, 32])
def test_the_first_submission_after_a_reset_is_charged_like_any_other(latency: int) -> None:
    """While COMPUTE empties the array after a reset, it is the first descriptor that is waited for."""
    stream = gemm_stream(9, 5, 7, "int32", ArrayConfig())
    with Device.open("sim", ArrayConfig(), memory_bytes=MEMORY_BYTES, memory_latency=latency) as device:
        buffers = [device.place(np.ones(slot.size, np.uint8)) for slot in stream.slots]
        first, second = device.run(stream, buffers), device.run(stream, buffers)
    assert first.account == second.account
    assert second.account["descriptor_wait"] >= latency
