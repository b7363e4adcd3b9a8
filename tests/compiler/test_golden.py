"""Golden IR: each case of ``golden/*.mlir`` goes through its passes, and FileCheck holds the result against its CHECK lines.

A file begins with lit's RUN line; cases are separated by ``// -----`` and begin with a sentence. In ``*_errors.mlir`` each case must
fail, with exactly the text of its CHECK line. Case by case it is done here, in one process; lit does whole files, as a user would.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import llvm
import pytest

from hwacc.compiler.opt import PASSES, SEPARATOR, optimise
from hwacc.errors import HwaccError

FOLDER = Path(__file__).with_name("golden")
FILECHECK = Path(llvm.__file__).with_name("bin") / "FileCheck"
RUN = re.compile(r"// RUN: (not )?hwacc opt %s --split-input-file --pass-pipeline='builtin\.module\((.*)\)' (2>&1 )?\| FileCheck %s")
ERRORS = "_errors"
"""Ends the name of a file whose cases fail."""
ERROR = "// CHECK: hwacc: error: "


@dataclass(frozen=True)
class Case:
    """One piece of a golden file."""

    file: str
    passes: list[str]
    text: str

    @property
    def sentence(self) -> str:
        """What the case shows: its first comment."""
        return next(line.removeprefix("//").strip() for line in self.text.splitlines() if line.startswith("//"))

    @property
    def error(self) -> str:
        """The error that the case must end in; empty if it must succeed."""
        return next((line.removeprefix(ERROR) for line in self.text.splitlines() if line.startswith(ERROR)), "")


def cases() -> list[Case]:
    found = []
    for path in sorted(FOLDER.glob("*.mlir")):
        head, _, rest = path.read_text().partition("\n")
        run = RUN.fullmatch(head)
        assert run is not None, f"{path.name} begins with {head}"
        found += [Case(path.stem, run[2].split(","), text) for text in rest.split(SEPARATOR)]
    return found


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.file}: {case.sentence}")
def test_pass_gives_the_expected_ir(case: Case, tmp_path: Path) -> None:
    assert bool(case.error) == case.file.endswith(ERRORS)
    if case.error:
        with pytest.raises(HwaccError) as caught:
            optimise(case.text, case.passes)
        assert str(caught.value) == case.error
        return
    result = optimise(case.text, case.passes)
    (tmp_path / "case.mlir").write_text(case.text)
    check = subprocess.run([FILECHECK, tmp_path / "case.mlir"], input=result, capture_output=True, text=True, check=False)
    assert check.returncode == 0, f"{check.stderr}\n{result}"


def test_lit_passes_every_file() -> None:
    """Each RUN line in a process of its own, and none that lit does not see."""
    command = [sys.executable, "-c", "from lit.main import main; main()", "-j", "2", str(FOLDER)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0 and f"Passed: {len(list(FOLDER.glob('*.mlir')))} (100.00%)" in run.stdout, run.stdout + run.stderr


def test_every_pass_of_ours_has_a_golden_file() -> None:
    files = {path.stem.removesuffix(ERRORS).replace("_", "-") for path in FOLDER.glob("*.mlir")}
    assert files == set(PASSES)


def test_every_pass_has_a_case_in_which_it_works_and_one_in_which_it_does_not() -> None:
    for name in PASSES:
        assert len([case for case in cases() if case.file.removesuffix(ERRORS) == name.replace("-", "_")]) >= 2, name


def test_a_pass_has_one_name_in_three_forms() -> None:
    for name, each in PASSES.items():
        words = name.split("-")
        assert type(each).__name__ == "".join(word.capitalize() for word in words)
        assert type(each).__module__.rpartition(".")[2] == "_".join(words)
