"""The functional model: each operation against its definition, the order of the engines, and every fault."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwacc import isa, reference
from hwacc.config import PARAMETER_BYTES, TINY, ArrayConfig
from hwacc.driver.transports.functional import FunctionalModel
from hwacc.isa import Addend, Engine, Output, Status, Target

Bytes = NDArray[np.uint8]
CONFIGS = [TINY, ArrayConfig(rows=4, cols=8, bus_bytes=16, spm_bytes=8192, acc_bytes=4096, channels=64)]


@pytest.fixture(params=[20], ids=lambda seed: f"seed{seed}")
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


def run(model: FunctionalModel, memory: Bytes, *descriptors: isa.Descriptor) -> None:
    outcome = model.execute(memory, descriptors)
    assert outcome.status is Status.OK, outcome


def naive_load(memory: Bytes, target: Bytes, d: isa.Descriptor) -> None:
    """LOAD, byte by byte, as its documentation says."""
    for i4, i3, i2, i1 in itertools.product(*(range(d[f"count{dim}"]) for dim in (4, 3, 2, 1))):
        loops = {1: i1, 2: i2, 3: i3, 4: i4}
        address = d["address"] + sum(i * d[f"stride{dim}"] for dim, i in loops.items())
        local = d["local"] + sum(i * d[f"local_stride{dim}"] for dim, i in loops.items())
        x = d["x0"] + i1 * d["stride1"] + i3 * d["stride3"]
        y = d["y0"] + i2 * d["y_step2"] + i4 * d["y_step4"]
        for i in range(d["run"]):
            inside = 0 <= x + i < d["x_limit"] and 0 <= y < d["y_limit"]
            target[local + i] = memory[address + i] if inside or not d["bounded"] else d["pad"] & 0xFF


def random_load(rng: np.random.Generator, bounded: bool) -> isa.Descriptor:
    values = {"run": int(rng.integers(1, 9)), "address": 2000, "local": 300, "bounded": int(bounded), "pad": -7}
    for dim in range(1, 5):
        values[f"count{dim}"] = int(rng.integers(1, 5))
        values[f"stride{dim}"] = int(rng.integers(-40, 41))
        values[f"local_stride{dim}"] = int(rng.integers(-15, 16))
    values |= {"x0": int(rng.integers(-20, 20)), "y0": int(rng.integers(-4, 4)), "x_limit": int(rng.integers(0, 60))}
    values |= {"y_limit": int(rng.integers(0, 7)), "y_step2": int(rng.integers(0, 3)), "y_step4": int(rng.integers(0, 3))}
    return isa.describe(isa.LOAD, **values)


@pytest.mark.parametrize("bounded", [False, True])
def test_load_moves_the_bytes_that_its_loops_and_bounds_name(bounded: bool, rng: np.random.Generator) -> None:
    for _ in range(40):
        descriptor, model = random_load(rng, bounded), FunctionalModel(TINY)
        memory = rng.integers(0, 256, 4096, dtype=np.uint8)
        expected = model.state.west.copy()
        naive_load(memory, expected, descriptor)
        run(model, memory, descriptor)
        np.testing.assert_array_equal(model.state.west, expected)


@pytest.mark.parametrize("target", list(Target))
def test_load_fills_the_target_that_it_names(target: Target, rng: np.random.Generator) -> None:
    model, memory = FunctionalModel(TINY), rng.integers(1, 256, 256, dtype=np.uint8)
    run(model, memory, isa.describe(isa.LOAD, address=13, run=50, local=21, target=target))
    for other in Target:
        expected = memory[13:63] if other is target else np.zeros(50, np.uint8)
        np.testing.assert_array_equal(model.state.target(other)[21:71], expected)


def test_load_counts_the_beats_that_it_reads() -> None:
    model = FunctionalModel(ArrayConfig(rows=4, cols=4, bus_bytes=16))
    load = isa.describe(isa.LOAD, address=15, run=2, count1=3, stride1=16, local_stride1=2)
    assert model.execute(np.zeros(256, np.uint8), [load]).counts.bytes_read == 3 * 2 * 16
    clipped = load.replace(bounded=1, x_limit=1, y_limit=1)
    assert model.execute(np.zeros(256, np.uint8), [clipped]).counts.bytes_read == 16


@pytest.mark.parametrize("cuts", range(4))
def test_an_aligned_load_moves_whole_beats_and_leaves_the_other_places_alone(cuts: int, rng: np.random.Generator) -> None:
    start, end = cuts & 1, cuts >> 1
    for _ in range(40):
        model, memory = FunctionalModel(TINY), rng.integers(1, 256, 2048, dtype=np.uint8)
        address, run_bytes, stride = (int(rng.integers(16, high)) for high in (900, 60, 90))
        load = isa.describe(isa.LOAD, address=address, run=run_bytes, count1=5, stride1=stride, local=20, local_stride1=100)
        expected, beats = model.state.west.copy(), 0
        for row in range(5):
            first, last = address + row * stride, address + row * stride + run_bytes
            first, last = first + (-first % 16) * start, last + (-last % 16) * end
            place = 20 + row * 100 + first - (address + row * stride)
            expected[place : place + last - first] = memory[first:last]
            beats += -(-last // 16) - first // 16
        outcome = model.execute(memory, [load.replace(align_start=start, align_end=end)])
        assert (outcome.status, outcome.counts.bytes_read) == (Status.OK, 16 * beats)
        np.testing.assert_array_equal(model.state.west, expected)


def test_a_load_address_outside_its_picture_may_be_negative() -> None:
    model, memory = FunctionalModel(TINY), np.arange(64, dtype=np.uint8)
    load = isa.describe(isa.LOAD, address=(1 << isa.ADDRESS_BITS) - 3, run=6, bounded=1, x0=-3, x_limit=64, y_limit=1, pad=9)
    run(model, memory, load)
    assert model.state.west[:6].tolist() == [9, 9, 9, 0, 1, 2]


def place_operand(buffer: Bytes, panel: NDArray[np.int8], base: int, k_contiguous: bool) -> int:
    """Puts a panel [size, k] into an operand buffer; returns its stride, one more than need be."""
    lines = panel if k_contiguous else panel.T
    stride = lines.shape[1] + 1
    for index, line in enumerate(lines):
        start = base + index * stride
        buffer[start : start + len(line)] = line.view(np.uint8)
    return stride


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.rows}x{config.cols}")
@pytest.mark.parametrize("addend", list(Addend))
@pytest.mark.parametrize("layouts", list(itertools.product((0, 1), repeat=2)))
def test_compute_multiplies_both_layouts_and_adds(
    config: ArrayConfig, addend: Addend, layouts: tuple[int, int], rng: np.random.Generator
) -> None:
    m, n, k = 7, 2 * config.cols + 3, 21
    a, b = rng.integers(-128, 128, (m, k), dtype=np.int8), rng.integers(-128, 128, (k, n), dtype=np.int8)
    model = FunctionalModel(config)
    model.state.accumulator[:] = rng.integers(-(2**31), 2**31, model.state.accumulator.shape, dtype=np.int32)
    for buffer in (model.state.west, model.state.north):
        buffer[:] = rng.integers(0, 256, buffer.size, dtype=np.uint8)
    values = {"m": m, "n": n, "k": k, "west": 2, "north": 3, "acc": 5, "bias": 60, "addend": addend}
    values["west_stride"] = place_operand(model.state.west, a, 2, bool(layouts[0]))
    values["north_stride"] = place_operand(model.state.north, np.ascontiguousarray(b.T), 3, bool(layouts[1]))
    before = model.state.accumulator.copy()
    run(model, np.zeros(0, np.uint8), isa.describe(isa.COMPUTE, **values, west_k_contiguous=layouts[0], north_k_contiguous=layouts[1]))
    added: dict[Addend, Any] = {
        Addend.NONE: 0,
        Addend.ACCUMULATE: before[5 : 5 + 3 * m].reshape(m, -1)[:, :n],
        Addend.BIAS: before[60:63].reshape(-1)[:n],
    }
    expected = reference.wrap32(reference.gemm(a, b).astype(np.int64) + added[addend])
    np.testing.assert_array_equal(model.state.accumulator[5 : 5 + 3 * m].reshape(m, -1)[:, :n], expected)
    model.state.accumulator[5 : 5 + 3 * m] = before[5 : 5 + 3 * m]
    np.testing.assert_array_equal(model.state.accumulator, before)


@pytest.mark.parametrize("k", [1024, 1025, 5000])
def test_compute_is_exact_at_the_extremes_of_long_reductions(k: int) -> None:
    model = FunctionalModel(ArrayConfig())
    model.state.west[:k] = np.full(k, -128, np.int8).view(np.uint8)
    model.state.north[:k] = np.full(k, -128, np.int8).view(np.uint8)
    model.state.north[k - 1] = 1
    run(model, np.zeros(0, np.uint8), isa.describe(isa.COMPUTE, m=1, n=1, k=k, west_k_contiguous=1, north_k_contiguous=1))
    assert model.state.accumulator[0, 0] == (k - 1) * 128 * 128 - 128


def random_accumulator(rng: np.random.Generator, config: ArrayConfig) -> FunctionalModel:
    model = FunctionalModel(config)
    model.state.accumulator[:] = rng.integers(-(2**31), 2**31, model.state.accumulator.shape, dtype=np.int32)
    return model


def stored(memory: Bytes, address: int, strides: tuple[int, ...], counts: tuple[int, ...], size: int) -> Bytes:
    """The rows that a STORE with these loops, innermost first, wrote."""
    rows = []
    for index in itertools.product(*(range(count) for count in reversed(counts))):
        start = address + sum(i * stride for i, stride in zip(reversed(index), strides))
        rows.append(memory[start : start + size])
    return np.array(rows)


def test_store_writes_int32_rows_where_its_loops_say(rng: np.random.Generator) -> None:
    model, memory = random_accumulator(rng, TINY), np.zeros(4096, np.uint8)
    counts, strides, n = (3, 2, 2), (60, 700, -200), 6
    loops = {f"count{i}": c for i, c in enumerate(counts, 1)} | {f"stride{i}": s for i, s in enumerate(strides, 1)}
    run(model, memory, isa.describe(isa.STORE, address=1000, n=n, acc=7, output=Output.INT32, **loops))
    got = stored(memory, 1000, strides, counts, 4 * n).view(np.int32)
    expected = model.state.accumulator[7 : 7 + 12 * 2].reshape(12, -1)[:, :n]
    np.testing.assert_array_equal(got, expected)
    assert np.count_nonzero(memory) <= 12 * 4 * n


@pytest.mark.parametrize("double_round", [0, 1])
@pytest.mark.parametrize("per_channel", [0, 1])
def test_store_requantises_as_the_reference_does(double_round: int, per_channel: int, rng: np.random.Generator) -> None:
    model, memory = random_accumulator(rng, TINY), np.zeros(1024, np.uint8)
    rows, n = 9, 7
    multiplier, shift = rng.integers(-(2**31), 2**31, n), rng.integers(2, 63, n)
    table = model.state.parameters.reshape(-1, PARAMETER_BYTES)
    table[4 : 4 + n, :4] = multiplier.astype("<i4").view(np.uint8).reshape(n, 4)
    table[4 : 4 + n, 4] = shift
    scale = {"parameters": 1, "shift": 0} if per_channel else {"multiplier": int(multiplier[0]), "shift": int(shift[0])}
    clamp: dict[str, Any] = {"zero_point": -9, "clamp_min": -100, "clamp_max": 90}
    flags = {"double_round": double_round, "per_channel": per_channel, "output": Output.INT8}
    run(model, memory, isa.describe(isa.STORE, address=33, n=n, acc=2, count1=rows, stride1=n + 2, **scale, **clamp, **flags))
    got = stored(memory, 33, (n + 2,), (rows,), n).view(np.int8)
    values = model.state.accumulator[2 : 2 + rows * 2].reshape(rows, -1)[:, :n]
    used = (multiplier, shift) if per_channel else (multiplier[:1], shift[:1])
    expected = reference.requantise(values, *used, double_round=bool(double_round), **clamp)
    np.testing.assert_array_equal(got, expected)


def test_columns_of_a_panel_may_be_worked_on_one_after_the_other() -> None:
    model, memory = FunctionalModel(TINY), np.zeros(512, np.uint8)
    rng = np.random.default_rng(3)
    a, b = rng.integers(-128, 128, (5, 7), dtype=np.int8), rng.integers(-128, 128, (7, 11), dtype=np.int8)
    memory[:35], memory[64:141] = a.reshape(-1).view(np.uint8), b.reshape(-1).view(np.uint8)
    loads = [isa.describe(isa.LOAD, run=35, target=Target.WEST), isa.describe(isa.LOAD, address=64, run=77, target=Target.NORTH)]
    panel = {"m": 5, "k": 7, "west_stride": 7, "west_k_contiguous": 1, "north_stride": 11, "acc_stride": 3}
    right = isa.describe(isa.COMPUTE, **panel, n=3, north=8, acc=11)
    left = isa.describe(isa.COMPUTE, **panel, n=8, acc=9)
    whole = isa.describe(isa.STORE, address=256, n=11, acc=9, count1=5, stride1=44, output=Output.INT32)
    middle = isa.describe(isa.STORE, address=256, n=4, acc=10, acc_stride=3, count1=5, stride1=16, output=Output.INT32)
    run(model, memory, *loads)
    run(model, memory, right, left)
    run(model, memory, whole)
    product = a.astype(np.int32) @ b.astype(np.int32)
    np.testing.assert_array_equal(memory[256 : 256 + 220].view(np.int32).reshape(5, 11), product)
    run(model, memory, middle)
    np.testing.assert_array_equal(memory[256 : 256 + 80].view(np.int32).reshape(5, 4), product[:, 4:8])


def test_the_on_chip_buffers_keep_their_content_between_submissions() -> None:
    model, memory = FunctionalModel(TINY), np.arange(1, 65, dtype=np.uint8)
    run(model, memory, isa.describe(isa.LOAD, address=0, run=16, target=Target.ACCUMULATOR))
    run(model, memory, isa.describe(isa.STORE, address=48, n=4, output=Output.INT32))
    assert memory[48:64].tolist() == list(range(1, 17))


def test_tokens_decide_the_order_and_not_the_place_in_the_stream() -> None:
    model, memory = FunctionalModel(TINY), np.zeros(64, np.uint8)
    memory[0], memory[4] = 11, 22
    early = isa.describe(isa.LOAD, run=4, target=Target.ACCUMULATOR, signal_store=1)
    late = isa.describe(isa.LOAD, address=4, run=4, target=Target.ACCUMULATOR, wait_store=1, signal_store=1)
    store = isa.describe(isa.STORE, address=32, n=1, output=Output.INT32, wait_load=1, signal_load=1)
    second = isa.describe(isa.STORE, address=36, n=1, output=Output.INT32, wait_load=1)
    run(model, memory, store, second, early, late)
    assert (memory[32], memory[36]) == (11, 22)


def test_a_token_that_nobody_pushes_is_a_deadlock_at_the_first_waiting_descriptor() -> None:
    model, memory = FunctionalModel(TINY), np.zeros(64, np.uint8)
    load = isa.describe(isa.LOAD, run=4)
    stuck = isa.describe(isa.COMPUTE, m=1, n=1, k=1, wait_load=1, signal_store=1)
    outcome = model.execute(memory, [load, stuck, isa.describe(isa.STORE, n=1, wait_compute=1)])
    assert (outcome.status, outcome.engine, outcome.descriptor) == (Status.DEADLOCK, Engine.COMPUTE, 1)


def test_tokens_do_not_survive_their_submission() -> None:
    model, memory = FunctionalModel(TINY), np.zeros(64, np.uint8)
    run(model, memory, isa.describe(isa.LOAD, run=4, signal_compute=1))
    outcome = model.execute(memory, [isa.describe(isa.COMPUTE, m=1, n=1, k=1, wait_load=1)])
    assert outcome.status is Status.DEADLOCK


def test_end_stops_a_submission_and_an_unknown_opcode_is_reported_with_its_place() -> None:
    model, memory = FunctionalModel(TINY), np.zeros(64, np.uint8)
    unknown = bytes([0x77]) + bytes(isa.SHORT_BYTES - 1)
    load = isa.describe(isa.LOAD, run=4).encode()
    assert model.execute(memory, [load, isa.describe(isa.END).encode(), unknown]).status is Status.OK
    outcome = model.execute(memory, [load, unknown])
    assert (outcome.status, outcome.engine, outcome.descriptor) == (Status.BAD_OPCODE, Engine.CONTROL, 1)


GOOD = {
    "load": isa.describe(isa.LOAD, run=4),
    "compute": isa.describe(isa.COMPUTE, m=1, n=1, k=1),
    "store": isa.describe(isa.STORE, n=1, shift=2),
}
BYTES = TINY.operand_bytes
FAULTS = [
    ("load", {"run": 0}, Status.BAD_FIELD),
    *[("load", {f"count{dim}": 0}, Status.BAD_FIELD) for dim in (1, 2, 3, 4)],
    ("load", {"local": TINY.operand_bytes - 3}, Status.BAD_LOCAL_ADDRESS),
    ("load", {"count2": 2, "local_stride2": -1}, Status.BAD_LOCAL_ADDRESS),
    ("load", {"local": TINY.parameter_buffer_bytes - 3, "target": Target.PARAMETERS}, Status.BAD_LOCAL_ADDRESS),
    ("load", {"local": TINY.acc_bytes - 3, "target": Target.ACCUMULATOR}, Status.BAD_LOCAL_ADDRESS),
    ("load", {"run": 15, "align_start": 1}, Status.BAD_FIELD),
    ("load", {"run": 15, "count4": 2, "signal_each": 1, "align_between": 1}, Status.BAD_FIELD),
    ("load", {"run": 16, "align_start": 1, "bounded": 1}, Status.BAD_FIELD),
    ("load", {"align_end": 1, "bounded": 1}, Status.BAD_FIELD),
    ("load", {"local": BYTES - 15, "align_end": 1}, Status.BAD_LOCAL_ADDRESS),
    ("load", {"address": 3, "run": 16, "count1": 2, "local": 3, "local_stride1": -17, "align_start": 1}, Status.BAD_LOCAL_ADDRESS),
    ("load", {"address": 61}, Status.READ_ERROR),
    ("load", {"count3": 2, "stride3": -1}, Status.READ_ERROR),
    ("load", {"count1": 2, "stride1": -1, "local": BYTES - 4, "local_stride1": 1}, Status.BAD_LOCAL_ADDRESS),
    ("load", {"count1": 3, "stride1": -1, "local": BYTES - 5, "local_stride1": 1}, Status.READ_ERROR),
    *[("compute", {name: 0}, Status.BAD_FIELD) for name in "mnk"],
    ("compute", {"addend": 3}, Status.BAD_FIELD),
    ("compute", {"acc": TINY.acc_words}, Status.BAD_LOCAL_ADDRESS),
    ("compute", {"acc": TINY.acc_words - 3, "m": 2, "n": 5}, Status.BAD_LOCAL_ADDRESS),
    ("compute", {"acc": TINY.acc_words - 4, "m": 2, "n": 5, "acc_stride": 3}, Status.BAD_LOCAL_ADDRESS),
    ("compute", {"n": 9, "acc_stride": 2}, Status.BAD_FIELD),
    ("compute", {"bias": TINY.acc_words - 1, "n": 5, "addend": Addend.BIAS}, Status.BAD_LOCAL_ADDRESS),
    ("compute", {"west": BYTES - 2, "k": 3, "west_stride": 1}, Status.BAD_LOCAL_ADDRESS),
    ("compute", {"north": BYTES - 16, "k": 17, "north_k_contiguous": 1}, Status.BAD_LOCAL_ADDRESS),
    ("store", {"n": 0}, Status.BAD_FIELD),
    *[("store", {f"count{dim}": 0}, Status.BAD_FIELD) for dim in (1, 2, 3)],
    ("store", {"shift": 1}, Status.BAD_FIELD),
    ("store", {"shift": 63}, Status.BAD_FIELD),
    ("store", {"acc": TINY.acc_words - 1, "n": 5}, Status.BAD_LOCAL_ADDRESS),
    ("store", {"acc": TINY.acc_words - 3, "count2": 2, "count3": 2}, Status.BAD_LOCAL_ADDRESS),
    ("store", {"acc": TINY.acc_words - 9, "count2": 2, "count3": 2, "acc_stride": 3}, Status.BAD_LOCAL_ADDRESS),
    ("store", {"parameters": TINY.parameter_words - 1, "n": 5, "per_channel": 1}, Status.BAD_LOCAL_ADDRESS),
    ("store", {"address": 64}, Status.WRITE_ERROR),
    ("store", {"count1": 2, "stride1": -1}, Status.WRITE_ERROR),
]


@pytest.mark.parametrize(("name", "change", "status"), FAULTS)
def test_a_fault_names_its_status_engine_and_descriptor(name: str, change: dict[str, int], status: Status) -> None:
    model, memory = FunctionalModel(TINY), np.zeros(64, np.uint8)
    run(model, memory, *GOOD.values())
    bad = GOOD[name].replace(**change)
    outcome = model.execute(memory, [GOOD["load"], bad, GOOD["store"]])
    assert (outcome.status, outcome.engine, outcome.descriptor) == (status, bad.op.engine, 1)
    run(model, memory, *GOOD.values())


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("load", {"local": TINY.operand_bytes - 4}),
        ("load", {"address": 60}),
        ("load", {"run": 15, "align_between": 1}),
        ("load", {"run": 15, "align_between": 1, "signal_each": 1, "bounded": 1}),
        ("load", {"local": BYTES - 16, "align_end": 1}),
        ("load", {"local": BYTES - 2, "address": 14, "align_end": 1, "run": 1, "count1": 2, "stride1": -14, "local_stride1": -14}),
        ("load", {"address": 3, "run": 16, "count1": 2, "local": 3, "local_stride1": -16, "align_start": 1}),
        ("compute", {"west": BYTES - 3, "k": 3, "west_stride": 1}),
        ("compute", {"north": BYTES - 17, "k": 17, "north_k_contiguous": 1}),
        ("compute", {"acc": TINY.acc_words - 4, "m": 2, "n": 5}),
        ("compute", {"acc": TINY.acc_words - 5, "m": 2, "n": 5, "acc_stride": 3}),
        ("compute", {"acc": TINY.acc_words - 2, "m": 1, "n": 5, "acc_stride": 0xFFFF}),
        ("store", {"shift": 62}),
        ("store", {"acc": TINY.acc_words - 4, "count2": 2, "count3": 2}),
        ("store", {"acc": TINY.acc_words - 10, "count2": 2, "count3": 2, "acc_stride": 3}),
        ("store", {"acc": TINY.acc_words - 5, "n": 5, "count2": 2, "count3": 2, "acc_stride": 1}),
        ("store", {"address": 63}),
        ("store", {"shift": 0, "per_channel": 1, "parameters": TINY.parameter_words - 1}),
        ("store", {"shift": 0, "output": Output.INT32}),
    ],
)
def test_the_last_value_that_fits_is_no_fault(name: str, change: dict[str, int]) -> None:
    run(FunctionalModel(TINY), np.zeros(64, np.uint8), GOOD[name].replace(**change))
