"""The example in C: built by its own Makefile, it sees what ``hwacc run`` sees."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hwacc.compiler.pipeline import compile_model
from hwacc.config import ArrayConfig
from hwacc.coordinator.inputs import load_input
from hwacc.program import Program
from tests.compiler.execution import run_on_model

EXAMPLES = Path(__file__).parents[2] / "examples"
MODEL = EXAMPLES / "models" / "image_classification"
LABELS = MODEL.with_suffix(".labels.txt")
HWACC = f"{sys.executable} -m hwacc.cli"
CC = "cc" if shutil.which("cc") else f"{sys.executable} -m ziglang cc"

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="the example is built by make")


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--silent", f"HWACC={HWACC}", f"CC={CC}", f"MODEL={MODEL}", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, built; in it nothing is left of Python."""
    folder = tmp_path_factory.mktemp("example") / "c"
    folder.mkdir()
    for path in (EXAMPLES / "c").iterdir():
        if path.suffix in (".c", ".ppm", "") and path.is_file() and not path.name.startswith(("classify", ".")):
            shutil.copy(path, folder)
    run = make(folder)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "It is a picture of: cat"
    return folder


def classify(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["./classify", *map(str, arguments)], cwd=folder, capture_output=True, text=True, check=False, env={})


@pytest.fixture(scope="module")
def program() -> Program:
    return compile_model(MODEL.with_suffix(".tflite"), ArrayConfig())


@pytest.mark.parametrize("name", ["chelsea", "horse"])
def test_the_scores_are_those_of_hwacc_run(built: Path, program: Program, name: str) -> None:
    pixels = load_input(EXAMPLES / "pictures" / f"{name}.png", program.buffers[program.indices("input")[0]])
    ((expected,),) = run_on_model(program, [[pixels]])
    run = classify(built, f"{name}.ppm", LABELS)
    cycles, *scores, best = run.stdout.splitlines()
    assert [int(line.split()[1]) for line in scores] == expected.ravel().tolist()
    labels = LABELS.read_text().split()
    assert best == f"It is a picture of: {labels[int(np.argmax(expected))]}"
    assert int(cycles.split()[0]) > 10_000 and cycles.endswith("cycles of the array")


def test_the_program_needs_no_python(built: Path) -> None:
    needed = subprocess.run(["ldd", "classify"], cwd=built, capture_output=True, text=True, check=True).stdout
    assert "libhwacc_sim.so" in needed and "not found" not in needed and "python" not in needed.lower()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "usage: ./classify PICTURE.ppm LABELS.txt\n"),
        (["none.ppm", LABELS], 1, "none.ppm: No such file or directory\n"),
        (["main.c", LABELS], 1, "main.c: not a binary PPM picture of 32x32 pixels\n"),
    ],
)
def test_what_is_wrong_is_one_line(built: Path, arguments: list[object], code: int, message: str) -> None:
    run = classify(built, *arguments)
    assert (run.returncode, run.stderr) == (code, message)


def test_an_object_for_another_array_is_refused_by_the_library(built: Path) -> None:
    (built / "image_classification.o").unlink()
    (built / "classify").unlink()
    run = make(built, "ARRAY=--rows 8 --cols 8")
    wanted, there = ArrayConfig(rows=8, cols=8).hash, ArrayConfig().hash
    assert run.returncode != 0
    assert (
        f"hwacc: image_classification was compiled for configuration {wanted:#010x}, the device is {there:#010x} (16x16 array); "
        "compile it for this device, or open the other\n"
    ) in run.stderr
