"""Writing a program as an object file: ``hwacc compile --emit object``."""

from __future__ import annotations

import platform
from pathlib import Path

from hwacc.commands.console import note, progress
from hwacc.commands.files import write_files
from hwacc.compiler.aot.machine_code import TARGETS
from hwacc.errors import HwaccError
from hwacc.program import Program

OBJECT_STAGE = "object"
ALIASES = {"amd64": "x86_64", "arm64": "aarch64"}
"""What systems also call the targets."""


def write_object(program: Program, target: str, output: Path) -> None:
    """Compiles ``program`` for ``target`` and writes the object file and the header beside it, both or neither."""
    from hwacc.compiler.aot.object_files import header_beside
    from hwacc.compiler.aot.pipeline import compile_object

    with progress() as report:
        report(f"making machine code for {target}")
        code, header = compile_object(program, target)
    write_files({output: code, header_beside(output): header.encode()})
    size = f"{program.config.rows}×{program.config.cols}"
    note(f"{output}, {header_beside(output)}: {len(program.tasks)} tasks for a {size} array and {target}")


def checked_output(output: Path) -> Path:
    """``output``, unless its header would have the same name, or no place beside it; raises :class:`HwaccError`."""
    from hwacc.compiler.aot.object_files import header_beside

    if output.exists() and not output.is_file() and not output.is_dir():
        raise HwaccError(f"{output}: is no file, and a header goes beside an object file; name one that ends in .o")

    if output == header_beside(output):
        raise HwaccError(f"{output}: the object file needs another name than its header; give one that ends in .o")
    return output


def this_machine() -> str:
    """The target that runs here; raises :class:`HwaccError` where none does."""
    name = platform.machine().lower()
    found = ALIASES.get(name, name)
    if found not in TARGETS:
        raise HwaccError(f"no object files for this machine's {name}; name another with --target: {', '.join(TARGETS)}")
    return found
