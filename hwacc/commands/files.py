"""Writing answers to files, whole or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from hwacc.errors import HwaccError


def write_text(path: Path, text: str) -> None:
    """Writes ``text``; an interrupted run leaves no half a file. Raises :class:`HwaccError`."""
    write_files({path: text.encode()})


def write_files(files: Mapping[Path, bytes]) -> None:
    """Writes files that belong together: where one cannot be written, none is replaced. Raises :class:`HwaccError` naming it."""
    partial = {path: path.with_name(path.name + ".partial") for path in files}
    path = None
    try:
        for path, content in files.items():
            partial[path].write_bytes(content)
        for path in files:
            partial[path].replace(path)
    except OSError as error:
        raise HwaccError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        for each in partial.values():
            with contextlib.suppress(OSError):
                each.unlink()
