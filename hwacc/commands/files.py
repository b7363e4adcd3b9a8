"""Writing answers to files, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Mapping
from pathlib import Path

from hwacc.errors import HwaccError
from hwacc.files import beside


def require_writable(path: Path) -> None:
    """Raises :class:`HwaccError` where ``path`` cannot be written: an answer that takes minutes should not be lost."""
    place = path if path.exists() else path.parent
    faults = {errno.EISDIR: path.is_dir(), errno.ENOENT: not place.exists(), errno.EACCES: not os.access(place, os.W_OK)}
    for fault, there in faults.items():
        if there:
            raise HwaccError(f"{path}: cannot be written: {os.strerror(fault)}")


def write_text(path: Path, text: str) -> None:
    """Writes ``text``; an interrupted run leaves no half a file. Raises :class:`HwaccError`."""
    write_files({path: text.encode()})


def write_files(files: Mapping[Path, bytes]) -> None:
    """Writes files that belong together: where one cannot be written, none is replaced. Raises :class:`HwaccError` naming it."""
    partial = {path: beside(path) for path in files}
    path = None
    try:
        for path, content in files.items():
            partial[path].write_bytes(content)
        for path in files:
            partial[path].replace(path)
    except OSError as error:
        raise HwaccError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        for each in set(partial.values()) - set(files):
            with contextlib.suppress(OSError):
                each.unlink()
