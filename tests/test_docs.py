"""The pages say what is true: generated ones are current, and what a reader pastes works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from hwacc import pages
from hwacc.cli import main

ROOT = Path(__file__).resolve().parent.parent
QUICKSTART = (ROOT / "docs" / "quickstart.md").read_text()


def fenced(text: str, language: str) -> list[str]:
    """The contents of the fenced blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """The ``hwacc`` lines of the blocks, without comments and what they are piped into."""
    lines = [line for block in fenced(text, "") for line in block.splitlines()]
    return [re.split(r"\s[|#]", line)[0].strip() for line in lines if line.startswith("hwacc ")]


def test_generated_pages_are_current() -> None:
    assert pages.stale_pages() == [], "run `make docs`"


def test_the_python_of_the_quickstart_runs() -> None:
    for block in fenced(QUICKSTART, "python"):
        exec(block, {})


def test_the_commands_of_the_quickstart_work_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    assert len(commands(QUICKSTART)) >= 8
    for command in commands(QUICKSTART):
        result = CliRunner().invoke(main, shlex.split(command)[1:])
        assert result.exit_code == 0, f"{command}: {result.output}"


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z]+)", (ROOT / "README.md").read_text()))
    assert named and named <= targets
