"""Imports an ONNX model: ONNX → torch dialect → linalg.

:mod:`.onnx_graph` reads and simplifies the file; torch-mlir's passes lower what
it wrote. Sizes that the file leaves open, and inputs that decide which
branch of a graph is taken, are fixed by the user.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hwacc.compiler.importers import onnx_graph, torch_mlir
from hwacc.compiler.importers.converter import run_reader
from hwacc.compiler.importers.fixed import Fixed
from hwacc.compiler.importers.mlir_text import parse_file
from hwacc.compiler.importers.one_function import as_one_function
from hwacc.errors import ModelError

if TYPE_CHECKING:
    from mlir import ir

TO_LINALG = ("--pass-pipeline=builtin.module(torch-onnx-to-torch-backend-pipeline,torch-backend-to-linalg-on-tensors-backend-pipeline)",)
OPERATOR = re.compile(r'failed to legalize operation.*?name = "onnx\.(\w+)"')
"""How torch-mlir says that it does not know an operator, or not in this form."""

MOST_NAMES = 3
"""Nodes that a message names."""

TIME_LIMIT = 300.0
"""Seconds that reading and simplifying may take."""


def import_onnx(path: Path, fixed: Fixed | None = None) -> ir.Module:
    """The model as linalg on tensors, in the current context; raises :class:`ModelError` in one line."""
    fixed = fixed or Fixed()
    with tempfile.TemporaryDirectory(prefix="hwacc-") as folder:
        source, target = Path(folder) / "torch.mlir", Path(folder) / "linalg.mlir"
        request = json.dumps({"model": str(path), **fixed.to_dict()})
        ends = run_reader(onnx_graph, [request, str(source)], path, kind="ONNX model", extra="onnx", limit_s=TIME_LIMIT)
        try:
            torch_mlir.lower(source, target, TO_LINALG, where=str(path), purpose="reading .onnx files", extra="onnx")
        except ModelError as error:
            raise ModelError(in_words(str(error), path, ends["nodes"])) from None
        module = parse_file(target, str(path))
    as_one_function(module, str(path), ends["inputs"], ends["outputs"])
    return module


def in_words(message: str, path: Path, nodes: dict[str, list[str]]) -> str:
    """torch-mlir's complaint; where it is about an operator, that and the nodes that it may be, since torch-mlir does not say which."""
    match = OPERATOR.search(message)
    if match is None:
        return message
    names = [repr(name) for name in nodes.get(match[1], []) if name]
    place = f" (at {' or '.join(names[:MOST_NAMES])})" if names else ""
    return f"{path}: operator {match[1]}{place} is not supported in this form: torch-mlir cannot lower it"
