"""Passes of a user's own, from Python files: ``hwacc opt --load-pass-plugin FILE``."""

from __future__ import annotations

import runpy
from collections.abc import Sequence
from pathlib import Path

from hwacc.compiler.textual_pipeline import NAME
from hwacc.compiler.transforms.passes import Pass
from hwacc.errors import ModelError


def load_plugins(files: Sequence[str]) -> dict[str, Pass]:
    """The passes that these files define, by name; raises :class:`ModelError` for a file that cannot be run, or defines none that can."""
    return {each.name: each for file in files for each in passes_in(Path(file))}


def passes_in(path: Path) -> list[Pass]:
    """One pass of each class in the file that is a :class:`Pass` with a name."""
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    try:
        names = runpy.run_path(str(path), run_name=path.stem)
    except (Exception, SystemExit) as error:
        raise ModelError(f"{path}: {type(error).__name__}: {error}") from None
    found = [value for value in names.values() if isinstance(value, type) and issubclass(value, Pass) and value.__module__ == path.stem]
    if not found:
        raise ModelError(f"{path}: defines no pass; a pass is a class derived from hwacc.compiler.transforms.passes.Pass")
    return [made(each, path) for each in found]


def made(kind: type[Pass], path: Path) -> Pass:
    """A pass of that class; raises :class:`ModelError` where it has no name that a pipeline could hold, or cannot be made."""
    name = getattr(kind, "name", "")
    if not name:
        raise ModelError(f"{path}: pass {kind.__name__} has no name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ModelError(f"{path}: the name of pass {kind.__name__} must be a word such as fold-transposes, not {name!r}")
    try:
        return kind()
    except Exception as error:
        raise ModelError(f"{path}: pass {kind.__name__} cannot be made ({type(error).__name__}: {error})") from None
