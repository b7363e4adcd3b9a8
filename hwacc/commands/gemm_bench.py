"""Measurements behind ``hwacc bench``: GEMMs on the simulated RTL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.emit.gemm import gemm_reference, gemm_spec, gemm_stream
from hwacc.compiler.emit.planner import check_sizes
from hwacc.config import ArrayConfig
from hwacc.driver.completion import Completion
from hwacc.driver.device import Device
from hwacc.errors import HwaccError
from hwacc.limits import limit_cycles
from hwacc.sim.step import Array
from hwacc.stream import Stream

OUTPUTS = {"i8": "int8", "i32": "int32"}
SPARE_BYTES = 2**20
"""Device memory beside the operands: the ring, the record and alignment."""
SPEED_SHAPE = (256, 256, 256)

Shape = tuple[int, int, int]
Report = Callable[[str], None]
MakeStream = Callable[[int, int, int, str, ArrayConfig], Stream]
"""From M, K, N and the output's dtype to a stream over ``input``, ``weights`` and ``output``."""


@dataclass(frozen=True)
class Result:
    """One GEMM.

    ``cycles`` count from the doorbell to the completion record; ``limit_cycles`` is :func:`hwacc.limits.limit_cycles`, and
    ``of_limit`` the bound's share of the cycles, 0 to 1. ``utilisation`` is the share of the array's peak, 0 to 1, that did useful
    multiplications. ``mismatches`` are elements that are not the reference's. ``stalls`` is the cycle account, see
    :data:`hwacc.isa.CAUSES`: it sums to ``cycles``.
    """

    m: int
    k: int
    n: int
    cycles: int
    limit_cycles: int
    bytes_read: int
    bytes_written: int
    mismatches: int
    utilisation: float
    of_limit: float
    stalls: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, for JSON."""
        return dict(vars(self))


def measure(
    shapes: Sequence[Shape],
    out: str,
    config: ArrayConfig,
    *,
    seed: int,
    memory_latency: int,
    trace: Path | None = None,
    array: str | None = None,
    make_stream: MakeStream = gemm_stream,
    report: Report,
    report_shape: Report | None = None,
) -> Iterator[Result]:
    """Runs each M×K×N on a simulated device of its own, so that none depends on the one before, and yields what it took.

    ``out`` is a key of :data:`OUTPUTS`, ``array`` what :meth:`hwacc.sim.step.Array.chosen` takes. A waveform holds all products, on one
    device. ``make_stream`` says what is measured, a plan unless told otherwise. ``report`` hears of the steps of a build,
    ``report_shape`` (or else ``report``) of each product.
    """
    for m, k, n in shapes:  # said before a build that takes a minute
        check_sizes(gemm_spec(m, k, n, OUTPUTS[out]), config)
    used = Array.chosen(array, waveform=trace is not None).value
    options: dict[str, Any] = {"memory_latency": memory_latency, "trace": trace, "array": used, "progress": report}
    groups: list[Sequence[Shape]] = [[shape] for shape in shapes] if trace is None else [shapes]
    for group in groups:
        with Device.open("sim", config, memory_bytes=_memory(shapes, out), **options) as device:
            for shape in group:
                (report_shape or report)("multiplying {}×{}×{}".format(*shape))
                yield _measure(device, shape, out, seed, make_stream)


def simulation_speed(config: ArrayConfig, seconds: float, array: str, report: Report) -> float:
    """Clock cycles a second while GEMMs run back to back; only the stepping of the clock is timed.

    The seconds are the processor's, so that a busy machine does not change the answer: the simulator is one thread, and waits for nothing.

    Raises :class:`HwaccError` if the last result is not the reference's.
    """
    a, b = _operands(SPEED_SHAPE, seed=0)
    expected = gemm_reference(gemm_spec(*SPEED_SHAPE, "int8"), a, b)
    stream = gemm_stream(*SPEED_SHAPE, "int8", config)
    with Device.open("sim", config, memory_bytes=_memory([SPEED_SHAPE], "i8"), array=array, progress=report) as device:
        buffers = [device.place(a), device.place(b), device.place(~expected)]
        device.run(stream, buffers)  # warms the caches
        report(f"stepping {config.rows}×{config.cols} for {seconds:g} seconds")
        cycles, spent = 0, 0.0
        while spent < seconds:
            submission = device.submit(stream, buffers)
            before, start = _cycles(device), time.thread_time()
            submission.wait()
            spent += time.thread_time() - start
            cycles += _cycles(device) - before
        wrong = int((buffers[2].read(expected.dtype, expected.shape) != expected).sum())
        if wrong:
            raise HwaccError(f"{wrong} elements differ from the reference")
    return cycles / spent


def _measure(device: Device, shape: Shape, out: str, seed: int, make_stream: MakeStream) -> Result:
    m, k, n = shape
    a, b = _operands(shape, seed)
    expected = gemm_reference(gemm_spec(m, k, n, OUTPUTS[out]), a, b)
    completion, found = _multiply(device, make_stream(m, k, n, OUTPUTS[out], device.config), a, b, expected)
    limit = limit_cycles(m, k, n, expected.itemsize, device.config)
    return Result(
        m=m,
        k=k,
        n=n,
        cycles=completion.cycles,
        limit_cycles=limit,
        bytes_read=completion.bytes_read,
        bytes_written=completion.bytes_written,
        mismatches=int((found != expected).sum()),
        utilisation=m * k * n / (completion.cycles * device.config.macs_per_cycle),
        of_limit=limit / completion.cycles,
        stalls=completion.account,
    )


def _multiply(
    device: Device, stream: Stream, a: NDArray[np.int8], b: NDArray[np.int8], expected: NDArray[Any]
) -> tuple[Completion, NDArray[Any]]:
    # The output begins as what is wrong everywhere, so that an element which nobody writes is a mismatch.
    with device.place(a) as west, device.place(b) as north, device.place(~expected) as result:
        completion = device.run(stream, [west, north, result])
        return completion, result.read(expected.dtype, expected.shape)


def _operands(shape: Shape, seed: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    m, k, n = shape
    generator = np.random.default_rng([seed, m, k, n])
    a = generator.integers(-128, 127, size=(m, k), dtype=np.int8, endpoint=True)
    return a, generator.integers(-128, 127, size=(k, n), dtype=np.int8, endpoint=True)


def _memory(shapes: Sequence[Shape], out: str) -> int:
    width = np.dtype(OUTPUTS[out]).itemsize
    largest = max(m * k + k * n + m * n * width for m, k, n in shapes)
    return -(-(largest + SPARE_BYTES) // 2**20) * 2**20


def _cycles(device: Device) -> int:
    cycles = device.transport.cycles
    if cycles is None:
        raise HwaccError(f"device {device.name!r} counts no cycles; measure on 'sim'")
    return cycles
