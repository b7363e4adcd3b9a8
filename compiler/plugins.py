"""Passes of a user's own, from Python files: ``hwacc opt --load-pass-plugin FILE``."""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from pathlib import Path

from hwacc.compiler.transforms.passes import Pass
from hwacc.errors import ModelError


def load_plugins(files: Sequence[str]) -> dict[str, Pass]:
    """The passes that these files define, by name; raises :class:`ModelError` for a file that cannot be run or defines none."""
    return {each.name: each for file in files for each in passes_in(Path(file))}


def passes_in(path: Path) -> list[Pass]:
    """One pass of each class in the file that is a :class:`Pass` with a name."""
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    try:
        names = runpy.run_path(str(path), run_name=path.stem)
    except Exception as error:
        raise ModelError(f"{path}: {type(error).__name__}: {error}") from None
    found = [value for value in names.values() if isinstance(value, type) and issubclass(value, Pass) and value.__module__ == path.stem]
    if not found:
        raise ModelError(f"{path}: defines no pass; a pass is a class derived from hwacc.compiler.transforms.passes.Pass")
    for each in found:
        if not getattr(each, "name", ""):
            raise ModelError(f"{path}: pass {each.__name__} has no name")
    return [each() for each in found]
