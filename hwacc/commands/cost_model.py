"""The planner's cycles against the RTL's, on random contractions: what ``hwacc bench cost-model`` measures."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc import reference
from hwacc.commands.gemm_bench import SPARE_BYTES, Report
from hwacc.commands.survey import random_shapes
from hwacc.compiler.emit.cost import MEMORY_LATENCY
from hwacc.compiler.emit.gemm import gemm_spec
from hwacc.compiler.emit.pack import pack_bias, pack_parameters
from hwacc.compiler.emit.planner import Plan, plan
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.driver.device import Device
from hwacc.performance import quantile
from hwacc.sim.step import Array

OUTPUTS = ("int8", "int32")
MOST_MACS = 16_000_000
"""Of a convolution: a simulator takes a second or so for that many."""


@dataclass(frozen=True)
class Comparison:
    """One contraction: what it is, in words, the cycles planned and measured, and elements that are not the reference's."""

    kind: str
    shape: str
    out: str
    macs: int
    estimate: int
    cycles: int
    mismatches: int

    @property
    def error(self) -> float:
        """The estimate's distance from the measurement, as a share of that; positive where the estimate is too high."""
        return (self.estimate - self.cycles) / self.cycles

    def to_dict(self) -> dict[str, Any]:
        """By name, for JSON."""
        return {**asdict(self), "error": self.error}


def summary(results: Sequence[Comparison]) -> dict[str, Any]:
    """How many there are, and the median and the 95th percentile of the errors' sizes."""
    errors = [abs(each.error) for each in results]
    return {"shapes": len(errors), "median_error": quantile(errors, 0.5), "p95_error": quantile(errors, 0.95)}


def random_specs(count: int, seed: int, config: ArrayConfig, most_cycles: int | None = None) -> list[ContractionSpec]:
    """Matrix products as ``hwacc bench survey`` draws them, and as many convolutions; outputs alternate."""
    rng = random.Random(seed)
    products = iter(random_shapes(count, seed, "i8", config, most_cycles))
    return [
        random_convolution(rng, output) if number % 4 >= 2 else random_product(next(products), rng, output)
        for number, output in zip(range(count), OUTPUTS * count)
    ]


def random_product(shape: tuple[int, int, int], rng: random.Random, output: str) -> ContractionSpec:
    """A product of this M, K and N, its operands either way round."""
    return gemm_spec(*shape, output, input_layout=rng.choice(("mk", "mk", "km")), weights_layout=rng.choice(("kn", "nk")))


