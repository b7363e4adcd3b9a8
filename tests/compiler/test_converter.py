"""What readers of foreign formats may use, and what becomes of one that breaks down."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

from hwacc.compiler.importers.converter import run_reader
from hwacc.errors import ModelError

LIMITED = """
import resource
from hwacc.compiler.importers.reader import limit_memory
{before}
limit_memory(1 << 34)
print(*resource.getrlimit(resource.RLIMIT_AS))
"""


@pytest.mark.parametrize(("before", "limit"), [("", 1 << 34), ("limit_memory(1 << 33)", 1 << 33), ("limit_memory(1 << 35)", 1 << 34)])
def test_a_reader_gets_no_more_memory_than_it_is_given(before: str, limit: int) -> None:
    run = subprocess.run([sys.executable, "-c", LIMITED.format(before=before)], capture_output=True, text=True, check=True)
    assert run.stdout.split() == [str(limit), str(limit)]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import os; os.abort()", "damaged ONNX model (its reader ended with signal 6)"),
        ("raise ValueError('too much')", "the reader broke down on this ONNX model (ValueError: too much)"),
        ("raise SystemExit(3)", "the reader broke down on this ONNX model (exit status 3)"),
    ],
)
def test_a_reader_without_an_answer_is_one_line(body: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reader.py").write_text(body)
    (tmp_path / "model.onnx").write_bytes(b"")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    with pytest.raises(ModelError) as caught:
        run_reader(types.ModuleType("reader"), [], tmp_path / "model.onnx", kind="ONNX model", extra="onnx", limit_s=60)
    assert str(caught.value) == f"{tmp_path / 'model.onnx'}: {words}"
