"""CPU code: compiled once, called on arrays, refused when damaged."""

from __future__ import annotations

import numpy as np
import pytest

from hwacc.coordinator.backends.cpu import CpuBackend
from hwacc.errors import ProgramError
from hwacc.program import Implementation

ADD_ONE = b"""
llvm.func @entry(%in: !llvm.ptr, %out: !llvm.ptr) {
  %one = llvm.mlir.constant(1 : i32) : i32
  %value = llvm.load %in : !llvm.ptr -> i32
  %sum = llvm.add %value, %one : i32
  llvm.store %sum, %out : i32, !llvm.ptr
  llvm.return
}
"""
"""``out[0] = in[0] + 1``."""

ALLOCATE = b"""
llvm.func @malloc(i64) -> !llvm.ptr
llvm.func @entry(%in: !llvm.ptr, %out: !llvm.ptr) {
  %size = llvm.load %in : !llvm.ptr -> i64
  llvm.br ^next
^next:
  %first = llvm.call @malloc(%size) : (i64) -> !llvm.ptr
  llvm.store %first, %out : !llvm.ptr, !llvm.ptr
  llvm.store %size, %first : i64, !llvm.ptr
  %second = llvm.call @malloc(%size) : (i64) -> !llvm.ptr
  %place = llvm.getelementptr %out[1] : (!llvm.ptr) -> !llvm.ptr, i64
  llvm.store %second, %place : !llvm.ptr, !llvm.ptr
  llvm.store %size, %second : i64, !llvm.ptr
  llvm.return
}
"""
"""Allocates ``in[0]`` bytes twice, writes to both, and says where they are."""


def implementation(code: bytes = ADD_ONE, entry: str = "entry") -> Implementation:
    return Implementation("cpu", (0, 1), code, entry)


def test_code_writes_its_output() -> None:
    result = np.zeros(1, np.int32)
    CpuBackend().prepare(implementation())([np.array([41], np.int32), result])
    assert result[0] == 42


def test_equal_code_is_compiled_once() -> None:
    backend = CpuBackend()
    assert backend.prepare(implementation()) is backend.prepare(implementation())
    assert backend.prepare(implementation(ADD_ONE + b"\n")) is not backend.prepare(implementation())


@pytest.mark.parametrize("code", [b"", b"llvm.func @entry(", b"\xff\xfe", b"func.func @entry() { return }"])
def test_damaged_code_gives_one_line(code: bytes) -> None:
    with pytest.raises(ProgramError) as caught:
        CpuBackend().prepare(implementation(code))
    assert str(caught.value).startswith("CPU code ") and str(caught.value).endswith("compile the model again")
    assert "\n" not in str(caught.value)


def test_a_missing_entry_is_named() -> None:
    with pytest.raises(ProgramError, match="CPU code has no entry 'start'; compile the model again"):
        CpuBackend().prepare(implementation(entry="start"))


def test_arrays_that_are_not_contiguous_are_refused() -> None:
    function = CpuBackend().prepare(implementation())
    with pytest.raises(ProgramError, match="CPU code takes 2 contiguous arrays"):
        function([np.zeros((4, 4), np.int32)[:, 1], np.zeros(1, np.int32)])
    with pytest.raises(ProgramError, match="CPU code takes 2 contiguous arrays"):
        function([np.zeros(1, np.int32)])


def test_an_allocation_that_fails_ends_the_call_with_a_memory_error() -> None:
    function, places = CpuBackend().prepare(implementation(ALLOCATE)), np.zeros(2, np.int64)
    for _ in range(2):
        with pytest.raises(MemoryError):
            function([np.array([1 << 60], np.int64), places])
        assert not places.any()
    function([np.array([64], np.int64), places])
    assert places.all() and places[0] != places[1]
