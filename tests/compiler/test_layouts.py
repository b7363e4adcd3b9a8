"""Products of few steps of k: how their operands lie on chip, and that they stay exact."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest

from hwacc import isa
from hwacc.compiler.emit import cost
from hwacc.compiler.emit.gemm import gemm_spec
from hwacc.compiler.emit.layouts import exchanged, laid_out
from hwacc.compiler.emit.planner import plan
from hwacc.compiler.emit.spec import INPUT_LAYOUTS, OUTPUTS, WEIGHTS_LAYOUTS, ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.driver.transports.functional import FunctionalModel
from hwacc.errors import ModelError
from hwacc.isa import Dataflow
from hwacc.rtl import interfaces
from tests.compiler.contraction import expected, random_operands, run

CONFIG = ArrayConfig()
BOTH = tuple(Dataflow)


def lies_across(spec: ContractionSpec) -> bool:
    """Whether both operands do."""
    return not (spec.west_k_contiguous or spec.north_k_contiguous)


@pytest.mark.parametrize("layouts", list(product(INPUT_LAYOUTS, WEIGHTS_LAYOUTS)), ids=" by ".join)
@pytest.mark.parametrize("out", OUTPUTS)
def test_products_of_few_rows_and_steps_are_exact_in_every_layout(out: str, layouts: tuple[str, str]) -> None:
    rng = np.random.default_rng(len(out))
    for m, k in product((1, 2, 5, 15, 16, 19), (1, 2, 7, 15)):
        spec = gemm_spec(m, k, int(rng.integers(1, 300)), out, input_layout=layouts[0], weights_layout=layouts[1])
        operands = random_operands(spec, rng)
        got, _ = run(plan(spec, CONFIG), operands, FunctionalModel(CONFIG))
        np.testing.assert_array_equal(got, expected(spec, operands), err_msg=str(spec))


@pytest.mark.parametrize("shape", [(1, 5, 100), (5, 1, 100), (9, 1, 1), (1, 5, 1), (3, 7, 1)], ids=str)
@pytest.mark.parametrize("weights", WEIGHTS_LAYOUTS)
def test_what_is_the_same_either_way_round_lies_across(weights: str, shape: tuple[int, int, int]) -> None:
    m, k, n = shape
    found = laid_out(gemm_spec(m, k, n, "int8", input_layout="km", weights_layout=weights), CONFIG, BOTH)
    assert lies_across(found) is (weights == "kn" or 1 in (k, n))
    found = laid_out(gemm_spec(m, k, n, "int8", weights_layout=weights), CONFIG, BOTH)
    assert not found.gathers
    assert lies_across(found) is ((1 in (m, k)) and (weights == "kn" or 1 in (k, n)))


@pytest.mark.parametrize("layouts", list(product(INPUT_LAYOUTS, WEIGHTS_LAYOUTS)), ids=" by ".join)
@pytest.mark.parametrize("out", OUTPUTS)
def test_a_column_is_planned_as_a_row_with_the_operands_exchanged(out: str, layouts: tuple[str, str]) -> None:
    spec = gemm_spec(83, 21, 1, out, input_layout=layouts[0], weights_layout=layouts[1])
    made = plan(spec, CONFIG)
    assert {d["m"] for d, _ in made.operations if d.op is isa.COMPUTE} == {1}
    assert made.spec == spec, "what the buffers hold is as it was"
    operands = random_operands(spec, np.random.default_rng(83))
    got, _ = run(made, operands, FunctionalModel(CONFIG))
    np.testing.assert_array_equal(got, expected(spec, operands))


@pytest.mark.parametrize(
    "spec",
    [
        gemm_spec(83, 21, 2, "int8"),
        gemm_spec(1, 21, 1, "int8"),
        ContractionSpec.gemm(83, 1, 21, has_bias=True),
        ContractionSpec(width=83, channels=21, out_channels=1, output="int8", per_channel=True),
        ContractionSpec(width=83, height=3, channels=21, kernel_h=3, out_channels=1),
    ],
    ids=["two columns", "a row", "bias", "parameters", "convolution"],
)
def test_what_is_not_a_mere_column_keeps_its_operands(spec: ContractionSpec) -> None:
    assert exchanged(spec) is None


def test_a_small_input_is_gathered_where_many_tiles_gain_by_it() -> None:
    assert laid_out(gemm_spec(6, 3, 448, "int8"), CONFIG, BOTH).gathers
    assert not laid_out(gemm_spec(6, 3, 16, "int8"), CONFIG, BOTH).gathers, "18 beats for a single tile"
    assert not laid_out(gemm_spec(12, 3, 1743, "int32"), CONFIG, BOTH).gathers, "the bus needs longer to write than the array to compute"


def test_gathering_shortens_the_plan() -> None:
    made = plan(gemm_spec(6, 3, 448, "int8"), CONFIG)
    computes = [d for d, _ in made.operations if d.op is isa.COMPUTE]
    assert {(d["west_k_contiguous"], d["north_k_contiguous"], d["dataflow"]) for d in computes} == {(0, 0, Dataflow.OUTPUT_STATIONARY)}
    assert made.cycles < 448 // 16 * 16, "less than tiles of 16 cycles would take"
    assert made.spec == gemm_spec(6, 3, 448, "int8"), "what the buffers hold is as it was"


@pytest.mark.parametrize(
    ("spec", "dataflows"),
    [
        (gemm_spec(1, 16, 448, "int8"), BOTH),
        (gemm_spec(1, 3, 448, "int8"), (Dataflow.WEIGHT_STATIONARY,)),
        (gemm_spec(1, 3, 448, "int8", weights_layout="nk"), BOTH),
        (ContractionSpec(height=1, width=1, channels=1, kernel_h=3, padding=(1, 1, 0, 0), out_channels=100, weights_layout="kn"), BOTH),
    ],
    ids=["long k", "weight-stationary", "k-contiguous weights", "convolution"],
)
def test_where_nothing_is_gained_the_product_is_left_alone(spec: ContractionSpec, dataflows: tuple[Dataflow, ...]) -> None:
    assert laid_out(spec, CONFIG, dataflows) is spec


def test_only_an_untransposed_matrix_can_be_gathered() -> None:
    words = "only an input that lies [M][K], of a 1×1 kernel without stride and padding, can be gathered"
    with pytest.raises(ModelError, match=f"^{re.escape(words)}$"):
        ContractionSpec(width=4, channels=3, out_channels=5, input_layout="km", gathers=True)


def test_the_planner_knows_how_long_a_tile_takes_at_least() -> None:
    assert cost.UPDATE_CYCLES == interfaces.ACC_UPDATE_CYCLES


def test_fed_cycles_are_those_of_the_isa() -> None:
    def fed(m: int, n: int, k: int, **layout: bool) -> int:
        return cost.fed_cycles(m, n, k, Dataflow.OUTPUT_STATIONARY, CONFIG, **layout)

    assert fed(6, 448, 3) == 28 * 16
    assert [fed(m, 448, 3, across=True) for m in (1, 4, 6, 16)] == [28 * 4, 28 * 4, 28 * 6, 28 * 16]
    assert fed(17, 448, 9, across=True) == 28 * (16 + 9)
    assert fed(33, 16, 40, across=True) == fed(33, 16, 40) == 3 * 40
