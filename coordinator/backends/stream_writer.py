"""Compiles host code that writes a stream, and runs it: :data:`hwacc.program.WRITE_STREAM`."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from hwacc.config import ArrayConfig
from hwacc.coordinator.backends.cpu import compile_code, packed_call
from hwacc.errors import InputError
from hwacc.program import STREAM_BYTES, WRITE_STREAM, Implementation

MOST_BYTES = 8 * 2**20
"""Of a stream: with more the verifier would take minutes and gigabytes."""


class StreamWriter:
    """The code of one task, compiled; raises :class:`hwacc.errors.ProgramError` if it is damaged."""

    def __init__(self, implementation: Implementation, config: ArrayConfig) -> None:
        self._config = config
        engine = compile_code(implementation.code.decode(errors="replace"))
        self._count, self._write = (packed_call(engine, name) for name in (STREAM_BYTES, WRITE_STREAM))

    def write(self, m: int, k: int, n: int) -> bytes:
        """The content of the stream file for [M][K] by [K][N]; raises :class:`InputError` for sizes that the array cannot do."""
        text = f"a {m}×{k}×{n} product"
        if min(m, k, n) < 1:
            raise InputError(f"{text} has no elements; every size must be at least 1")
        if k > self._config.max_k:
            raise InputError(f"{text} can overflow int32; reductions of at most {self._config.max_k} products are supported")
        sizes = np.array([m, k, n], np.int64)
        length = ctypes.c_int64()
        self._count([_pointer(sizes), length])
        if length.value > MOST_BYTES:
            raise InputError(f"{text} takes {length.value >> 20} MiB of descriptors; at most {MOST_BYTES >> 20} are supported: divide it")
        out = np.zeros(length.value, np.uint8)
        self._write([_pointer(sizes), _pointer(out)])
        return out.tobytes()


def _pointer(array: Any) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
