"""Verilog text to machine code: Verilator, then the C++ compiler, without make.

The generated code goes into few translation units that compile side by side:
what runs every cycle, optimised; what runs once (construction, settling, names
for waveforms), not optimised; and Verilator's runtime. What runs every cycle is
one unit, since the compiler finds the most when it sees all of it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import hwacc
from hwacc.config import ArrayConfig
from hwacc.errors import DeviceError
from hwacc.rtl.verilog import TOP
from hwacc.sim import toolchain
from hwacc.sim.progress import Progress
from hwacc.sim.step import SOURCES, Array

PREFIX = "Vhwacc"
"""Name of the generated class; the harness knows it."""
HARNESS = Path(__file__).parent / "harness"
DRIVER = Path(hwacc.__path__[0]) / "driver"
"""Has the C interface, ``hwacc.h``, and in ``native`` its implementation, which the library offers beside ``binding``'s."""
LIBRARY = "simulator.so"
EITHER_EDGE = "@(edge clk)"
"""What is in Verilog that counts each edge of its clock as a cycle (:mod:`hwacc.sim.edges`)."""
LOG = "build.log"

VERILATOR_FLAGS = (
    "--cc",
    "--output-split",
    "0",
    "-O3",
    "-fno-case",
    "--x-assign",
    "fast",
    "--x-initial",
    "fast",
    "--noassert",
    "-Wno-fatal",
    "-Wno-lint",
)
COMPILER_FLAGS = ("-std=c++17", "-fPIC", "-DVL_IGNORE_UNKNOWN_ARCH", "-fno-sanitize=undefined", "-w")
"""Some compilers (zig) look for undefined behaviour unless told not to, and find it in the generated code."""
FAST_FLAGS = ("-O2", "-march=native", "-fno-stack-protector", "-include", str(HARNESS / "sign.hpp"))
STEP_FLAGS = ("-O3", "-march=native", "-fwrapv", "-fno-stack-protector")
SLOW_FLAGS = ("-O0",)
RUNTIME_FLAGS = ("-O1",)
MACROS = ("VM_COVERAGE", "VM_SC", "VM_TIMING", "VM_TRACE", "VM_TRACE_FST", "VM_TRACE_SAIF", "VM_TRACE_VCD")
"""What the generated code expects to be defined; 0 unless said otherwise."""


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
        if path.suffix not in (".fst", ".vcd"):
            raise DeviceError(f"{path}: a waveform file ends in .fst or .vcd")
        return cls(path.suffix[1:])


class Unit(NamedTuple):
    """A translation unit: its name, the sources that it includes, how it is optimised."""

    name: str
    sources: Sequence[Path]
    flags: tuple[str, ...]


def compile_library(verilog: Path, config: ArrayConfig, trace: Trace, array: Array, progress: Progress) -> Path:
    """Makes the simulator's shared library beside ``verilog`` and returns its path. With :attr:`Array.STEP`, ``verilog`` has step modules.

    Raises :class:`hwacc.errors.MissingToolError`, or :class:`DeviceError` naming the tool that failed.
    """
    folder = verilog.parent
    progress("simulator: Verilator translates the Verilog to C++")
    generated = translate(verilog, PREFIX, [] if trace is Trace.NONE else [f"--trace-{trace.value}"])
    progress("simulator: the C++ compiler makes the library")
    runtime = [] if trace is Trace.NONE else [f"verilated_{trace.value}_c.cpp"]
    macros = {"BUS_BYTES": config.bus_bytes, "VL_TIME_CONTEXT": 1, **step_macros(config)}
    macros["BOTH_EDGES"] = int(EITHER_EDGE in verilog.read_text())
    if trace is not Trace.NONE:
        macros |= {"VM_TRACE": 1, f"VM_TRACE_{trace.name}": 1}
    units = design_units(generated, PREFIX, [HARNESS / "harness.cpp"], runtime)
    units.append(Unit("device", [DRIVER / "native" / "device.cpp", HARNESS / "device.cpp"], RUNTIME_FLAGS))
    if array is Array.STEP:
        units.append(step_unit())
    objects = compile_units(units, folder, macros, [HARNESS / "compression", HARNESS, DRIVER, DRIVER / "native", generated])
    return link(objects, folder / LIBRARY, ["-shared"])


def translate(verilog: Path, prefix: str, options: Sequence[str]) -> Path:
    """Lets Verilator write C++ beside ``verilog``; returns the folder."""
    verilator = toolchain.verilator()
    generated = verilog.parent / "generated"
    command = [str(verilator.binary), *VERILATOR_FLAGS, *options, "--top-module", TOP, "--prefix", prefix, "--Mdir", str(generated)]
    _call([*command, str(verilog)], verilog.parent, "Verilator", verilator.environment)
    return generated


def design_units(generated: Path, prefix: str, harness: Sequence[Path], runtime: Sequence[str]) -> list[Unit]:
    """The units of a design with the sources ``harness`` around it; ``runtime`` names what it needs of Verilator beside the core."""
    sources = sorted(generated.glob(f"{prefix}*.cpp"))
    include = toolchain.verilator().include
    return [
        Unit("fast", [*(s for s in sources if not s.stem.endswith("__Slow")), *harness], FAST_FLAGS),
        Unit("slow", [s for s in sources if s.stem.endswith("__Slow")], SLOW_FLAGS),
        Unit("runtime", [include / name for name in ("verilated.cpp", "verilated_threads.cpp", *runtime)], RUNTIME_FLAGS),
    ]


def step_unit() -> Unit:
    """What step modules call; it needs :func:`step_macros`."""
    return Unit("step", [HARNESS / name for name in SOURCES], STEP_FLAGS)


def step_macros(config: ArrayConfig) -> dict[str, int]:
    """The sizes of the array, which the compiler has to know to use wide instructions."""
    return {"ARRAY_ROWS": config.rows, "ARRAY_COLS": config.cols}


def compile_units(units: Sequence[Unit], folder: Path, macros: Mapping[str, int], folders: Sequence[Path]) -> list[Path]:
    """Object files of the units, made side by side in ``folder``."""
    include = toolchain.verilator().include
    defined = {**dict.fromkeys(MACROS, 0), **macros}
    options = [f"-D{name}={value}" for name, value in defined.items()]
    options += [f"-I{path}" for path in (*folders, include, include / "vltstd")]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda unit: _compile(unit, folder, options), units))


def link(objects: Sequence[Path], result: Path, options: Sequence[str]) -> Path:
    """Joins the objects to ``result``, and returns it."""
    _call([*toolchain.compiler().command, "-o", str(result), *map(str, objects), *options], result.parent, "the linker")
    return result


def _compile(unit: Unit, folder: Path, options: Sequence[str]) -> Path:
    source, result = folder / f"{unit.name}.cpp", folder / f"{unit.name}.o"
    source.write_text("".join(f'#include "{path}"\n' for path in unit.sources))
    command = [*toolchain.compiler().command, *COMPILER_FLAGS, *unit.flags, *options, "-c", str(source), "-o", str(result)]
    _call(command, folder, "the C++ compiler")
    return result


def _call(command: Sequence[str], folder: Path, what: str, environment: dict[str, str] | None = None) -> None:
    with (folder / LOG).open("a") as log:
        log.write(" ".join(command) + "\n")
        log.flush()
        result = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=environment, check=False)
    if result.returncode:
        raise DeviceError(f"{what} failed with exit status {result.returncode}")
