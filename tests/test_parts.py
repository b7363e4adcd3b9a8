"""What descriptors that work part by part stand for."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from hwacc import isa
from hwacc.config import TINY
from hwacc.driver.device import Device
from hwacc.driver.transports.functional import FunctionalModel
from hwacc.parts import part_count, parts
from hwacc.stream import Slot, Stream
from hwacc.verifier import verify
from tests.rtl import load_model
from tests.test_tiny import A, B, C, product_stream

LOAD = isa.describe(
    isa.LOAD, wait_store=1, signal_compute=1, signal_each=1, address=5, run=3, count1=2, stride1=9, local=7, bounded=1, y0=-1, y_limit=9,
    x_limit=40, count4=3, stride4=-4, local_stride4=20, y_step4=2,
)  # fmt: skip
COMPUTE = isa.describe(
    isa.COMPUTE, wait_load=1, wait_store=1, signal_load=1, signal_store=1, m=5, n=6, k=10, k_step=4, west=100, west_stride=10, west_step=4,
    north=30, north_stride=6, north_step=24, acc=3, bias=60, addend=isa.Addend.BIAS, west_k_contiguous=1,
)  # fmt: skip


def streamed(**values: int) -> Stream:
    """The product of :mod:`tests.test_tiny` with the second operand in two parts; ``values`` are other ones for COMPUTE."""
    stream = product_stream()
    west, north, compute, store = stream.descriptors
    north = north.replace(count1=2, count4=2, stride4=8, local_stride4=32, signal_each=1)
    compute = compute.replace(**{"k_step": 2, "west_step": 2, "north_step": 32, **values})
    return replace(stream, descriptors=(west, north, compute, store))


def changes(descriptor: isa.Descriptor) -> list[dict[str, int]]:
    """Where each part differs from the descriptor itself."""
    return [{name: value for name, value in part.values.items() if descriptor[name] != value} for part in parts(descriptor)]


def empty_targets() -> dict[int, load_model.Bytes]:
    """The on-chip buffers, all zero."""
    return {target: np.zeros(size, np.uint8) for target, size in load_model.sizes(TINY).items()}


@pytest.mark.parametrize("op", isa.OPS, ids=lambda op: op.name)
def test_a_plain_descriptor_is_its_only_part(op: isa.Op) -> None:
    descriptor = isa.describe(op)
    assert list(parts(descriptor)) == [descriptor]
    assert part_count(descriptor) == 1


def test_each_iteration_of_loop_4_becomes_a_load_that_signals_and_the_first_one_waits() -> None:
    plain = {"count4": 1, "signal_each": 0}
    assert changes(LOAD) == [
        plain,
        plain | {"address": 1, "local": 27, "y0": 1, "wait_store": 0},
        plain | {"address": 2**40 - 3, "local": 47, "y0": 3, "wait_store": 0},
    ]


def test_each_step_of_k_becomes_a_compute_that_takes_a_token_of_load_and_the_last_one_signals() -> None:
    assert changes(COMPUTE) == [
        {"k": 4, "k_step": 0, "signal_load": 0, "signal_store": 0},
        {"k": 4, "k_step": 0, "signal_load": 0, "signal_store": 0, "wait_store": 0, "west": 104, "north": 54, "addend": 1},
        {"k": 2, "k_step": 0, "wait_store": 0, "west": 108, "north": 78, "addend": 1},
    ]


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("between", [0, 1])
def test_neighbouring_iterations_meet_at_the_end_of_a_beat_where_that_is_asked_for(start: int, end: int, between: int) -> None:
    aligned = {"align_start": start, "align_end": end, "align_between": between}
    found = list(parts(LOAD.replace(**aligned)))
    assert [part["align_start"] for part in found] == [start, between, between]
    assert [part["align_end"] for part in found] == [between, between, end]
    for single in (LOAD.replace(count4=1, **aligned), LOAD.replace(signal_each=0, **aligned)):
        (part,) = parts(single)
        assert (part["align_start"], part["align_end"], part["align_between"]) == (start, end, 0)


@pytest.mark.parametrize(("k", "step", "lengths"), [(8, 4, [4, 4]), (8, 8, [8]), (8, 9, [8]), (5, 1, [1] * 5), (8, 0, [8])])
def test_the_parts_of_a_reduction_sum_to_it(k: int, step: int, lengths: list[int]) -> None:
    compute = COMPUTE.replace(k=k, k_step=step)
    assert [part["k"] for part in parts(compute)] == lengths
    assert part_count(compute) == len(lengths)


def test_operands_may_go_backwards_for_their_places_are_reckoned_modulo_two_to_the_20() -> None:
    assert [part["west"] for part in parts(COMPUTE.replace(west_step=2**20 - 4))] == [100, 96, 92]


@pytest.mark.parametrize("nothing", [LOAD.replace(count4=0), COMPUTE.replace(k=0)], ids=["LOAD", "COMPUTE"])
def test_what_has_no_length_is_one_part_that_is_refused(nothing: isa.Descriptor) -> None:
    assert part_count(nothing) == 1
    assert changes(nothing)[0].keys() <= {"signal_each", "k_step"}
    silent = nothing.replace(wait_load=0, wait_store=0)
    assert FunctionalModel(TINY).execute(np.zeros(64, np.uint8), [silent]).status is isa.Status.BAD_FIELD


@pytest.mark.parametrize("seed", range(4))
def test_the_parts_of_a_load_move_what_the_whole_moves(seed: int) -> None:
    rng = random.Random(seed)
    memory = np.frombuffer(rng.randbytes(4096), np.uint8)
    for _ in range(50):
        job = load_model.random_job(rng, TINY, memory.size).replace(signal_each=1)
        whole, apart = empty_targets(), empty_targets()
        load_model.execute(job, TINY, memory, whole)
        for part in parts(job):
            load_model.execute(part, TINY, memory, apart)
        assert all(np.array_equal(whole[target], apart[target]) for target in whole), f"seed {seed}: {job}"


@pytest.mark.parametrize("name", ["model", "sim"])
def test_a_product_follows_its_operand_part_by_part(name: str) -> None:
    verify(streamed(), TINY)
    with Device.open(name, TINY, memory_bytes=2**20) as device:
        buffers = [device.place(A), device.place(B), device.allocate(64)]
        assert device.run(streamed(), buffers).status is isa.Status.OK
        assert buffers[2].read(np.int32, (4, 4)).tolist() == C


@pytest.mark.parametrize("name", ["model", "sim"])
def test_a_product_follows_slices_of_rows_no_beat_of_which_is_read_twice(name: str) -> None:
    m, k, n, step = 5, 63, 3, 21
    rng = np.random.default_rng(5)
    a, b = (rng.integers(-128, 128, shape, dtype=np.int8) for shape in ((m, k), (k, n)))
    slices = {"run": step, "count1": m, "stride1": k, "local_stride1": k, "count4": 3, "stride4": step, "local_stride4": step}
    panels = {"west_k_contiguous": 1, "west_stride": k, "west_step": step, "north_stride": n, "north_step": step * n}
    descriptors = (
        isa.describe(isa.LOAD, target=isa.Target.NORTH, run=k * n),
        isa.describe(isa.LOAD, target=isa.Target.WEST, **slices, signal_each=1, align_between=1, signal_compute=1),
        isa.describe(isa.COMPUTE, m=m, n=n, k=k, k_step=step, **panels, wait_load=1, signal_store=1),
        isa.describe(isa.STORE, n=n, count1=m, stride1=4 * n, output=isa.Output.INT32, wait_compute=1),
    )
    stream = Stream(TINY.hash, (Slot("a", m * k), Slot("b", k * n), Slot("c", 4 * m * n)), descriptors, (1, 0, None, 2))
    with Device.open(name, TINY, memory_bytes=2**20) as device:
        buffers = [device.place(a), device.place(b), device.allocate(4 * m * n)]
        completion = device.run(stream, buffers)
        assert completion.status is isa.Status.OK
        assert buffers[2].read(np.int32, (m, n)).tolist() == (a.astype(np.int32) @ b).tolist()
        beats = sum((first + k - 1) // 16 - first // 16 + 1 for first in range(0, m * k, k)) + -(-k * n // 16)
        assert completion.bytes_read == 16 * beats


def test_a_missing_token_of_a_part_is_a_deadlock_at_its_descriptor() -> None:
    descriptors = streamed(k_step=1).relocated([0, 64, 128])
    outcome = FunctionalModel(TINY).execute(np.zeros(256, np.uint8), descriptors)
    assert (outcome.status, outcome.engine, outcome.descriptor) == (isa.Status.DEADLOCK, isa.Engine.COMPUTE, 2)
