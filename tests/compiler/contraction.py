"""Runs a contraction's stream on the functional model and says what NumPy gets: shared by the tests of the planner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc import isa, reference
from hwacc.compiler.emit.pack import pack_bias, pack_parameters
from hwacc.compiler.emit.planner import Plan
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.driver.transports.functional import FunctionalModel, Outcome

GUARD = 192
"""Bytes around each buffer that no stream may touch."""
CANARY = 0xA5


@dataclass(frozen=True)
class Operands:
    """Arrays of one contraction; ``weights`` are OHWI whatever the layout in memory."""

    image: NDArray[np.int8]
    weights: NDArray[np.int8]
    bias: NDArray[np.int32] | None
    residual: NDArray[np.int32] | None
    multiplier: NDArray[np.int64]
    shift: NDArray[np.int64]


def random_operands(spec: ContractionSpec, rng: np.random.Generator) -> Operands:
    """Signed data over the whole range, and scales that bring results into the range of int8."""
    image = rng.integers(-128, 128, (spec.batch, spec.height, spec.width, spec.channels), dtype=np.int8)
    weights = rng.integers(-128, 128, (spec.n, spec.kernel_h, spec.kernel_w, spec.channels), dtype=np.int8)
    bias = rng.integers(-(2**18), 2**18, spec.n, dtype=np.int32) if spec.has_bias else None
    residual = rng.integers(-(2**31), 2**31, (spec.m, spec.n)).astype(np.int32) if spec.has_residual else None
    count = spec.n if spec.per_channel else 1
    multiplier = rng.integers(2**30, 2**31, count) if spec.per_channel else np.array([spec.multiplier])
    shift = rng.integers(36, 44, count) if spec.per_channel else np.array([spec.shift])
    return Operands(image, weights, bias, residual, multiplier, shift)


def expected(spec: ContractionSpec, operands: Operands) -> NDArray[Any]:
    """The output [M, N] by :mod:`hwacc.reference`."""
    geometry: dict[str, Any] = {"stride": spec.stride, "dilation": spec.dilation, "padding": spec.padding, "pad_value": spec.pad_value}
    total: NDArray[np.int32] = reference.conv2d(operands.image, operands.weights, operands.bias, **geometry).reshape(spec.m, spec.n)
    if operands.residual is not None:
        total = reference.wrap32(total.astype(np.int64) + operands.residual)
    if spec.output == "int32":
        return total
    clamp: dict[str, Any] = {"zero_point": spec.zero_point, "clamp_min": spec.clamp_min, "clamp_max": spec.clamp_max}
    return reference.requantise(total, operands.multiplier, operands.shift, double_round=spec.double_round, **clamp)


def buffers(spec: ContractionSpec, operands: Operands, config: ArrayConfig) -> dict[str, bytes]:
    """The bytes of each slot, by name."""
    weights = operands.weights.reshape(spec.n, spec.k)
    image = operands.image.reshape(spec.m, spec.k).T if spec.input_layout == "km" else operands.image
    contents: dict[str, NDArray[Any]] = {"input": image, "weights": weights if spec.weights_layout == "nk" else weights.T}
    if operands.bias is not None:
        contents["bias"] = pack_bias(operands.bias, config)
    if operands.residual is not None:
        contents["residual"] = operands.residual
    if spec.has_parameters:
        contents["parameters"] = pack_parameters(operands.multiplier, operands.shift, config)
    contents["output"] = np.full(spec.m * spec.n * spec.element_bytes, CANARY, np.uint8)
    return {name: np.ascontiguousarray(array).tobytes() for name, array in contents.items()}


def run(plan: Plan, operands: Operands, model: FunctionalModel, *, reverse: bool = False, shift: int = 0) -> tuple[NDArray[Any], Outcome]:
    """The output [M, N] that the model computes, with every buffer ``shift`` bytes behind a multiple of 64.

    Fails if anything but the output changes, or if what lies around the inputs matters.
    """
    stream, spec = plan.stream(), plan.spec
    contents = buffers(spec, operands, plan.config)
    assert [(slot.name, slot.size) for slot in stream.slots] == [(name, len(data)) for name, data in contents.items()]
    bases, end = {}, GUARD
    for name in sorted(contents, reverse=reverse):
        bases[name] = end + shift
        end += -(-len(contents[name]) // 64) * 64 + GUARD
    end += shift
    memory = np.full(end, CANARY, np.uint8)
    for name, data in contents.items():
        memory[bases[name] : bases[name] + len(data)] = np.frombuffer(data, np.uint8)
    before = memory.copy()
    outcome = model.execute(memory, stream.relocated([bases[slot.name] for slot in stream.slots]))
    assert outcome.status is isa.Status.OK, outcome
    first, size = bases["output"], len(contents["output"])
    before[first : first + size] = memory[first : first + size]
    assert np.array_equal(before, memory), "the stream wrote outside its output"
    kind = np.int8 if spec.output == "int8" else np.int32
    return memory[first : first + size].view(kind).reshape(spec.m, spec.n), outcome


def scrambled_model(config: ArrayConfig, rng: np.random.Generator) -> FunctionalModel:
    """A model whose on-chip buffers hold garbage."""
    model = FunctionalModel(config)
    for buffer in (model.state.west, model.state.north, model.state.parameters):
        buffer[:] = rng.integers(0, 256, buffer.size, dtype=np.uint8)
    model.state.accumulator[:] = rng.integers(-(2**31), 2**31, model.state.accumulator.shape, dtype=np.int32)
    return model
