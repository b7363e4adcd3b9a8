"""Imports PyTorch programs: ``.pt2`` files, and modules as they stand.

PyTorch's own export makes the graph, torch-mlir turns it into its torch dialect
(:mod:`.exported`) and that into linalg. Both ways go through a file, because
torch-mlir brings an MLIR of its own, which must not share a process with ours.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwacc.compiler.importers import exported, torch_mlir
from hwacc.compiler.importers.converter import run_reader
from hwacc.compiler.importers.mlir_text import parse_file
from hwacc.compiler.importers.one_function import as_one_function
from hwacc.errors import MissingToolError, ModelError

if TYPE_CHECKING:
    from mlir import ir

TO_LINALG = (
    "--pass-pipeline=builtin.module("
    "func.func(torch-match-quantized-custom-ops),"
    "torchdynamo-export-to-torch-backend-pipeline,torch-backend-to-linalg-on-tensors-backend-pipeline)",
)
TIME_LIMIT = 600.0
"""Seconds that reading may take."""


def import_pt2(path: Path) -> ir.Module:
    """The program in a ``.pt2`` file as linalg on tensors, in the current context; raises :class:`ModelError` in one line.

    PyTorch unpickles parts of such a file: this is not for files from strangers.
    """
    with tempfile.TemporaryDirectory(prefix="hwacc-") as folder:
        source, target = Path(folder) / "torch.mlir", Path(folder) / "linalg.mlir"
        ends = run_reader(exported, [str(path), str(source)], path, kind="PyTorch program", extra="pytorch", limit_s=TIME_LIMIT)
        torch_mlir.lower(source, target, TO_LINALG, where=str(path), purpose="reading .pt2 files", extra="pytorch")
        module = parse_file(target, str(path))
    as_one_function(module, str(path), ends["inputs"], ends["outputs"])
    return module


def import_torch(module: Any, example_args: Sequence[Any]) -> ir.Module:
    """A ``torch.nn.Module`` as linalg on tensors, in the current context, for arguments of these shapes and dtypes.

    Raises :class:`MissingToolError`, or :class:`ModelError` in one line.
    """
    from mlir import ir

    with tempfile.TemporaryDirectory(prefix="hwacc-") as folder, ir.Location.unknown():
        path = Path(folder) / f"{type(module).__name__}.pt2"
        export_torch(module, example_args, path)
        return import_pt2(path)


def export_torch(module: Any, example_args: Sequence[Any], path: Path) -> None:
    """Writes a ``torch.nn.Module`` as a ``.pt2`` file that ``hwacc compile`` and ``hwacc run`` take.

    Raises :class:`MissingToolError`, or :class:`ModelError` where PyTorch cannot export the module.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingToolError(f"importing PyTorch modules needs {error.name}; install it with: pip install 'hwacc[pytorch]'") from None
    try:
        torch.export.save(torch.export.export(module, tuple(example_args)), path)
    except Exception as error:  # whatever the module provokes
        raise ModelError(f"{type(module).__name__}: PyTorch cannot export it: {exported.one_line(error)}") from None
