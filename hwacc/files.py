"""Where a file that is to be whole or not there at all is written first."""

from __future__ import annotations

from pathlib import Path


def beside(path: Path) -> Path:
    """A file beside ``path``, to be renamed to it once it is whole.

    What is no file of its own is ``path`` itself, to be written in place: a device such as ``/dev/null`` or a pipe must not be replaced
    by a file, nor a link by what it should point to. Renaming a path to itself does nothing.
    """
    if path.is_symlink() or (path.exists() and not path.is_file() and not path.is_dir()):
        return path
    return path.with_name(path.name + ".partial")
