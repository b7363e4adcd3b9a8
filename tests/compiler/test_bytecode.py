"""Damaged bytecode: one line, whatever MLIR's reader makes of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from mlir import ir

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.context import new_context
from hwacc.config import TINY
from hwacc.errors import ModelError
from tests.compiler.test_ill_formed import GEMM as PRODUCT


@pytest.mark.parametrize("seed", range(4))
def test_damaged_bytecode_is_read_or_refused_and_never_kills_the_process(seed: int, tmp_path: Path) -> None:
    path, rng = tmp_path / "model.mlirbc", np.random.default_rng(seed)
    with new_context(), path.open("wb") as file:
        ir.Module.parse(PRODUCT).operation.write_bytecode(file)
    data = bytearray(path.read_bytes())
    for place in rng.integers(5, len(data), 6):
        data[place] = 0xFF
    path.write_bytes(data)
    try:
        Compilation(path, TINY)
    except ModelError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)


def test_bytecode_on_which_the_reader_aborts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aborting = tmp_path / "sitecustomize.py"
    aborting.write_text("import os, sys\nif 'hwacc.compiler.bytecode' in sys.orig_argv: os.abort()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    path = tmp_path / "model.mlirbc"
    with new_context(), path.open("wb") as file:
        ir.Module.parse(PRODUCT).operation.write_bytecode(file)
    with pytest.raises(ModelError, match=re.escape(f"{path}: damaged MLIR bytecode (its reader ended with signal 6)")):
        Compilation(path, TINY)


def test_bytecode_whose_names_are_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.mlirbc"
    with new_context(), path.open("wb") as file:
        ir.Module.parse(PRODUCT.replace("main", "unmistakable")).operation.write_bytecode(file)
    path.write_bytes(path.read_bytes().replace(b"hwacc.gemm", b"hwacc.\xff\xfe\xfd\xfc").replace(b"gemm", b"\xff\xfe\xfd\xfc"))
    with pytest.raises(ModelError, match="not valid MLIR: ") as caught:
        Compilation(path, TINY)
    assert "\n" not in str(caught.value)
