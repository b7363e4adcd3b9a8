"""The copying device of ``copier.v``: its register names, its library, and a copy as one call."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from hwacc import csr
from hwacc.config import ArrayConfig
from hwacc.sim.build import Trace, build_verilog
from hwacc.sim.simulator import Memory, Simulator, Stop

DOORBELL = csr.BY_NAME["RING_TAIL"].offset
VERILOG = f"`define DOORBELL 8'h{DOORBELL:x}\n" + Path(__file__).with_name("copier.v").read_text()
CONFIG = ArrayConfig()
SOURCE, DESTINATION, BURSTS, LENGTH = 0x00, 0x04, 0x08, 0x0C
FIRST_ADDRESS, FIRST_BEAT, LAST_READ, LAST_WRITE, LAST_ANSWER, WORST = 0x10, 0x14, 0x18, 0x1C, 0x20, 0x24
INJECT, CLEAR, MISSING = 0x28, 0x2C, 0xFC
EARLY_WLAST, CHANGING_ADDRESS, FALLING_VALID, EARLY_INTERRUPT = 1, 2, 4, 8


@lru_cache
def library(trace: Trace = Trace.NONE) -> Path:
    """The copier's library, from the cache or built now."""
    return build_verilog(lambda: VERILOG, [VERILOG], CONFIG, trace=trace)


def copier(memory: Memory | None = None, trace: Path | None = None) -> Simulator:
    """A copier in the simulator's memory of 1 MiB."""
    return Simulator(CONFIG, memory or Memory(size=2**20), trace=trace, library=library(Trace.of(trace)))


def start(device: Simulator, source: int, destination: int, *, bursts: int = 1, beats: int = 1, inject: int = 0) -> None:
    """Writes the registers and rings the doorbell."""
    for offset, value in ((SOURCE, source), (DESTINATION, destination), (BURSTS, bursts), (LENGTH, beats - 1), (INJECT, inject)):
        device.csr_write(offset, value)
    device.csr_write(DOORBELL, 1)


def copy(device: Simulator, source: int, destination: int, *, bursts: int = 1, beats: int = 1, inject: int = 0) -> None:
    """:func:`start`, and waits for the interrupt."""
    start(device, source, destination, bursts=bursts, beats=beats, inject=inject)
    assert device.run(100_000) is Stop.INTERRUPT
