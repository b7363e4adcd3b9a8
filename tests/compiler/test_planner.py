"""Plans: every size on every array gives the reference's result and touches nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

from hwacc import isa
from hwacc.compiler.emit import cost
from hwacc.compiler.emit.blocking import Blocking, cuts, ranked
from hwacc.compiler.emit.gemm import gemm_reference, gemm_spec, gemm_stream
from hwacc.compiler.emit.panel_schedule import PanelScheduler
from hwacc.compiler.emit.planner import Plan, plan
from hwacc.compiler.emit.spec import INPUT_LAYOUTS, WEIGHTS_LAYOUTS, ContractionSpec
from hwacc.config import TINY, ArrayConfig
from hwacc.driver.transports.functional import FunctionalModel
from hwacc.errors import ModelError
from hwacc.isa import Dataflow
from hwacc.parts import parts
from hwacc.rtl import weights
from hwacc.verifier import verify
from tests.compiler.contraction import buffers, expected, random_operands, run, scrambled_model

CONFIGS = {
    "tiny": TINY,
    "default": ArrayConfig(),
    "narrow bus": ArrayConfig(rows=8, cols=8, bus_bytes=4, spm_bytes=8192, acc_bytes=2048, channels=64),
    "32x32": ArrayConfig(rows=32, cols=32, bus_bytes=32),
    "wide": ArrayConfig(rows=4, cols=8, bus_bytes=16, spm_bytes=2048, acc_bytes=1024, channels=64),
    "tall": ArrayConfig(rows=16, cols=4, bus_bytes=8, spm_bytes=4096, acc_bytes=512),
    "starved": ArrayConfig(rows=64, cols=64, bus_bytes=4, spm_bytes=256, acc_bytes=512, channels=64),
}


DATAFLOWS = pytest.mark.parametrize("dataflow", [None, *Dataflow], ids=["either", "output", "weight"])


TRANSPOSES = [{"input_layout": west, "weights_layout": north} for west, north in product(INPUT_LAYOUTS, WEIGHTS_LAYOUTS)]


def check(made: Plan, rng: np.random.Generator) -> None:
    """The plan's output on the model equals the reference."""
    operands = random_operands(made.spec, rng)
    got, outcome = run(made, operands, scrambled_model(made.config, rng))
    np.testing.assert_array_equal(got, expected(made.spec, operands), err_msg=str(made.spec))
    assert outcome.counts.macs == made.spec.macs
    assert outcome.counts.bytes_written == got.nbytes


