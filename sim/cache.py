"""A folder of built things, each under the hash of everything that it was built from.

Two processes that want the same thing at once build it once: the first holds a
lock, the second waits and finds the result. A result appears by renaming, so it
is whole or absent.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hwacc.sim.progress import Progress


def folder() -> Path:
    """``$HWACC_CACHE``, else ``hwacc`` in ``$XDG_CACHE_HOME``, else in ``~/.cache``; made when absent."""
    named = os.environ.get("HWACC_CACHE")
    base = os.environ.get("XDG_CACHE_HOME")
    path = Path(named) if named else (Path(base) if base else Path.home() / ".cache") / "hwacc"
    path.mkdir(parents=True, exist_ok=True)
    return path


def digest(parts: Iterable[str | bytes]) -> str:
    """16 hexadecimal digits that stand for ``parts``, in order."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little") + data)
    return state.hexdigest()[:16]


def digest_files(paths: Iterable[Path]) -> str:
    """:func:`digest` of names and contents."""
    return digest(part for path in sorted(paths) for part in (path.name, path.read_bytes()))


def obtain(name: str, make: Callable[[Path], Path], progress: Progress) -> Path:
    """The cached file or folder ``name``; when absent, ``make(scratch)`` makes it in an empty folder and returns its path.

    The scratch folder is removed afterwards, also when ``make`` raises.
    """
    target = folder() / name
    if target.exists():
        return target
    with _lock(target.with_name(name + ".lock"), progress):
        if not target.exists():
            _make(target, make)
    return target


def _make(target: Path, make: Callable[[Path], Path]) -> None:
    scratch = Path(tempfile.mkdtemp(prefix=target.name + ".", dir=target.parent))
    try:
        os.replace(make(scratch), target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _lock(path: Path, progress: Progress) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("simulator: another process is building this; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
