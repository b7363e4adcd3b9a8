"""Writing answers to files, whole or not at all."""

from __future__ import annotations

import contextlib
from pathlib import Path

from hwacc.errors import HwaccError


def write_text(path: Path, text: str) -> None:
    """Writes ``text``; an interrupted run leaves no half a file. Raises :class:`HwaccError`."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise HwaccError(f"{path}: cannot be written: {error.strerror}") from None
