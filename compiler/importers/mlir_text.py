"""Imports MLIR: linalg on tensors, TOSA, or StableHLO; text or bytecode.

What the file holds decides the way: TOSA goes through upstream's passes,
StableHLO (what ``jax.jit(f).lower(*arguments).as_text()`` gives) through
torch-mlir's, linalg is taken as it is.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hwacc.compiler.bytecode import BEGIN as BYTECODE
from hwacc.compiler.bytecode import require_readable
from hwacc.compiler.context import DAMAGED, first_diagnostic
from hwacc.compiler.importers import torch_mlir
from hwacc.compiler.importers.one_function import as_one_function
from hwacc.compiler.importers.tosa import TO_LINALG
from hwacc.compiler.transforms.passes import run_passes, walk
from hwacc.errors import ModelError

if TYPE_CHECKING:
    from mlir import ir

STABLEHLO = (b"stablehlo.", b"chlo.", b"vhlo.")
"""How the names of StableHLO's operations begin."""

RESOURCES = b"\n{-#"
"""Where blobs of constants begin, which may be long."""

FILE_LINE = re.compile(r'":(\d+):\d+')

STABLEHLO_PASSES = ("--stablehlo-legalize-to-linalg",)
LEFT_OVER = re.compile(r'= "?(?:stablehlo|chlo|vhlo)\.(\w+)"?[ (<].*?(?:loc\((#\w+)\))?$', re.MULTILINE)
"""An operation that torch-mlir left as it was, and the alias of its location."""


def import_mlir(path: Path) -> ir.Module:
    """The module in ``path`` as linalg on tensors, in the current context; raises :class:`ModelError` in one line."""
    data = read(path)
    module = import_stablehlo(path) if has_stablehlo(data) else parse_file(path, str(path))
    if any(op.name.startswith("tosa.") for op in walk(module.operation)):
        try:
            run_passes(module, TO_LINALG)
        except ModelError as error:
            raise ModelError(f"{path}: cannot be lowered to linalg: {error}") from None
    as_one_function(module, str(path))
    return module


def read(path: Path) -> bytes:
    """The file's bytes; raises :class:`ModelError` if they are neither bytecode nor text."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from None
    if not data.startswith(BYTECODE):
        try:
            data.decode()
        except UnicodeDecodeError:
            raise ModelError(f"{path}: neither MLIR text (UTF-8) nor MLIR bytecode") from None
        if b"\0" in data:
            raise ModelError(f"{path}: neither MLIR text (it has NUL bytes) nor MLIR bytecode")
    return data


def has_stablehlo(data: bytes) -> bool:
    """Whether a module has operations that only torch-mlir can read."""
    if data.startswith(BYTECODE):
        return b"stablehlo" in data or b"vhlo" in data
    head = data[: data.rfind(RESOURCES)] if RESOURCES in data else data
    return any(word in head for word in STABLEHLO)


def parse_file(path: Path, where: str) -> ir.Module:
    """Parses a file in the current context; raises :class:`ModelError` naming ``where``."""
    from mlir import ir

    require_readable(path, where)
    try:
        return ir.Module.parseFile(str(path))
    except ir.MLIRError as error:
        raise ModelError(f"{where}: not valid MLIR: {first_diagnostic(error)}") from None
    except RuntimeError:
        raise ModelError(f"{where}: not valid MLIR: {DAMAGED}") from None


def import_stablehlo(path: Path) -> ir.Module:
    """A StableHLO file as linalg; raises :class:`ModelError` naming the first operation that has no such form."""
    with tempfile.TemporaryDirectory(prefix="hwacc-") as folder:
        output = Path(folder) / "linalg.mlir"
        torch_mlir.lower(path, output, STABLEHLO_PASSES, where=str(path), purpose="reading StableHLO", extra="stablehlo")
        require_lowered(output.read_text(), str(path))
        return parse_file(output, str(path))


def require_lowered(text: str, where: str) -> None:
    """Raises :class:`ModelError` for the first operation that torch-mlir left as it was."""
    left = LEFT_OVER.search(text)
    if left:
        alias = re.search(rf"^{left[2]} = (loc.*)$", text, re.MULTILINE) if left[2] else None
        line = FILE_LINE.search(alias[1] if alias else "")
        place = f" at line {line[1]}" if line else ""
        raise ModelError(f"{where}: stablehlo.{left[1]}{place} is not supported: it has no linalg form")
