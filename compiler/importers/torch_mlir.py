"""Runs ``torch-mlir-opt``, whose passes know StableHLO, ONNX and PyTorch, in a process of its own.

The tool prints MLIR with locations, which the bindings of upstream MLIR then parse.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from hwacc.errors import MissingToolError, ModelError

PRINTING = ("--mlir-print-debuginfo",)
"""Locations stay."""

DIAGNOSTIC = re.compile(r"^(?:loc\()?(?P<place>.*?)\)?: error: (?P<message>.*)$", re.MULTILINE)
FILE_PLACE = re.compile(r'^"?(?P<file>[^"]*?)"?:(?P<line>\d+):\d+$')
TIME_LIMIT = 600.0
"""Seconds that one lowering may take."""


def find_tool(purpose: str, extra: str) -> Path:
    """The program; raises :class:`MissingToolError` saying which extra ``purpose`` needs."""
    spec = find_spec("torch_mlir")
    folder = next(iter(spec.submodule_search_locations or ()), None) if spec else None
    tool = Path(folder or "") / "_mlir_libs" / "torch-mlir-opt"
    if folder is None or not tool.is_file():
        raise MissingToolError(f"{purpose} needs torch-mlir; install it with: pip install 'hwacc[{extra}]'")
    return tool


def lower(source: Path, target: Path, options: Sequence[str], *, where: str, purpose: str, extra: str) -> None:
    """Writes what the passes in ``options`` make of ``source`` to ``target``.

    Raises :class:`MissingToolError`, or :class:`ModelError` with the tool's first complaint behind ``where``.
    """
    command = [str(find_tool(purpose, extra)), str(source), *options, *PRINTING, "-o", str(target)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIME_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise ModelError(f"{where}: lowering to linalg took longer than {TIME_LIMIT:g} s") from None
    if run.returncode:
        raise ModelError(f"{where}: {first_complaint(run.stderr, run.returncode)}")


def first_complaint(stderr: str, status: int) -> str:
    """The tool's first error, with its place, on one line; else how it ended."""
    match = DIAGNOSTIC.search(stderr)
    if match is None:
        assertion = next((line.rpartition(": ")[2] for line in stderr.splitlines() if "Assertion" in line), "")
        return f"torch-mlir-opt broke down on this model ({assertion or ending(status)})"
    message = " ".join(match["message"].split())
    place = FILE_PLACE.match(match["place"])
    name = f"line {place['line']}" if place else match["place"].strip('"')
    return f"{message} (at {name})" if name and "unknown" not in name else message


def ending(status: int) -> str:
    """How a process ended, in words."""
    return f"signal {-status}" if status < 0 else f"exit status {status}"
