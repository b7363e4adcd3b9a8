"""CPU code: frees what it allocates, calls nothing but the C library."""

from __future__ import annotations

import re

import pytest

from tests.compiler.test_models import NAMES, compiled

ALLOWED = {"malloc", "free", "roundf"}


@pytest.mark.parametrize("name", NAMES)
def test_code_frees_as_often_as_it_allocates(name: str) -> None:
    allocations = 0
    for task in compiled(name).tasks:
        text = task.implementation("cpu").code.decode()
        assert text.count("llvm.call @malloc") == text.count("llvm.call @free"), task.name
        allocations += text.count("llvm.call @malloc")
    assert allocations or name == "anomaly_detection"


@pytest.mark.parametrize("name", NAMES)
def test_code_needs_no_runtime_library(name: str) -> None:
    for task in compiled(name).tasks:
        called = set(re.findall(r"llvm\.call @(\w+)", task.implementation("cpu").code.decode()))
        assert called <= ALLOWED, task.name
