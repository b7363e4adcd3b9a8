"""The way to an object file for everyone else: the work is done in a process of its own, because MLIR aborts on what it did not foresee."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hwacc.compiler.aot.object_files import header_beside
from hwacc.compiler.pipeline import run_worker
from hwacc.program import Program


def compile_object(program: Program, target: str) -> tuple[bytes, str]:
    """The object file and the text of its header.

    ``target`` is a key of :data:`hwacc.compiler.aot.machine_code.TARGETS`. Raises :class:`hwacc.errors.ModelError` in one line.
    """
    with tempfile.TemporaryDirectory(prefix="hwacc-") as folder:
        source, result = Path(folder) / "program.hwx", Path(folder) / "program.o"
        program.save(source)
        run_worker(source, {"target": target, "output": str(result)})
        return result.read_bytes(), header_beside(result).read_text()
