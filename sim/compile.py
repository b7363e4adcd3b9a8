"""Verilog text to a shared library: Verilator, then the C++ compiler.

The generated code goes into two translation units that compile side by side:
what runs every cycle, optimised; and what runs once (construction, settling,
names for waveforms), not optimised. The design has to be one unit anyway, since
the compiler finds the most when it sees all of it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from hwacc.config import ArrayConfig
from hwacc.errors import DeviceError
from hwacc.rtl.verilog import TOP
from hwacc.sim import toolchain
from hwacc.sim.progress import Progress

PREFIX = "Vhwacc"
"""Name of the generated class; ``harness.cpp`` knows it."""
HARNESS = Path(__file__).parent / "harness"
LIBRARY = "simulator.so"
LOG = "build.log"

VERILATOR_FLAGS = (
    "--cc",
    "--output-split",
    "0",
    "-O3",
    "--x-assign",
    "fast",
    "--x-initial",
    "fast",
    "--noassert",
    "-Wno-fatal",
    "-Wno-lint",
)
COMPILER_FLAGS = ("-std=c++17", "-fPIC", "-DVL_TIME_CONTEXT", "-DVL_IGNORE_UNKNOWN_ARCH", "-w")
FAST_FLAGS = ("-O2", "-march=native", "-fno-stack-protector")
SLOW_FLAGS = ("-O0",)
RUNTIME_FLAGS = ("-O1",)
MACROS = {"VM_COVERAGE": 0, "VM_SC": 0, "VM_TIMING": 0, "VM_TRACE_SAIF": 0}


class Trace(str, Enum):
    """Which waveform a build can write. Tracing slows every cycle, so it is a build of its own."""

    NONE = "none"
    FST = "fst"
    VCD = "vcd"

    @classmethod
    def of(cls, path: Path | None) -> Trace:
        """The format that a file's name asks for; raises :class:`DeviceError` for another ending."""
        if path is None:
            return cls.NONE
        try:
            return cls(path.suffix.removeprefix("."))
        except ValueError:
            raise DeviceError(f"{path}: a waveform file ends in .fst or .vcd") from None


def compile_library(verilog: Path, config: ArrayConfig, trace: Trace, progress: Progress) -> Path:
    """Makes the shared library beside ``verilog`` and returns its path.

    Raises :class:`hwacc.errors.MissingToolError`, or :class:`DeviceError` naming the tool that failed and the log.
    """
    folder = verilog.parent
    generated = folder / "generated"
    progress("simulator: Verilator translates the Verilog to C++")
    verilator = toolchain.verilator()
    tracing = [] if trace is Trace.NONE else [f"--trace-{trace.value}"]
    command = [str(verilator.binary), *VERILATOR_FLAGS, *tracing, "--top-module", TOP, "--prefix", PREFIX, "--Mdir", str(generated)]
    _call([*command, str(verilog)], folder, "Verilator", verilator.environment)
    progress("simulator: the C++ compiler makes the library")
    with ThreadPoolExecutor() as pool:
        objects = list(pool.map(lambda unit: _compile(unit, folder, config, trace), _units(generated, trace)))
    library = folder / LIBRARY
    _call([*toolchain.compiler().command, "-shared", "-o", str(library), *map(str, objects)], folder, "the linker")
    return library


class Unit(NamedTuple):
    """A translation unit: its name, the sources that it includes, how it is optimised."""

    name: str
    sources: list[Path]
    flags: tuple[str, ...]


def _units(generated: Path, trace: Trace) -> list[Unit]:
    sources = sorted(generated.glob(f"{PREFIX}*.cpp"))
    include = toolchain.verilator().include
    runtime = [include / "verilated.cpp", include / "verilated_threads.cpp"]
    if trace is not Trace.NONE:
        runtime.append(include / f"verilated_{trace.value}_c.cpp")
    fast = [source for source in sources if not source.stem.endswith("__Slow")]
    slow = [source for source in sources if source.stem.endswith("__Slow")]
    return [
        Unit("fast", [*fast, HARNESS / "harness.cpp"], FAST_FLAGS),
        Unit("slow", slow, SLOW_FLAGS),
        Unit("runtime", runtime, RUNTIME_FLAGS),
    ]


def _compile(unit: Unit, folder: Path, config: ArrayConfig, trace: Trace) -> Path:
    """Makes the unit's object file and returns its path."""
    source, result = folder / f"{unit.name}.cpp", folder / f"{unit.name}.o"
    source.write_text("".join(f'#include "{path}"\n' for path in unit.sources))
    tracing = {"VM_TRACE": trace is not Trace.NONE, "VM_TRACE_FST": trace is Trace.FST, "VM_TRACE_VCD": trace is Trace.VCD}
    macros = {**MACROS, **tracing, "BUS_BYTES": config.bus_bytes}
    include = toolchain.verilator().include
    folders = [HARNESS / "compression", folder / "generated", include, include / "vltstd"]
    options = [f"-D{key}={int(value)}" for key, value in macros.items()] + [f"-I{path}" for path in folders]
    _call(
        [*toolchain.compiler().command, *COMPILER_FLAGS, *unit.flags, *options, "-c", str(source), "-o", str(result)],
        folder,
        "the C++ compiler",
    )
    return result


def _call(command: Sequence[str], folder: Path, what: str, environment: dict[str, str] | None = None) -> None:
    with (folder / LOG).open("a") as log:
        log.write(" ".join(command) + "\n")
        log.flush()
        result = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=environment, check=False)
    if result.returncode:
        raise DeviceError(f"{what} failed with exit status {result.returncode}")
