"""The streams that ``hwacc bench gemm --any-size`` measures: written by compiled host code, not planned."""

from __future__ import annotations

from dataclasses import fields

from hwacc.compiler.context import new_context
from hwacc.compiler.emit.gemm import gemm_spec
from hwacc.compiler.writer.policy import policy_for
from hwacc.compiler.writer.product import Product
from hwacc.compiler.writer.stream_writer import writer_code
from hwacc.config import ArrayConfig
from hwacc.coordinator.backends.stream_writer import StreamWriter
from hwacc.program import WRITE_STREAM, Implementation
from hwacc.stream import Stream


def any_size_stream(m: int, k: int, n: int, out: str, config: ArrayConfig) -> Stream:
    """As :func:`hwacc.compiler.emit.gemm.gemm_stream`, by code that is compiled without the sizes.

    Raises :class:`hwacc.errors.InputError` for sizes that the array cannot do.
    """
    spec = gemm_spec(m, k, n, out)
    scales = {field.name: getattr(spec, field.name) for field in fields(Product) if field.name not in ("m", "k", "n")}
    from mlir import ir

    with new_context(), ir.Location.unknown():
        code = writer_code(Product(None, None, None, **scales), policy_for(config))
    writer = StreamWriter(Implementation("hwacc", (), code, WRITE_STREAM), config)
    return Stream.from_bytes(writer.write(m, k, n), "the stream that was written")
