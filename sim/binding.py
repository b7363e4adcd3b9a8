"""The C interface of ``harness.cpp`` for ctypes: structures, signatures, codes."""

from __future__ import annotations

import ctypes
from pathlib import Path

from hwacc.errors import DeviceError

CHANNELS = 5
"""AXI channels with a stall probability: ar, aw, w, r, b."""

BUS_ERRORS = {
    1: "no answer; the device's register port hangs",
    2: "the bus answered SLVERR",
    3: "the bus answered DECERR; there is no such register",
}
"""What ``sim_csr_read`` and ``sim_csr_write`` return, in words; 0 is success."""


class Parameters(ctypes.Structure):
    """``struct Parameters`` of ``harness.cpp``, field for field."""

    _fields_ = (
        ("memory_base", ctypes.c_uint64),
        ("memory_bytes", ctypes.c_uint64),
        ("error_base", ctypes.c_uint64),
        ("error_bytes", ctypes.c_uint64),
        ("memory", ctypes.c_void_p),
        ("doorbell", ctypes.c_uint32),
        ("read_latency", ctypes.c_uint32),
        ("write_latency", ctypes.c_uint32),
        ("queue_depth", ctypes.c_uint32),
        ("seed", ctypes.c_uint32),
        ("stalls", ctypes.c_uint32 * CHANNELS),
    )


_HANDLE = ctypes.c_void_p
_SIGNATURES: dict[str, tuple[object, tuple[object, ...]]] = {
    "sim_create": (_HANDLE, (ctypes.POINTER(Parameters),)),
    "sim_destroy": (None, (_HANDLE,)),
    "sim_reset": (None, (_HANDLE, ctypes.c_uint32)),
    "sim_csr_read": (ctypes.c_int, (_HANDLE, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32))),
    "sim_csr_write": (ctypes.c_int, (_HANDLE, ctypes.c_uint32, ctypes.c_uint32)),
    "sim_run": (ctypes.c_int, (_HANDLE, ctypes.c_uint64, ctypes.c_int)),
    "sim_irq": (ctypes.c_int, (_HANDLE,)),
    "sim_cycles": (ctypes.c_uint64, (_HANDLE,)),
    "sim_doorbell_to_irq": (ctypes.c_int64, (_HANDLE,)),
    "sim_traffic": (None, (_HANDLE, ctypes.c_uint64 * 3)),
    "sim_clear_traffic": (None, (_HANDLE,)),
    "sim_fault": (ctypes.c_char_p, (_HANDLE,)),
    "sim_trace_open": (None, (_HANDLE, ctypes.c_char_p)),
    "sim_trace_close": (None, (_HANDLE,)),
}


def load(path: Path) -> ctypes.CDLL:
    """Opens a library that :func:`hwacc.sim.build.build` made, its functions typed; raises :class:`DeviceError`."""
    try:
        library = ctypes.CDLL(str(path.resolve()))
    except OSError as error:
        raise DeviceError(f"cannot load the simulator {path}: {error}; delete the file to build it again") from None
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def thresholds(*probabilities: float) -> ctypes.Array[ctypes.c_uint32]:
    """Probabilities as 32-bit thresholds, one for each channel: a random word below the threshold stalls."""
    return (ctypes.c_uint32 * CHANNELS)(*(int(p * 2**32) for p in probabilities))
