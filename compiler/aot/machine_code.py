"""From a module in the LLVM dialect to an object file: LLVM's own ``opt`` and ``llc``."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hwacc.errors import MissingToolError, ModelError

if TYPE_CHECKING:
    from mlir import ir


@dataclass(frozen=True)
class Target:
    """``triple`` is what LLVM calls a processor and its system; any processor of the kind will do, none of its extensions is used."""

    triple: str


TARGETS = {"x86_64": Target("x86_64-unknown-linux-gnu"), "aarch64": Target("aarch64-unknown-linux-gnu")}
"""By the name that users give."""
OPTIMISATION = "-O2"


def write_object(module: ir.Module, target: str, output: Path) -> None:
    """Compiles ``module``; raises :class:`ModelError` for an unknown target or where LLVM fails, :class:`MissingToolError` without LLVM."""
    from mlir.dialects.llvm import translate_module_to_llvmir

    triple = target_named(target).triple
    text, optimised = output.with_name(output.name + ".ll"), output.with_name(output.name + ".bc")
    text.write_text(translate_module_to_llvmir(module.operation))
    tool("opt", OPTIMISATION, f"-mtriple={triple}", str(text), "-o", str(optimised))
    options = ("-relocation-model=pic", "-filetype=obj", f"-mtriple={triple}")
    tool("llc", OPTIMISATION, *options, str(optimised), "-o", str(output))


def target_named(name: str) -> Target:
    """One of :data:`TARGETS`; raises :class:`ModelError`."""
    if name not in TARGETS:
        raise ModelError(f"unknown target {name!r}; known: {', '.join(TARGETS)}")
    return TARGETS[name]


def tool(name: str, *arguments: str) -> str:
    """Runs one of LLVM's programs; what it prints."""
    try:
        import llvm
    except ImportError:
        raise MissingToolError("object files need LLVM's tools; install them with: pip install 'hwacc[compiler]'") from None
    program = Path(llvm.__file__).with_name("bin") / name
    run = subprocess.run([str(program), *arguments], capture_output=True, text=True, errors="replace", check=False)
    if run.returncode:
        complaint = next((line for line in run.stderr.splitlines() if "error" in line.lower()), run.stderr.strip()[-200:])
        raise ModelError(f"LLVM's {name} failed ({complaint or f'exit status {run.returncode}'})")
    return run.stdout