def random_spec(rng: np.random.Generator, macs: int) -> ContractionSpec:
    """A convolution of at most ``macs``, with whatever a convolution can have."""

    def draw(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    while True:
        adds = draw(0, 2)
        try:
            spec = ContractionSpec(
                batch=draw(1, 3),
                height=draw(1, 20),
                width=draw(1, 20),
                channels=draw(1, 40),
                kernel_h=draw(1, 5),
                kernel_w=draw(1, 5),
                stride=(draw(1, 3), draw(1, 3)),
                dilation=(draw(1, 3), draw(1, 3)),
                padding=(draw(0, 5), draw(0, 5), draw(0, 5), draw(0, 5)),
                pad_value=draw(-128, 127),
                out_channels=draw(1, 100),
                weights_layout="nk" if draw(0, 1) else "kn",
                has_bias=adds == 1,
                has_residual=adds == 2,
                output="int8" if draw(0, 1) else "int32",
                per_channel=bool(draw(0, 1)),
                multiplier=draw(2**30, 2**31 - 1),
                shift=draw(36, 44),
                double_round=bool(draw(0, 1)),
                zero_point=draw(-128, 127),
                clamp_min=draw(-128, 0),
                clamp_max=draw(1, 127),
            )
        except ModelError:  # the kernel does not fit into the picture
            continue
        if spec.macs <= macs:
            return spec


@DATAFLOWS
@pytest.mark.parametrize("m", range(1, 10))
def test_every_gemm_up_to_nine_in_each_dimension(m: int, dataflow: Dataflow | None) -> None:
    rng = np.random.default_rng(m)
    for n, k in product(range(1, 10), repeat=2):
        layouts = TRANSPOSES[(m + n + k) % len(TRANSPOSES)]
        spec = ContractionSpec.gemm(m, n, k, **layouts, has_bias=k % 3 == 0)  # type: ignore[arg-type]
        check(plan(replace(spec, has_residual=k % 3 == 1), TINY, dataflow), rng)


@pytest.mark.parametrize("dataflow", Dataflow)
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_random_convolutions(config: ArrayConfig, seed: int, dataflow: Dataflow) -> None:
    rng = np.random.default_rng(seed)
    check(plan(random_spec(rng, 100_000 if config.spm_bytes == 256 else 1_000_000), config, dataflow), rng)


def random_config(rng: np.random.Generator) -> ArrayConfig:
    """Any array that can be built, with small buffers."""

    def power(low: int, high: int) -> int:
        return 1 << int(rng.integers(low, high + 1))

    rows, cols = power(1, 6), power(1, 6)
    bus = min(power(2, 6), 4 * cols)
    return ArrayConfig(rows=rows, cols=cols, bus_bytes=bus, spm_bytes=power(8, 14), acc_bytes=power(9, 14), channels=power(6, 8))


@pytest.mark.parametrize("dataflow", Dataflow)
@pytest.mark.parametrize("seed", range(40))
def test_random_arrays(seed: int, dataflow: Dataflow) -> None:
    """Above all those whose buffers hold less than the array."""
    rng = np.random.default_rng(seed)
    check(plan(random_spec(rng, 20_000), random_config(rng), dataflow), rng)


@DATAFLOWS
@pytest.mark.parametrize("seed", range(12))
def test_random_gemms(seed: int, dataflow: Dataflow | None) -> None:
    rng = np.random.default_rng(seed)
    m, n, k = (int(size) for size in rng.integers(1, 300, 3))
    config = list(CONFIGS.values())[seed % 4]
    check(plan(gemm_spec(m, k, n, "int8" if seed % 2 else "int32"), config, dataflow), rng)


ENDS: list[dict[str, Any]] = [
    {},
    {"first_steps": (16, 32), "last_rows": (4, 1), "stored_together": 2},
    {"first_steps": (16, 16, 16), "first_panels": 3, "west_parts": 2, "last_rows": (3,), "last_columns": (4,), "stored_together": 3},
    {"last_steps": (5, 16), "last_columns": (4, 4), "corner": True, "stored_together": 2},
    {"first_steps": (8,) * 8, "first_panels": 99, "north_parts": 3},
    {"first_steps": (16,) * 3, "first_rows": (4, 4), "first_columns": (4,), "first_parts": 99},
]
"""What a search may change at the beginning and at the end of a blocking."""


@pytest.mark.parametrize("layouts", TRANSPOSES)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_transposed_operands_on_every_array(config: ArrayConfig, layouts: dict[str, str]) -> None:
    rng = np.random.default_rng(7)
    for dataflow in (None, *Dataflow):
        m, n, k = (int(size) for size in rng.integers(1, 20 if config.spm_bytes == 256 else 120, 3))
        spec = ContractionSpec.gemm(m, n, k, **layouts, has_bias=True)  # type: ignore[arg-type]
        check(plan(spec, config, dataflow), rng)


@pytest.mark.parametrize("layouts", TRANSPOSES)
@pytest.mark.parametrize("dataflow", Dataflow)
@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize(("rows", "steps"), list(product((16, 43), (16, 37, 63))))
def test_every_way_of_cutting_transposed_operands_gives_the_same_result(
    rows: int, steps: int, ends: dict[str, Any], dataflow: Dataflow, layouts: dict[str, str]
) -> None:
    config = ArrayConfig(rows=4, cols=4, bus_bytes=16, spm_bytes=8192, acc_bytes=4096, channels=64)
    spec = ContractionSpec.gemm(61, 23, 70, **layouts, has_bias=True)  # type: ignore[arg-type]
    blocking = Blocking(cuts(spec.m, rows, (1, 2)), cuts(spec.n, 9), cuts(spec.k, steps), True, dataflow, **ends)
    schedule = PanelScheduler(spec, config).build(blocking)
    check(Plan(spec, config, tuple(schedule.finished()), schedule.cycles), np.random.default_rng(3))


@pytest.mark.parametrize("layout", ["nk", "kn"])
@pytest.mark.parametrize("dataflow", Dataflow)
@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize(("rows", "columns", "steps", "rows_inner"), list(product((4, 11), (4, 9), (16, 37, 63), (True, False))))
def test_every_way_of_cutting_gives_the_same_result(
    rows: int,
    columns: int,
    steps: int,
    rows_inner: bool,
    ends: dict[str, Any],
    dataflow: Dataflow,
    layout: str,
) -> None:
    """Whatever the search prefers: each way must be right, also with panels that end inside a tile."""
    config = ArrayConfig(rows=4, cols=4, bus_bytes=16, spm_bytes=4096, acc_bytes=1024, channels=64)
    spec = ContractionSpec(
        batch=2, height=5, width=4, channels=7, kernel_h=3, kernel_w=3, padding=(1, 1, 1, 0), out_channels=23, has_bias=True,
        output="int8", per_channel=True, pad_value=-5, weights_layout=layout,
    )  # fmt: skip
    ranges = cuts(spec.m, rows, (1, 2)), cuts(spec.n, columns), cuts(spec.k, steps)
    blocking = Blocking(*ranges, rows_inner, dataflow, **ends)
    schedule = PanelScheduler(spec, config).build(blocking)
    check(Plan(spec, config, tuple(schedule.finished()), schedule.cycles), np.random.default_rng(3))


@pytest.mark.parametrize("seed", range(12))
def test_rows_that_share_beats_come_whole_wherever_the_buffers_lie(seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = ArrayConfig(rows=4, cols=4, bus_bytes=16, spm_bytes=16384, acc_bytes=8192, channels=64)
    m, n, k = int(rng.integers(9, 40)), int(rng.integers(70, 120)) | 1, int(rng.integers(9, 40))
    spec = ContractionSpec.gemm(m, n, k, output="int8")
    blocking = Blocking(cuts(m, 20), ((0, 36), (36, n)), cuts(k, k), bool(seed % 2), first_steps=(8,) * (seed % 4), first_panels=9)
    schedule = PanelScheduler(spec, config).build(blocking)
    made = Plan(spec, config, tuple(schedule.finished()), schedule.cycles)
    verify(made.stream(), config)
    assert any(d["run"] == 36 + 15 for d, _ in made.operations if d.op is isa.LOAD), "rows begin with the end of the row above"
    operands = random_operands(spec, rng)
    got, _ = run(made, operands, scrambled_model(config, rng), shift=int(rng.integers(64)))
    np.testing.assert_array_equal(got, expected(spec, operands))


@pytest.mark.parametrize("name", ["last_rows", "last_columns"])
@pytest.mark.parametrize("together", [1, 2, 3])
def test_parts_of_a_panel_are_stored_together_and_the_last_one_alone(name: str, together: int) -> None:
    config = replace(TINY, spm_bytes=8192, acc_bytes=16384)
    spec = ContractionSpec.gemm(50, 50, 20, output="int8")
    blocking = Blocking(((0, 50),), ((0, 50),), ((0, 20),), True, stored_together=together, **{name: (4, 8, 4, 16, 8)})  # type: ignore[arg-type]
    schedule = PanelScheduler(spec, config).build(blocking)
    made = Plan(spec, config, tuple(schedule.finished()), schedule.cycles)
    check(made, np.random.default_rng(together))
    size = "count1" if name == "last_rows" else "n"
    stored = [d[size] for d, _ in made.operations if d.op is isa.STORE]
    assert stored == {1: [4, 8, 4, 16, 8, 10], 2: [12, 20, 8, 10], 3: [16, 24, 10]}[together]


WIDE_PICTURE: dict[str, Any] = {"height": 2, "width": 1500, "channels": 800, "kernel_h": 2, "kernel_w": 3}
HIGH_PICTURE: dict[str, Any] = {"height": 40_000, "width": 2, "channels": 2, "kernel_h": 3, "kernel_w": 1}
SMALL_PICTURE: dict[str, Any] = {"batch": 3, "height": 3, "width": 2, "channels": 5}
INT8: dict[str, Any] = {"output": "int8", "has_bias": True, "per_channel": True}
LARGE = {
    "k beyond the scratchpad": (ContractionSpec.gemm(5, 7, 9001, weights_layout="nk", has_bias=True), TINY),
    "k beyond the field": (ContractionSpec.gemm(2, 3, 70_001), ArrayConfig()),
    "longest k": (ContractionSpec.gemm(1, 1, TINY.max_k, weights_layout="nk"), TINY),
    "n beyond the channels": (ContractionSpec(width=9, channels=20, out_channels=333, zero_point=4, **INT8), TINY),
    "many rows": (ContractionSpec.gemm(70_000, 3, 5), TINY),
    "many columns": (ContractionSpec.gemm(3, 20_000, 5, has_bias=True), TINY),
    "wide picture": (ContractionSpec(**WIDE_PICTURE, out_channels=3, stride=(1, 90), padding=(1, 0, 700, 5)), ArrayConfig()),
    "high picture": (ContractionSpec(**HIGH_PICTURE, out_channels=2, stride=(300, 1), dilation=(400, 1), padding=(500, 9, 0, 0)), TINY),
    "large kernel": (ContractionSpec(**SMALL_PICTURE, out_channels=6, kernel_h=7, kernel_w=9, padding=(4, 4, 5, 6), pad_value=-128), TINY),
    "only padding": (ContractionSpec(width=1, channels=3, padding=(9, 0, 0, 9), stride=(4, 4), out_channels=2, pad_value=7), TINY),
    "a real layer": (
        ContractionSpec(height=32, width=32, channels=16, kernel_h=3, kernel_w=3, padding=(1, 1, 1, 1), out_channels=16, **INT8),
        ArrayConfig(),
    ),
}


@DATAFLOWS
@pytest.mark.parametrize(("spec", "config"), LARGE.values(), ids=LARGE)
def test_large_and_odd_sizes(spec: ContractionSpec, config: ArrayConfig, dataflow: Dataflow | None) -> None:
    check(plan(spec, config, dataflow), np.random.default_rng(11))


@pytest.mark.parametrize("last", ["input", "weights", "bias", "parameters", "output"])
def test_no_access_leaves_its_buffer_at_either_end(last: str) -> None:
    """Memory ends where the buffer ends, and begins where it begins: one byte beyond would be a fault."""
    rng = np.random.default_rng(5)
    for config in CONFIGS.values():
        spec = ContractionSpec(
            height=6, width=5, channels=3, kernel_h=3, kernel_w=2, padding=(1, 2, 1, 1), out_channels=9, has_bias=True, output="int8",
            per_channel=True, weights_layout="kn",
        )  # fmt: skip
        stream = plan(spec, config).stream()
        contents = buffers(spec, random_operands(spec, rng), config)
        sizes = {name: len(data) for name, data in contents.items()}
        total = sum(sizes.values())
        for bases in ({**stacked(sizes, last), last: total - sizes[last]}, {**stacked(sizes, last, sizes[last]), last: 0}):
            memory = np.zeros(total, np.uint8)
            for name, data in contents.items():
                memory[bases[name] : bases[name] + len(data)] = np.frombuffer(data, np.uint8)
            outcome = FunctionalModel(config).execute(memory, stream.relocated([bases[slot.name] for slot in stream.slots]))
            assert outcome.status is isa.Status.OK, (config, outcome)


def stacked(sizes: dict[str, int], without: str, start: int = 0) -> dict[str, int]:
    """Bases of all other buffers, one after the other."""
    bases = {}
    for name, size in sizes.items():
        if name != without:
            bases[name] = start
            start += size
    return bases


def executes_one_by_one(made: Plan) -> dict[tuple[str, str], int]:
    """Tokens left when the stream is executed in its own order; fails if a descriptor would have to wait for a later one."""
    engines = ("load", "compute", "store")
    tokens = {(source, sink): 0 for source in engines for sink in engines}
    for index, (descriptor, _) in enumerate(made.operations):
        engine = descriptor.op.engine.name.lower()
        for part in parts(descriptor):
            for other in engines:
                tokens[other, engine] -= part[f"wait_{other}"]
                assert tokens[other, engine] >= 0, f"descriptor {index} waits for a later one"
            for other in engines:
                tokens[engine, other] += part[f"signal_{other}"]
    return tokens


@DATAFLOWS
@pytest.mark.parametrize("seed", range(10))
def test_streams_take_all_tokens_and_need_no_deep_queues(seed: int, dataflow: Dataflow | None) -> None:
    rng = np.random.default_rng(seed)
    config = list(CONFIGS.values())[seed % len(CONFIGS)]
    assert set(executes_one_by_one(plan(random_spec(rng, 300_000), config, dataflow)).values()) == {0}


def test_the_search_keeps_a_large_gemm_near_the_peak() -> None:
    """By the planner's own estimate; what the hardware does is measured elsewhere."""
    assert plan(gemm_spec(512, 512, 512, "int32"), ArrayConfig()).utilisation > 0.97
    assert plan(gemm_spec(256, 256, 256, "int8"), ArrayConfig()).utilisation > 0.93


@DATAFLOWS
def test_an_array_with_one_dataflow_gets_no_other(dataflow: Dataflow | None) -> None:
    for there in Dataflow:
        config = replace(TINY, dataflows=there.words)
        if dataflow is not None and dataflow is not there:
            with pytest.raises(ModelError, match=f"^the array was built for {there.words} only; it cannot compute {dataflow.words}$"):
                plan(gemm_spec(49, 576, 160, "int32"), config, dataflow)
            continue
        made = plan(gemm_spec(49, 576, 160, "int32"), config, dataflow)
        assert {d["dataflow"] for d, _ in made.operations if d.op is isa.COMPUTE} == {there}
        verify(made.stream(), config)


@DATAFLOWS
def test_every_compute_has_the_dataflow_that_was_asked_for(dataflow: Dataflow | None) -> None:
    for shape in ((49, 576, 160), (64, 40, 64)):
        found = {d["dataflow"] for d, _ in plan(gemm_spec(*shape, "int32"), ArrayConfig(), dataflow).operations if d.op is isa.COMPUTE}
        assert len(found) == 1 and (dataflow is None or found == {dataflow})


def test_the_search_streams_the_dimension_that_does_not_fit_the_array() -> None:
    """49 rows are not whole tiles, 576 steps are: the weights stay, and little is lost."""
    made = plan(gemm_spec(49, 576, 160, "int32"), ArrayConfig())
    assert {d["dataflow"] for d, _ in made.operations if d.op is isa.COMPUTE} == {Dataflow.WEIGHT_STATIONARY}
    assert made.utilisation > 0.94
    assert plan(gemm_spec(49, 576, 160, "int32"), ArrayConfig(), Dataflow.OUTPUT_STATIONARY).utilisation < 0.77


@pytest.mark.parametrize("columns", [16, 32, 80])
def test_results_that_follow_one_another_lie_in_different_halves_where_the_weights_stay(columns: int) -> None:
    config = ArrayConfig()
    spec = gemm_spec(90, 100, 160, "int32")
    blocking = Blocking(cuts(90, 45), cuts(160, columns), cuts(100, 100), True, Dataflow.WEIGHT_STATIONARY)
    stores = [d for d, _ in PanelScheduler(spec, config).build(blocking).finished() if d.op is isa.STORE]
    halves = [store["acc"] // (config.acc_words // 2) for store in stores]
    assert all(a != b for a, b in pairwise(halves))
    for store, half in zip(stores, halves):
        last = store["acc"] + store["count1"] * -(-store["n"] // config.cols) - 1
        assert last // (config.acc_words // 2) == half


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_planner_knows_how_long_the_hardware_takes_for_weights(config: ArrayConfig) -> None:
    assert cost.weight_cycles(config) == weights.weight_cycles(config)


def test_a_plan_is_the_same_every_time() -> None:
    first, second = (gemm_stream(100, 70, 90, "int8", ArrayConfig()).to_bytes() for _ in range(2))
    assert first == second


def test_gemm_reference_is_what_the_stream_computes() -> None:
    rng, spec = np.random.default_rng(2), gemm_spec(21, 33, 18, "int8")
    operands = random_operands(spec, rng)
    got, _ = run(plan(spec, TINY), operands, FunctionalModel(TINY))
    weights = operands.weights.reshape(18, 33).T
    np.testing.assert_array_equal(got, gemm_reference(spec, operands.image.reshape(21, 33), weights))
    assert len(np.unique(got)) > 40, "the scale should use the range of int8"


def test_candidates_fit_the_array_and_cover_the_product() -> None:
    spec = gemm_spec(100, 300, 200, "int32")
    found = ranked(spec, TINY, 50)
    assert len(set(found)) == 50
    for blocking in found:
        for ranges, total in ((blocking.rows, 100), (blocking.columns, 200), (blocking.steps, 300)):
            assert ranges[0][0] == 0 and ranges[-1][1] == total
            assert all(end == first for (_, end), (first, _) in pairwise(ranges))


def refused(sentence: str) -> pytest.RaisesExc[ModelError]:
    return pytest.raises(ModelError, match=f"^{re.escape(sentence)}$")


def test_a_reduction_that_could_overflow_is_refused() -> None:
    with refused("a reduction of 131072 products can overflow int32; at most 131071 are supported"):
        plan(ContractionSpec.gemm(1, 1, 131_072), ArrayConfig())


def test_a_product_of_too_many_panels_is_refused_before_it_is_planned() -> None:
    remedy = "divide it, or give the array larger buffers"
    with refused(f"a 99999999×1×1 product takes at least 390625 panels on this array; at most 65536 are supported: {remedy}"):
        plan(ContractionSpec.gemm(99_999_999, 1, 1), TINY)
    with refused(f"a 1×65536×20000 product takes at least 160000 panels on this array; at most 65536 are supported: {remedy}"):
        plan(ContractionSpec.gemm(1, 20_000, 65_536), TINY)


def test_impossible_contractions_are_refused_in_words() -> None:
    with refused("channels of a contraction must be at least 1, not 0"):
        ContractionSpec.gemm(1, 1, 0)
    for out in ("int8", "int32"):
        with refused("channels of a contraction must be at least 1, not 0"):
            gemm_spec(4, 0, 4, out)
    with refused("a kernel of 3×3 does not fit into 2×9 with its padding"):
        ContractionSpec(height=2, width=9, channels=1, kernel_h=3, kernel_w=3, out_channels=1)
    with refused("weights_layout of a contraction must be one of nk, kn, not 'xy'"):
        ContractionSpec.gemm(1, 1, 1, weights_layout="xy")
    with refused("input_layout of a contraction must be one of mk, km, not 'kk'"):
        ContractionSpec.gemm(1, 1, 1, input_layout="kk")
    with refused("a convolution's input cannot be transposed; only that of a 1×1 kernel without stride and padding can"):
        ContractionSpec(width=5, channels=1, out_channels=1, kernel_w=2, input_layout="km")
    with refused("padding of a contraction must not be negative, not (0, 0, -1, 0)"):
        ContractionSpec(width=5, channels=1, out_channels=1, padding=(0, 0, -1, 0))
