"""Batches of products and grouped convolutions: one stream that the verifier accepts, each group the product that it is alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwacc import isa
from hwacc.compiler.emit.pack import pack_bias, pack_parameters
from hwacc.compiler.emit.planner import MOST_PANELS, plan
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import TINY, ArrayConfig
from hwacc.errors import ModelError
from hwacc.verifier import verify
from tests.compiler.contraction import Operands, expected, random_operands, scrambled_model

SPECS = {
    "a batch": ContractionSpec.gemm(7, 5, 6),
    "a batch of transposed inputs with a bias": ContractionSpec.gemm(9, 6, 5, input_layout="km", has_bias=True),
    "a batch of single columns": ContractionSpec.gemm(9, 1, 20),
    "a batch, requantised per channel": replace(
        ContractionSpec.gemm(11, 6, 30, output="int8", has_bias=True, weights_layout="nk"), per_channel=True, zero_point=3
    ),
    "a grouped convolution": ContractionSpec(height=6, width=5, channels=3, kernel_h=3, kernel_w=2, out_channels=6, padding=(1, 0, 2, 1)),
    "a grouped convolution with strides": ContractionSpec(
        batch=2, height=7, width=8, channels=5, kernel_h=2, kernel_w=3, out_channels=3, stride=(2, 3), dilation=(2, 1), has_bias=True
    ),
    "a grouped 1×1 convolution": ContractionSpec(height=4, width=5, channels=7, out_channels=2, output="int8", shift=40),
}


@pytest.mark.parametrize("config", [TINY, ArrayConfig(rows=8, cols=8, bus_bytes=4, spm_bytes=8192, acc_bytes=2048, channels=64)])
@pytest.mark.parametrize("name", SPECS)
def test_each_group_is_the_product_that_it_is_alone(name: str, config: ArrayConfig) -> None:
    rng, single = np.random.default_rng(len(name)), SPECS[name]
    spec = replace(single, groups=3, divides_channels="convolution" in name)
    made = plan(spec, config)
    stream = made.stream()
    verify(stream, config)
    groups = [random_operands(single, rng) for _ in range(spec.groups)]
    contents = buffers(spec, groups, config)
    assert [(slot.name, slot.size) for slot in stream.slots] == [(slot.name, len(contents[slot.name])) for slot in stream.slots]
    bases = dict(zip(contents, np.cumsum([64, *(-(-len(data) // 64) * 64 + 64 for data in contents.values())])))
    memory = np.zeros(sum(len(data) + 192 for data in contents.values()), np.uint8)
    for slot, data in contents.items():
        memory[bases[slot] : bases[slot] + len(data)] = np.frombuffer(data, np.uint8)
    outcome = scrambled_model(config, rng).execute(memory, stream.relocated([int(bases[slot.name]) for slot in stream.slots]))
    assert outcome.status is isa.Status.OK and outcome.counts.macs == spec.macs
    kind = np.int8 if spec.output == "int8" else np.int32
    found = memory[bases["output"] : bases["output"] + len(contents["output"])].view(kind)
    shape = (spec.m, 3, spec.n) if spec.divides_channels else (3, spec.m, spec.n)
    wanted = [expected(single, operands) for operands in groups]
    np.testing.assert_array_equal(found.reshape(shape), np.stack(wanted, 1 if spec.divides_channels else 0))


def buffers(spec: ContractionSpec, groups: list[Operands], config: ArrayConfig) -> dict[str, bytes]:
    """The bytes of each slot."""
    images = [each.image.reshape(spec.m, spec.k).T if spec.input_layout == "km" else each.image for each in groups]
    weights = [each.weights.reshape(spec.n, spec.k) for each in groups]
    contents: dict[str, NDArray[Any]] = {
        "input": np.concatenate(images, 3) if spec.divides_channels else np.stack(images),
        "weights": np.stack([each if spec.weights_layout == "nk" else each.T for each in weights]),
    }
    if spec.has_bias:
        contents["bias"] = np.stack([pack_bias(each.bias, config) for each in groups if each.bias is not None])
    if spec.has_parameters:
        contents["parameters"] = np.stack([pack_parameters(each.multiplier, each.shift, config) for each in groups])
    contents["output"] = np.zeros(spec.groups * spec.m * spec.n * spec.element_bytes, np.uint8)
    return {name: np.ascontiguousarray(array).tobytes() for name, array in contents.items()}


def test_a_batch_that_takes_too_many_panels_is_refused_at_once() -> None:
    with pytest.raises(ModelError, match=f"^{MOST_PANELS + 1} times a 4×4×4 product takes at least {MOST_PANELS + 1} panels on this array"):
        plan(replace(ContractionSpec.gemm(4, 4, 4), groups=MOST_PANELS + 1), TINY)
