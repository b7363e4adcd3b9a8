"""Which passes upstream's bindings have: ``mlir-opt`` says it, where that program is installed beside them."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

ENTRY = re.compile(r"^  --([\w-]+)(?:=<[^>]*>)? +- +(.*)$")
"""A pass in the list of ``mlir-opt``; what is indented further is an option."""
TIME_LIMIT = 30.0
"""Seconds that the list may take."""


@cache
def upstream_passes() -> dict[str, str]:
    """One line for each of upstream's passes, by name; empty where ``mlir-opt`` is not installed beside the bindings."""
    import mlir

    program = Path(next(iter(mlir.__path__))) / "bin" / "mlir-opt"
    try:
        run = subprocess.run([program, "--list-passes"], capture_output=True, text=True, timeout=TIME_LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    found = (ENTRY.match(line) for line in run.stdout.splitlines())
    passes = {each[1]: each[2].strip() for each in found if each is not None}
    return {name: text for name, text in passes.items() if not name.startswith("test-")}
