"""The tutorials do what they say: their files are written, their commands run, and the output is what the page shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.command import hwacc

TUTORIALS = Path(__file__).resolve().parent.parent / "docs" / "tutorials"
NAMED_BLOCK = re.compile(r"`([\w.]+\.(?:py|mlir))`[^`]*?:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^```\n(hwacc [^\n]*)\n(.*?)```$(?:\n\n```mlir\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)


def test_the_commands_of_write_a_pass_print_what_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (TUTORIALS / "write_a_pass.md").read_text()
    monkeypatch.chdir(tmp_path)
    files = dict(NAMED_BLOCK.findall(page))
    assert list(files) == ["transposed.mlir", "fold_transposed_weights.py", "refuse_large_products.py"]
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    found = COMMAND.findall(page)
    assert len(found) == 3 and any(ir for _, _, ir in found) and any(below for _, below, _ in found)
    for command, below, ir in found:
        outcome = hwacc(*shlex.split(command)[1:])
        assert (outcome.code, outcome.stderr) == (int(bool(below)), below)
        assert not ir or outcome.stdout.split() == ir.split()


def test_the_python_of_your_accelerator_runs_and_prints_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    page = (TUTORIALS / "your_accelerator.md").read_text()
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    names = {"__name__": "your_accelerator"}
    for language, block in blocks:
        if language == "python":
            exec(block, names)
    assert len(blocks) == 8 and [text for language, text in blocks if not language] == [capsys.readouterr().out]
