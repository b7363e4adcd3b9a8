"""Runs a format's reader in a process of its own, and turns how it ends into one line.

A reader is a module beside this one that is run as a program. The libraries in
which readers believe what a file says: a damaged one makes them loop, ask for
endless memory or abort. The last line that a reader prints is its answer, as
JSON: ``{"error": "..."}``, ``{"missing": "package"}``, or what it found out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from hwacc.errors import MissingToolError, ModelError


def run_reader(reader: ModuleType, arguments: Sequence[str], path: Path, *, kind: str, extra: str, limit_s: float) -> dict[str, Any]:
    """Runs ``reader`` with ``arguments``; its answer.

    ``path`` is the model, ``kind`` what it should be, in words such as ``ONNX model``, ``extra`` what installs the reader's
    libraries. Raises :class:`MissingToolError`, or :class:`ModelError` for anything but an answer.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    command = [sys.executable, "-m", reader.__name__, *arguments]
    try:
        run = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        raise ModelError(f"{path}: reading it took longer than {limit_s:g} s; the file may be damaged") from None
    try:
        answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    except (json.JSONDecodeError, IndexError):
        raise ModelError(f"{path}: {ending(run.returncode, run.stderr, kind)}") from None
    if "error" in answer:
        raise ModelError(f"{path}: {answer['error']}{complaint(run.stderr)}")
    if "missing" in answer:
        raise MissingToolError(f"reading {path.suffix} files needs {answer['missing']}; install it with: pip install 'hwacc[{extra}]'")
    return answer


def ending(status: int, stderr: str, kind: str) -> str:
    """What the end of a reader without an answer means: a library that it was killed in, or a fault of its own."""
    if status < 0:
        return f"damaged {kind} (its reader ended with signal {-status})"
    words = [line.strip() for line in stderr.splitlines() if line.strip()] or [f"exit status {status}"]
    return f"the reader broke down on this {kind} ({words[-1]})"


def complaint(stderr: str) -> str:
    """The first error that a reader's library printed, in brackets; empty when there is none."""
    for line in stderr.splitlines():
        _, found, message = line.partition("error: ")
        if found:
            return f" ({message.strip()})"
    return ""
