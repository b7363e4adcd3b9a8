"""Reads a PyTorch program that ``torch.export.save`` wrote, and writes MLIR's torch dialect, in a process of its own::

python -m hwacc.compiler.importers.exported model.pt2 out.mlir
{"inputs": ["x"], "outputs": ["linear"]}, or {"error": "..."}, or {"missing": "package"}
"""

from __future__ import annotations

import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

from hwacc.compiler.importers.reader import ModelFault, serve


def main() -> int:
    """Converts ``argv[1]`` to MLIR in ``argv[2]``."""
    warnings.simplefilter("ignore")
    return serve(lambda: convert(Path(sys.argv[1]), Path(sys.argv[2])))


def convert(path: Path, output: Path) -> dict[str, Any]:
    """Writes the program as MLIR; the names of its inputs and outputs. Raises :class:`ModelFault`."""
    program = load(path)
    from torch_mlir import fx

    signature = program.graph_signature
    try:
        module = fx.export_and_import(program, output_type="raw")
    except Exception as error:  # the importer raises whatever the program provokes
        raise ModelFault(f"cannot be imported: {one_line(error)}") from None
    with output.open("w") as file:
        file.write(module.operation.get_asm(enable_debug_info=True))
    return {"inputs": list(map(str, signature.user_inputs)), "outputs": list(map(str, signature.user_outputs))}


def load(path: Path) -> Any:
    """The program; raises :class:`ModelFault` for a file that ``torch.export.save`` did not write."""
    import torch

    if not zipfile.is_zipfile(path):
        raise ModelFault(
            "not a PyTorch program, or cut short; save one with torch.export.save(torch.export.export(module, arguments), file)"
        )
    try:
        return torch.export.load(path)
    except Exception as error:  # whatever the damage provokes
        raise ModelFault(f"not a program of torch.export.save, or damaged ({one_line(error)})") from None


def one_line(error: Exception) -> str:
    """The first line of an exception's message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
