"""Streams that compiled host code has written, as plans: shared by the tests of the writer."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from mlir import ir

from hwacc.compiler.context import new_context
from hwacc.compiler.emit.planner import Plan
from hwacc.compiler.writer.policy import policy_for
from hwacc.compiler.writer.product import Product
from hwacc.compiler.writer.stream_writer import writer_code
from hwacc.config import ArrayConfig
from hwacc.coordinator.backends.cpu import compile_code, packed_call
from hwacc.coordinator.backends.stream_writer import StreamWriter
from hwacc.program import WRITE_STREAM, Implementation
from hwacc.stream import Stream


@cache
def writer(product: Product, config: ArrayConfig) -> StreamWriter:
    """The compiled writer for a product."""
    with new_context(), ir.Location.unknown():
        code = writer_code(product, policy_for(config))
    return StreamWriter(Implementation("hwacc", (), code, WRITE_STREAM), config)


def written(product: Product, config: ArrayConfig, m: int, k: int, n: int) -> Plan:
    """The stream for certain sizes."""
    stream = Stream.from_bytes(writer(product, config).write(m, k, n))
    spec = product.spec(m, k, n)
    assert stream.config_hash == config.hash and stream.slots == spec.slots(config)
    return Plan(spec, config, tuple(zip(stream.descriptors, stream.relocations)), 0)


def call(text: str, name: str, numbers: Sequence[int], room: int = 0) -> tuple[int, bytes]:
    """What a function of :class:`Numbers` makes of an array of numbers: its result, or what it writes to so many bytes."""
    from hwacc.compiler.context import parse_module
    from hwacc.compiler.transforms.passes import run_passes
    from hwacc.compiler.writer.stream_writer import TO_LLVM

    with new_context(), ir.Location.unknown():
        module = parse_module(text, "test")
        run_passes(module, TO_LLVM)
        code = str(module)
    given, out, result = np.array(numbers, np.int64), np.zeros(room, np.uint8), ctypes.c_int64()
    pointers: list[Any] = [ctypes.c_void_p(array.ctypes.data) for array in (given, out)]
    packed_call(compile_code(code), name)([*pointers, result])
    return result.value, out.tobytes()
