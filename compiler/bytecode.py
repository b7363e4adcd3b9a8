"""MLIR bytecode from strangers: is it safe to read?

MLIR's reader believes what a file says; a damaged one makes it abort the process. So a process of its own, this file as a program,
reads it first. Text needs no such care.
"""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
from pathlib import Path

from hwacc.errors import ModelError

BEGIN = b"ML\xefR"
"""How MLIR bytecode begins."""
LIMIT_S = 120.0
"""Seconds that reading may take."""


def require_readable(path: Path, where: str) -> None:
    """Raises :class:`ModelError` naming ``where`` if ``path`` cannot be read, or is bytecode that MLIR does not survive reading."""
    try:
        with path.open("rb") as file:
            if file.read(len(BEGIN)) != BEGIN:
                return
    except OSError as error:
        raise ModelError(f"{where}: {error.strerror}") from None
    command = [sys.executable, "-m", __name__, str(path)]
    try:
        status = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False).returncode
    except subprocess.TimeoutExpired:
        raise ModelError(f"{where}: reading it took longer than {LIMIT_S:g} s; the bytecode may be damaged") from None
    if status < 0:
        raise ModelError(f"{where}: damaged MLIR bytecode (its reader ended with signal {-status})")


def main() -> None:
    """Reads the file in ``argv[1]``. What MLIR refuses in words is for the caller to find again, with the words."""
    from hwacc.compiler.context import new_context, parse_module

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with new_context() as context:
        context.allow_unregistered_dialects = True
        with contextlib.suppress(ModelError):
            str(parse_module(Path(sys.argv[1]).read_bytes(), ""))


if __name__ == "__main__":
    main()