def random_convolution(rng: random.Random, output: str) -> ContractionSpec:
    """A convolution such as networks have: kernel 1 to 7, strides, dilation, padding, bias, requantisation per channel or not."""
    while True:
        kernel, side = rng.choice((1, 1, 3, 3, 3, 5, 7)), rng.randint(4, 56)
        dilation = 2 if kernel == 3 and rng.random() < 0.15 else 1
        reach = dilation * (kernel - 1)
        pad = rng.choice((0, reach // 2))
        if min(side, 4) <= reach - 2 * pad:
            continue
        spec = ContractionSpec(
            batch=rng.choice((1, 1, 1, 2)),
            height=side,
            width=rng.choice((side, rng.randint(4, 56))),
            channels=rng.choice((3, 8, 16, 24, 32, 64, rng.randint(1, 128))),
            kernel_h=kernel,
            kernel_w=kernel,
            stride=rng.choice(((1, 1), (1, 1), (2, 2))),
            dilation=(dilation, dilation),
            padding=(pad, pad, pad, pad),
            pad_value=rng.randint(-128, 127),
            out_channels=rng.choice((8, 16, 32, 64, 128, rng.randint(1, 200))),
            has_bias=rng.random() < 0.8,
            output=output,
            per_channel=rng.random() < 0.7,
            multiplier=1 << 30,
            shift=40,
        )
        if spec.macs <= MOST_MACS:
            return spec


def words(spec: ContractionSpec) -> str:
    """The sizes of a contraction: ``64×37×21``, or ``1×14×14×32 by 3×3×64 /2`` for a convolution with a stride of 2."""
    if spec.is_matrix and spec.height == 1:
        return f"{spec.m}×{spec.k}×{spec.n} {spec.input_layout} {spec.weights_layout}"
    stride = f" /{spec.stride[0]}" if spec.stride != (1, 1) else ""
    dilation = f" dilated {spec.dilation[0]}" if spec.dilation != (1, 1) else ""
    sizes = f"{spec.batch}×{spec.height}×{spec.width}×{spec.channels} by {spec.kernel_h}×{spec.kernel_w}×{spec.n}"
    return f"{sizes}{stride}{dilation}{' padded' if any(spec.padding) else ''}"


def compare(specs: Sequence[ContractionSpec], config: ArrayConfig, seed: int, report: Report, report_shape: Report) -> Iterator[Comparison]:
    """Plans each contraction, runs it on a simulated device of its own, and checks every element of the result."""
    for number, spec in enumerate(specs):
        report_shape(f"{number + 1} of {len(specs)}: {words(spec)}")
        planned = plan(spec, config)
        arrays, expected = operands(spec, config, np.random.default_rng([seed, number]))
        cycles, found = run(planned, arrays, expected, report)
        kind = "product" if spec.is_matrix and spec.height == 1 else "convolution"
        wrong = int((found != expected).sum())
        yield Comparison(kind, words(spec), spec.output, spec.macs, planned.cycles, cycles, wrong)


def operands(spec: ContractionSpec, config: ArrayConfig, rng: np.random.Generator) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """Random contents of the input slots by name, and the reference's output [M, N]."""
    image = rng.integers(-128, 128, (spec.batch, spec.height, spec.width, spec.channels), dtype=np.int8)
    weights = rng.integers(-128, 128, (spec.n, spec.kernel_h, spec.kernel_w, spec.channels), dtype=np.int8)
    matrix = weights.reshape(spec.n, spec.k)
    arrays: dict[str, NDArray[Any]] = {
        "input": image if spec.input_layout == "mk" else np.ascontiguousarray(image.reshape(spec.m, spec.k).T),
        "weights": matrix if spec.weights_layout == "nk" else np.ascontiguousarray(matrix.T),
    }
    bias = rng.integers(-(2**18), 2**18, spec.n, dtype=np.int32) if spec.has_bias else None
    if bias is not None:
        arrays["bias"] = pack_bias(bias, config)
    geometry: dict[str, Any] = {"stride": spec.stride, "dilation": spec.dilation, "padding": spec.padding, "pad_value": spec.pad_value}
    total: NDArray[np.int32] = reference.conv2d(image, weights, bias, **geometry).reshape(spec.m, spec.n)
    if spec.has_residual:
        arrays["residual"] = rng.integers(-(2**30), 2**30, total.shape, dtype=np.int32)
        total = reference.wrap32(total.astype(np.int64) + arrays["residual"])
    if spec.output == "int32":
        return arrays, total
    multiplier, shift = np.array([spec.multiplier]), np.array([spec.shift])
    if spec.per_channel:
        multiplier, shift = rng.integers(2**30, 2**31, spec.n), rng.integers(36, 44, spec.n)
        arrays["parameters"] = pack_parameters(multiplier, shift, config)
    clamp: dict[str, Any] = {"clamp_min": spec.clamp_min, "clamp_max": spec.clamp_max}
    return arrays, reference.requantise(total, multiplier, shift, spec.zero_point, double_round=spec.double_round, **clamp)


def run(
    planned: Plan, arrays: dict[str, NDArray[Any]], expected: NDArray[Any], report: Report, memory_latency: int = MEMORY_LATENCY
) -> tuple[int, NDArray[Any]]:
    """Cycles from the doorbell to the completion record, and the output, which begins as what is wrong everywhere."""
    contents = {**arrays, "output": ~expected}
    memory = -(-(sum(array.nbytes for array in contents.values()) + SPARE_BYTES) // 2**20) * 2**20
    options: dict[str, Any] = {"memory_latency": memory_latency, "array": Array.STEP.value, "progress": report}
    stream = planned.stream()
    with Device.open("sim", planned.config, memory_bytes=memory, **options) as device:
        buffers = [device.place(contents[slot.name]) for slot in stream.slots]
        completion = device.run(stream, buffers)
        return completion.cycles, buffers[-1].read(expected.dtype, expected.shape)
