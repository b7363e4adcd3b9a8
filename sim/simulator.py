"""The accelerator's RTL as a Python object: memory, registers and a clock that runs on demand.

Time stands still between calls. Every method that steps the clock does so in
C++ (``harness.cpp``) without holding the GIL, one simulator to a thread.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from hwacc import csr
from hwacc.config import ArrayConfig
from hwacc.errors import DeviceError
from hwacc.sim import binding
from hwacc.sim.build import Array, Trace, build
from hwacc.sim.progress import Progress

PAGE = 4096
RESET_CYCLES = 4


class Stop(IntEnum):
    """Why :meth:`Simulator.run` returned."""

    INTERRUPT = 0
    CYCLES = 1
    FAULT = 2


@dataclass(frozen=True, kw_only=True)
class Stalls:
    """Random back-pressure: for each AXI channel the probability, 0 to below 1, that the memory is not ready for (ar, aw, w)
    or does not offer (r, b) a transfer in a cycle."""

    ar: float = 0.0
    aw: float = 0.0
    w: float = 0.0
    r: float = 0.0
    b: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        for channel in ("ar", "aw", "w", "r", "b"):
            probability = getattr(self, channel)
            if not 0 <= probability < 1:
                raise DeviceError(f"stall probability {channel} must be from 0 to below 1, not {probability!r}")


@dataclass(frozen=True)
class Traffic:
    """What crossed the memory bus: ``read`` and ``written`` count whole beats in bytes, ``strobed`` the bytes that writes enabled."""

    read: int
    written: int
    strobed: int


@dataclass(frozen=True, kw_only=True)
class Memory:
    """The memory beside the accelerator.

    ``latency`` counts cycles: reads from an accepted address to the first beat, writes from the last beat to the response;
    0 acts as 1, since the memory's outputs are registered. ``error_start`` and ``error_bytes`` give a range of addresses
    that answers SLVERR; whatever lies outside the memory answers DECERR. ``base`` and ``size`` are multiples of 4096.
    ``queue_depth`` bursts may be on the way in each direction: enough for a beat a cycle from bursts of one beat, up to a latency of 250.
    """

    size: int = 64 * 2**20
    base: int = 0
    read_latency: int = 32
    write_latency: int = 32
    queue_depth: int = 256
    error_start: int = 0
    error_bytes: int = 0
    stalls: Stalls = field(default_factory=Stalls)

    def __post_init__(self) -> None:
        for name in ("size", "base"):
            if getattr(self, name) % PAGE:
                raise DeviceError(f"memory {name} must be a multiple of {PAGE}, not {getattr(self, name)}")
        if self.size <= 0:
            raise DeviceError(f"memory size must be positive, not {self.size}")
        for name in ("read_latency", "write_latency"):
            if getattr(self, name) < 0:
                raise DeviceError(f"memory {name} must be at least 0 cycles, not {getattr(self, name)}")


class Simulator:
    """One Verilated accelerator with its memory, out of reset.

    ``memory`` is the memory's content, uint8 of shape [size], shared with the
    C++ side without a copy; index 0 is address ``parameters.base``. ``trace`` names a waveform file, ``.fst`` or ``.vcd``.
    ``array`` is ``rtl`` or ``step`` (:class:`Array`); a given ``library`` is what it is.

    Raises :class:`hwacc.errors.MissingToolError` where a tool is missing, :class:`DeviceError` where the build
    fails or the waveform cannot be written.
    """

    def __init__(
        self,
        config: ArrayConfig,
        memory: Memory | None = None,
        *,
        trace: Path | None = None,
        array: str = Array.RTL,
        library: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.config = config
        self.parameters = memory or Memory()
        kind = Trace.of(trace)
        self.array = Array.chosen(array, waveform=trace is not None)
        self._library = binding.load(library or build(config, trace=kind, array=self.array, progress=progress))
        self.memory: NDArray[np.uint8] = np.zeros(self.parameters.size, np.uint8)
        self._handle: ctypes.c_void_p | None = self._create()
        if trace is not None:
            self._open_trace(trace)
        self.reset()

    def reset(self) -> None:
        """Holds the reset for a few cycles. Memory keeps its content; cycles and traffic go on counting."""
        self._library.sim_reset(self._live, RESET_CYCLES)

    def csr_read(self, offset: int) -> int:
        """The register at byte ``offset``; takes some cycles. Raises :class:`DeviceError` if the bus answers with an error."""
        value = ctypes.c_uint32()
        self._bus(self._library.sim_csr_read(self._live, offset, ctypes.byref(value)), "read", offset)
        return value.value

    def csr_write(self, offset: int, value: int) -> None:
        """Writes 32 bits at byte ``offset``; returns when the bus has answered. Raises :class:`DeviceError` as :meth:`csr_read`."""
        self._bus(self._library.sim_csr_write(self._live, offset, value & 0xFFFFFFFF), "write", offset)

    def run(self, max_cycles: int) -> Stop:
        """Steps until the interrupt is high or ``max_cycles`` have passed, and says which.

        Returns at once, without a step, when the interrupt is already high. Raises :class:`DeviceError` when the device has
        broken a rule of AXI.
        """
        stop = Stop(self._library.sim_run(self._live, max_cycles, 1))
        self._check_fault()
        return stop

    def step(self, cycles: int = 1) -> None:
        """Steps ``cycles`` cycles, interrupt or not. Raises :class:`DeviceError` as :meth:`run`."""
        self._library.sim_run(self._live, cycles, 0)
        self._check_fault()

    @property
    def irq(self) -> bool:
        """Whether the interrupt is high."""
        return bool(self._library.sim_irq(self._live))

    @property
    def cycles(self) -> int:
        """Cycles since creation."""
        return int(self._library.sim_cycles(self._live))

    @property
    def doorbell_to_irq(self) -> int | None:
        """Cycles from the last accepted doorbell write to the first rise of the interrupt after it; None until both happened."""
        cycles = int(self._library.sim_doorbell_to_irq(self._live))
        return None if cycles < 0 else cycles

    @property
    def traffic(self) -> Traffic:
        """What crossed the memory bus since creation or :meth:`clear_traffic`."""
        counts = (ctypes.c_uint64 * 3)()
        self._library.sim_traffic(self._live, counts)
        return Traffic(*counts)

    def clear_traffic(self) -> None:
        """Sets :attr:`traffic` to zero."""
        self._library.sim_clear_traffic(self._live)

    def close(self) -> None:
        """Ends the waveform and frees the device; ``memory`` stays readable. Harmless when repeated."""
        if self._handle is not None:
            self._library.sim_destroy(self._handle)
            self._handle = None

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def _live(self) -> ctypes.c_void_p:
        if self._handle is None:
            raise DeviceError("the simulated device is closed; open it again")
        return self._handle

    def _create(self) -> ctypes.c_void_p:
        parameters, stalls = self.parameters, self.parameters.stalls
        raw = binding.Parameters(
            memory_base=parameters.base,
            memory_bytes=parameters.size,
            error_base=parameters.error_start,
            error_bytes=parameters.error_bytes,
            memory=self.memory.ctypes.data,
            doorbell=csr.BY_NAME["RING_TAIL"].offset,
            read_latency=parameters.read_latency,
            write_latency=parameters.write_latency,
            queue_depth=parameters.queue_depth,
            seed=stalls.seed,
            stalls=binding.thresholds(stalls.ar, stalls.aw, stalls.w, stalls.r, stalls.b),
        )
        return ctypes.c_void_p(self._library.sim_create(raw))

    def _open_trace(self, path: Path) -> None:
        try:
            path.touch()
        except OSError as error:
            raise DeviceError(f"{path}: {error.strerror}; give another waveform file") from None
        self._library.sim_trace_open(self._live, str(path).encode())

    def _bus(self, code: int, verb: str, offset: int) -> None:
        self._check_fault()
        if code:
            raise DeviceError(f"register {verb} at {offset:#04x}: {binding.BUS_ERRORS[code]}")

    def _check_fault(self) -> None:
        fault: bytes = self._library.sim_fault(self._live)
        if fault:
            raise DeviceError(f"the simulated device broke a bus rule: {fault.decode()}")
