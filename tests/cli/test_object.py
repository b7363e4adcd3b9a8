"""``hwacc compile --emit object`` and ``hwacc build-sim``."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from hwacc.config import TINY
from hwacc.sim.compile import DRIVER
from tests.cli.command import complaint, hwacc
from tests.compiler.tflite_models import ModelBuilder
from tests.driver.native.interface import CDevice, load

SMALL = [f"--{name.replace('_', '-')}={value}" for name, value in TINY.to_dict().items()]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that compiles soon: one dense layer."""
    builder = ModelBuilder(3)
    source = builder.tensor((2, 19), "int8", 0.05, -3)
    path = tmp_path_factory.mktemp("model") / "dense.tflite"
    path.write_bytes(builder.build([source], [builder.dense(source, 5)]))
    return path


def test_object_and_header_are_written_side_by_side(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = hwacc("compile", model, "--emit", "object", "--target", "aarch64", "--rows", 8, "--cols", 8)
    assert outcome.code == 0 and outcome.stdout == ""
    assert "dense.o, dense.h: 1 tasks for a 8×8 array and aarch64" in outcome.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dense.h", "dense.o"]
    assert "int dense_run(" in Path("dense.h").read_text()


def test_the_target_is_this_machine_unless_told_otherwise(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert "array and aarch64" in hwacc("compile", model, "--emit", "object", "-o", tmp_path / "x.o").stderr
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert complaint("compile", model, "--emit", "object", "-o", tmp_path / "y.o") == (
        "no object files for this machine's riscv64; name another with --target: x86_64, aarch64"
    )


def test_an_unknown_target_is_a_usage_error(model: Path) -> None:
    outcome = hwacc("compile", model, "--emit", "object", "--target", "sparc")
    assert outcome.code == 2 and "'sparc' is not one of 'x86_64', 'aarch64'" in outcome.stderr


def test_a_target_without_an_object_is_a_usage_error(model: Path) -> None:
    outcome = hwacc("compile", model, "--target", "x86_64")
    assert outcome.code == 2 and "--target is for --emit object" in outcome.stderr


def test_an_object_named_as_its_header_is_refused(model: Path) -> None:
    assert complaint("compile", model, "--emit", "object", "-o", "x.h") == (
        "x.h: the object file needs another name than its header; give one that ends in .o"
    )


def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left(model: Path, tmp_path: Path) -> None:
    message = complaint("compile", model, "--emit", "object", "-o", tmp_path / "none" / "x.o")
    assert message == f"{tmp_path}/none/x.o: cannot be written: No such file or directory"
    (tmp_path / "y.h.partial").mkdir()  # the header cannot be written, the object could
    message = complaint("compile", model, "--emit", "object", "-o", tmp_path / "y.o")
    assert message == f"{tmp_path}/y.h: cannot be written: Is a directory"
    assert [path.name for path in tmp_path.iterdir()] == ["y.h.partial"]


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    assert complaint("compile", "none.tflite", "--emit", "object", "-o", tmp_path / "x.o") == "none.tflite: no such file"
    assert list(tmp_path.iterdir()) == []


def test_the_library_and_its_header_are_written_side_by_side(tmp_path: Path) -> None:
    outcome = hwacc("build-sim", *SMALL, "--array", "rtl", "-o", tmp_path / "libhwacc_sim.so")
    assert outcome.code == 0 and f"4×4 array, configuration {TINY.hash:#010x}" in outcome.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hwacc.h", "libhwacc_sim.so"]
    assert (tmp_path / "hwacc.h").read_bytes() == (DRIVER / "hwacc.h").read_bytes()
    device = CDevice(load(tmp_path / "libhwacc_sim.so"))
    device.require(TINY.hash, "this")
    device.close()


def test_a_library_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    message = complaint("build-sim", *SMALL, "--array", "rtl", "-o", tmp_path / "none" / "x.so")
    assert message == f"{tmp_path}/none/x.so: cannot be written: No such file or directory"
