"""The example in C on an emulated aarch64, with the simulator cross-compiled: minutes, and only where the tools are."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hwacc.compiler.aot.object_files import write_object_files
from hwacc.compiler.pipeline import compile_model
from hwacc.config import TINY
from hwacc.sim import build, compile, toolchain
from hwacc.sim.compile import DRIVER, Trace
from hwacc.sim.progress import silent
from hwacc.sim.step import Array

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "c"
MODEL = ROOT / "examples" / "models" / "image_classification"
QEMU = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
ZIG = [sys.executable, "-m", "ziglang"]
TARGET = ["-target", "aarch64-linux-musl"]

pytestmark = pytest.mark.skipif(
    QEMU is None or importlib.util.find_spec("ziglang") is None, reason="needs qemu-aarch64-static and the ziglang wheel"
)


@pytest.fixture
def simulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Object files of the simulator for aarch64."""
    cross = toolchain.Compiler((*ZIG, "c++", *TARGET), "")
    monkeypatch.setattr(toolchain, "compiler", lambda: cross)
    for name in ("FAST_FLAGS", "STEP_FLAGS"):
        monkeypatch.setattr(compile, name, tuple(flag for flag in getattr(compile, name) if flag != "-march=native"))
    verilog = build.write_verilog(lambda: build.generate_flat(TINY, Array.STEP), tmp_path, TINY, silent)
    compile.compile_library(verilog, TINY, Trace.NONE, Array.STEP, silent)
    return sorted(tmp_path.glob("*.o"))


def test_an_emulated_aarch64_sees_the_cat(simulator: list[Path], tmp_path: Path) -> None:
    program = compile_model(MODEL.with_suffix(".tflite"), TINY)
    write_object_files(program, "aarch64", tmp_path / "image_classification.o")
    objects = ["main.o", "image_classification.o", *map(str, simulator)]
    flags = ["-O1", "-fno-sanitize=undefined", f"-I{DRIVER}", "-I."]
    for command in (
        [*ZIG, "cc", *TARGET, *flags, "-c", str(EXAMPLE / "main.c"), "-o", "main.o"],
        [*ZIG, "c++", *TARGET, "-static", *objects, "-o", "classify"],
    ):
        subprocess.run(command, cwd=tmp_path, check=True)
    assert QEMU is not None
    command = [QEMU, "./classify", str(EXAMPLE / "chelsea.ppm"), str(MODEL.with_suffix(".labels.txt"))]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "It is a picture of: cat"
    assert "cat         114" in run.stdout and "frog       -118" in run.stdout
