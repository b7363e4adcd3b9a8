"""The way to an object file for everyone else: the work is done in a process of its own, because MLIR aborts on what it did not foresee."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from hwacc.compiler.aot.object_files import header_beside
from hwacc.compiler.pipeline import run_worker
from hwacc.errors import HwaccError
from hwacc.program import Program


def compile_object(program: Program, target: str, output: Path) -> None:
    """Writes the object file ``output`` and its header, both or neither.

    ``target`` is a key of :data:`hwacc.compiler.aot.machine_code.TARGETS`. Raises :class:`hwacc.errors.ModelError`, or
    :class:`HwaccError` where a file cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="hwacc-") as folder:
        source, result = Path(folder) / "program.hwx", Path(folder) / "program.o"
        program.save(source)
        run_worker(source, {"target": target, "output": str(result)})
        place([(header_beside(result), header_beside(output)), (result, output)])


def place(files: list[tuple[Path, Path]]) -> None:
    """Copies the first file of each pair to the second; raises :class:`HwaccError`, having replaced none if one cannot be written."""
    partial = [target.with_name(target.name + ".partial") for _, target in files]
    target = files[0][1]
    try:
        for (source, target), half in zip(files, partial):
            half.write_bytes(source.read_bytes())
        for (_, target), half in zip(files, partial):
            half.replace(target)
    except OSError as error:
        raise HwaccError(f"{target}: cannot be written: {error.strerror}") from None
    finally:
        for half in partial:
            with contextlib.suppress(OSError):
                half.unlink()
