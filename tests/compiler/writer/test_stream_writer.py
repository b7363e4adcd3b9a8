"""Streams written by compiled code: verified, exact, and nearly as fast as a plan made for the sizes."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import numpy as np
import pytest

from hwacc import isa
from hwacc.compiler.emit.planner import Plan, plan
from hwacc.compiler.writer.product import Product
from hwacc.config import TINY, ArrayConfig
from hwacc.coordinator.backends.stream_writer import StreamWriter
from hwacc.driver.device import Device
from hwacc.errors import InputError, ProgramError
from hwacc.isa import Dataflow
from hwacc.program import WRITE_STREAM, Implementation
from hwacc.verifier import verify
from tests.compiler.contraction import buffers, expected, random_operands, run, scrambled_model
from tests.compiler.writer.written import writer, written

INT32 = Product(None, None, None)
PER_TENSOR = Product(
    None, None, None, weights_layout="nk", output="int8", shift=41, multiplier=1_999_999_999, zero_point=-7, clamp_min=-100
)
SMALL = replace(TINY, spm_bytes=2**12, bus_bytes=4)
CONFIGS = (
    TINY,
    SMALL,
    ArrayConfig(rows=4, cols=8, spm_bytes=2**14, acc_bytes=2**13, channels=64, bus_bytes=8),
    replace(TINY, rows=8, dataflows="output-stationary"),
    replace(TINY, dataflows="weight-stationary"),
    ArrayConfig(),
)


def random_product(rng: random.Random, n: int) -> Product:
    """A bias or scales of each channel are there only if ``n`` is known when the code is made, as for a dense layer."""
    known = rng.random() < 0.5
    output = rng.choice(("int32", "int8"))
    scales = {"double_round": rng.random() < 0.5, "zero_point": rng.randint(-128, 127), "clamp_max": rng.randint(0, 127), "shift": 40}
    channels = {"has_bias": known and rng.random() < 0.7, "per_channel": known and output == "int8" and rng.random() < 0.5}
    layout = rng.choice(("kn", "nk"))
    product = Product(None, None, n if known else None, weights_layout=layout, output=output)
    return replace(product, **channels, **(scales if output == "int8" else {}))  # type: ignore[arg-type]


def check(made: Plan, seed: int) -> None:
    """Verified; and right on a model whose buffers hold garbage."""
    rng = np.random.default_rng(seed)
    verify(made.stream(), made.config)
    operands = random_operands(made.spec, rng)
    result, _ = run(made, operands, scrambled_model(made.config, rng), shift=seed % 64)
    assert np.array_equal(result, expected(made.spec, operands)), made.spec


@pytest.mark.parametrize("seed", range(60))
def test_random_products_of_random_sizes_are_verified_and_exact(seed: int) -> None:
    rng = random.Random(seed)
    config = rng.choice(CONFIGS)
    most = rng.choice((9, 40, 140))
    product = random_product(rng, rng.randint(1, most))
    for _ in range(4):
        m, k, n = (rng.randint(1, most) for _ in range(3))
        check(written(product, config, m, k, product.n or n), seed)


@pytest.mark.parametrize("product", [INT32, PER_TENSOR], ids=["int32", "int8"])
def test_small_sizes_are_verified_and_exact_without_exception(product: Product) -> None:
    for m in range(1, 7):
        for k in (1, 2, 3, 15, 16, 17, 65):
            for n in range(1, 11):
                check(written(product, TINY, m, k, n), m + k + n)


def test_hundreds_of_random_sizes_are_accepted_by_the_verifier() -> None:
    rng = random.Random(5)
    for _ in range(300):
        m, k, n = (rng.choice((rng.randint(1, 40), rng.randint(1, 400))) for _ in range(3))
        verify(written(INT32, ArrayConfig(), m, k, n).stream(), ArrayConfig())


STAYS = {"both": (9, 70, 30), "the input": (8, 600, 30), "the weights": (100, 140, 30), "neither": (100, 600, 30)}
"""What stays on chip of products M, K, N on a small array."""


@pytest.mark.parametrize("name", STAYS)
def test_operands_that_fit_are_loaded_once(name: str) -> None:
    m, k, n = STAYS[name]
    made = written(INT32, TINY, m, k, n)
    check(made, 0)
    loads = [d for d, _ in made.operations if d.op is isa.LOAD]
    read = {target: sum(d["run"] * d["count1"] for d in loads if d["target"] == target) for target in (isa.Target.WEST, isa.Target.NORTH)}
    assert (read[isa.Target.WEST] == m * k) == (name in ("both", "the input"))
    assert (read[isa.Target.NORTH] == k * n) == (name in ("both", "the weights"))


def test_one_column_of_panels_after_the_other_takes_the_place_of_bias_and_parameters() -> None:
    """More columns than there are places, and a bias too large to stay."""
    product = Product(None, None, 300, has_bias=True, output="int8", per_channel=True)
    made = written(product, SMALL, 9, 5, 300)
    assert sum(d["target"] == 2 for d, _ in made.operations if d.op.name == "LOAD") > 4
    check(made, 0)


def test_the_dataflow_is_the_one_whose_tiles_are_the_better_filled() -> None:
    def flow(m: int, k: int, n: int) -> int:
        (found,) = {d["dataflow"] for d, _ in written(INT32, ArrayConfig(), m, k, n).operations if d.op.name == "COMPUTE"}
        return found

    assert flow(257, 256, 256) == Dataflow.WEIGHT_STATIONARY
    assert flow(256, 257, 256) == Dataflow.OUTPUT_STATIONARY


@pytest.mark.parametrize(("m", "k", "n"), [(1, 1, 1), (9, 70, 13), (33, 130, 41)])
@pytest.mark.parametrize(
    "product", [INT32, PER_TENSOR, replace(PER_TENSOR, has_bias=True, per_channel=True)], ids=["int32", "int8", "channels"]
)
def test_the_hardware_agrees(product: Product, m: int, k: int, n: int) -> None:
    product = replace(product, n=n if product.has_bias else None)
    made = written(product, TINY, m, k, n)
    operands = random_operands(made.spec, np.random.default_rng(m))
    with Device.open("sim", TINY, memory_bytes=2**20) as device:
        placed = [device.place(np.frombuffer(data, np.uint8)) for data in buffers(made.spec, operands, TINY).values()]
        device.run(made.stream(), placed)
        kind = np.int8 if product.output == "int8" else np.int32
        assert np.array_equal(placed[-1].read(kind, (m, n)), expected(made.spec, operands))


@pytest.mark.parametrize(
    ("m", "k", "n", "channels"), [(256, 256, 256, False), (300, 500, 260, False), (257, 463, 346, True), (512, 512, 512, False)]
)
def test_large_products_take_at_most_5_percent_more_cycles_than_their_plan(m: int, k: int, n: int, channels: bool) -> None:
    config = ArrayConfig()
    product = replace(PER_TENSOR, n=n, has_bias=True, per_channel=True) if channels else INT32
    made = written(product, config, m, k, n)
    data = buffers(made.spec, random_operands(made.spec, np.random.default_rng(0)), config)
    cycles = []
    with Device.open("sim", config, memory_bytes=2**22) as device:
        placed = [device.place(np.frombuffer(each, np.uint8)) for each in data.values()]
        for each in (made, plan(made.spec, config)):
            cycles.append(device.run(each.stream(), placed).cycles)
    assert cycles[0] <= 1.05 * cycles[1], cycles


def test_sizes_that_the_array_cannot_do_are_refused_in_words() -> None:
    made = writer(INT32, TINY)
    with pytest.raises(InputError, match=re.escape("a 4×0×4 product has no elements; every size must be at least 1")):
        made.write(4, 0, 4)
    text = f"a 4×{TINY.max_k + 1}×4 product can overflow int32; reductions of at most {TINY.max_k} products are supported"
    with pytest.raises(InputError, match=re.escape(text)):
        made.write(4, TINY.max_k + 1, 4)
    with pytest.raises(InputError, match=r"a 5000×5000×5000 product takes [0-9]+ MiB of descriptors; at most 8 are supported: divide it"):
        made.write(5000, 5000, 5000)


@pytest.mark.parametrize(
    "code", [b"", b"llvm.func @write_stream(", b"llvm.func @write_stream(%a: !llvm.ptr, %b: !llvm.ptr) { llvm.return }"]
)
def test_damaged_code_gives_one_line(code: bytes) -> None:
    with pytest.raises(ProgramError, match=r"CPU code .*; compile the model again$"):
        StreamWriter(Implementation("hwacc", (), code, WRITE_STREAM), TINY)
