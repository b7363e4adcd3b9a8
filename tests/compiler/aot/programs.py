"""Small programs by hand whose CPU code is real."""

from __future__ import annotations

from dataclasses import replace

from hwacc.program import Program
from tests.coordinator.programs import SHAPE, scale_and_copy
from tests.driver.streams import PIECE

ELEMENTS = SHAPE[0] * SHAPE[1]

SCALE = f"""
llvm.func @malloc(i64) -> !llvm.ptr
llvm.func @free(!llvm.ptr)
llvm.mlir.global private constant @one(1 : i32) : i32
llvm.func @helper(%a: i32, %b: i32) -> i32 {{
  %place = llvm.mlir.addressof @one : !llvm.ptr
  %one = llvm.load %place : !llvm.ptr -> i32
  %ab = llvm.mul %a, %b : i32
  %product = llvm.mul %ab, %one : i32
  llvm.return %product : i32
}}
llvm.func @entry(%picture: !llvm.ptr, %factors: !llvm.ptr, %scaled: !llvm.ptr) {{
  %zero = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  %columns = llvm.mlir.constant({PIECE} : i64) : i64
  %count = llvm.mlir.constant({ELEMENTS} : i64) : i64
  %scratch = llvm.call @malloc(%count) : (i64) -> !llvm.ptr
  llvm.br ^head(%zero : i64)
^head(%i: i64):
  %more = llvm.icmp "slt" %i, %count : i64
  llvm.cond_br %more, ^body, ^end
^body:
  %column = llvm.urem %i, %columns : i64
  %from = llvm.getelementptr %picture[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i32
  %by = llvm.getelementptr %factors[%column] : (!llvm.ptr, i64) -> !llvm.ptr, i32
  %to = llvm.getelementptr %scaled[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i32
  %a = llvm.load %from : !llvm.ptr -> i32
  %b = llvm.load %by : !llvm.ptr -> i32
  %product = llvm.call @helper(%a, %b) : (i32, i32) -> i32
  llvm.store %product, %to : i32, !llvm.ptr
  %next = llvm.add %i, %one : i64
  llvm.br ^head(%next : i64)
^end:
  llvm.call @free(%scratch) : (!llvm.ptr) -> ()
  llvm.return
}}
"""
"""``scaled = picture * factors``, with everything that upstream's lowering may leave beside an entry: helpers, globals, the C library."""


def scaled_copy() -> Program:
    """:func:`scale_and_copy` with CPU code that runs."""
    program = scale_and_copy()
    scale, copy = program.tasks
    (code,) = scale.implementations
    return replace(program, tasks=(replace(scale, implementations=(replace(code, code=SCALE.encode()),)), copy))


def twice_scaled_copy() -> Program:
    """Scales, copies, scales again: the same CPU code twice, an output that the CPU writes."""
    program = scaled_copy()
    scale, copy = program.tasks
    buffers = [*program.buffers, replace(program.buffers[3], name="copied", role="intermediate")]
    last = len(buffers) - 1
    (copying,), (scaling,) = copy.implementations, scale.implementations
    tasks = (
        scale,
        replace(copy, writes=(last,), implementations=(replace(copying, buffers=(2, last)),)),
        replace(scale, name="again", reads=(last, 1), writes=(3,), implementations=(replace(scaling, buffers=(last, 1, 3)),)),
    )
    return replace(program, buffers=tuple(buffers), tasks=tasks)
