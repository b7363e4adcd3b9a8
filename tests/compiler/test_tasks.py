"""From tasks to a program: what falls back says why, products of two inputs run on the array."""

from __future__ import annotations

import numpy as np
import pytest
from mlir import ir

from hwacc.compiler.compilation import TO_BUFFERS, TO_TASKS, lower_to_machine
from hwacc.compiler.context import new_context
from hwacc.compiler.emit import choose_panels
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.compiler.emit.tasks import ProgramBuilder
from hwacc.compiler.transforms.passes import run_passes
from hwacc.config import TINY
from hwacc.errors import ModelError
from hwacc.program import Program
from hwacc.reference import gemm
from tests.compiler.execution import random_sets, run_on_cpu, run_on_model

PRODUCTS = """
#row = affine_map<(d0, d1, d2) -> (d0, d2)>
#column = affine_map<(d0, d1, d2) -> (d1, d2)>
#result = affine_map<(d0, d1, d2) -> (d0, d1)>
func.func @main(%a: tensor<9x6xi8>, %b: tensor<6x5xi8>, %c: tensor<5x6xi8>) -> (tensor<9x5xi32>, tensor<9x5xi32>, tensor<9x9xi32>) {
  %zero = arith.constant dense<0> : tensor<9x5xi32>
  %bias = arith.constant dense<-7> : tensor<9x9xi32>
  %0 = linalg.matmul ins(%a, %b : tensor<9x6xi8>, tensor<6x5xi8>) outs(%zero : tensor<9x5xi32>) -> tensor<9x5xi32>
  %1 = linalg.matmul indexing_maps = [#row, #column, #result]
      ins(%a, %c : tensor<9x6xi8>, tensor<5x6xi8>) outs(%zero : tensor<9x5xi32>) -> tensor<9x5xi32>
  %2 = linalg.matmul indexing_maps = [#row, #column, #result]
      ins(%a, %a : tensor<9x6xi8>, tensor<9x6xi8>) outs(%bias : tensor<9x9xi32>) -> tensor<9x9xi32>
  return %0, %1, %2 : tensor<9x5xi32>, tensor<9x5xi32>, tensor<9x9xi32>
}
"""
"""A·B, A·Cᵀ, and A·Aᵀ - 7."""


def built(text: str, *, fallback: bool = True) -> Program:
    """The program of a model that is linalg text, for array and CPU."""
    with new_context(), ir.Location.unknown():
        module = ir.Module.parse(text)
        run_passes(module, TO_TASKS)
        lower_to_machine(module, TINY)
        run_passes(module, TO_BUFFERS)
        return ProgramBuilder(TINY, ("hwacc", "cpu"), None, fallback=fallback).build(module, "test")


def test_products_of_two_inputs_are_gemm_tasks_of_the_array() -> None:
    program = built(PRODUCTS)
    assert [(task.kind, task.shape, task.implementations[0].backend) for task in program.tasks] == [
        ("gemm", "9x6x5", "hwacc"),
        ("gemm", "9x6x5", "hwacc"),
        ("gemm", "9x6x9", "hwacc"),
    ]
    sets = random_sets(program, 2, 3)
    for inputs, *results in zip(sets, run_on_model(program, sets), run_on_cpu(program, sets)):
        a, b, c = inputs
        for outputs in results:
            np.testing.assert_array_equal(outputs[0], gemm(a, b))
            np.testing.assert_array_equal(outputs[1], gemm(a, c.T))
            np.testing.assert_array_equal(outputs[2], gemm(a, a.T) - 7)


def refuse(specs: list[ContractionSpec], *_: object, **__: object) -> list[ModelError]:
    """In place of the planner: nothing fits."""
    return [ModelError("too large for this array") for _ in specs]


def test_what_does_not_fit_the_array_runs_on_the_cpu_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose_panels, "choose_all", refuse)
    program = built(PRODUCTS)
    assert {code.backend for task in program.tasks for code in task.implementations} == {"cpu"}
    assert {task.reason for task in program.tasks} == {"too large for this array"}


def test_without_fallback_what_does_not_fit_the_array_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose_panels, "choose_all", refuse)
    with pytest.raises(ModelError, match=r"^hwacc\.gemm of task gemm_0 cannot run on the array: too large for this array \(at -:\d+\)$"):
        built(PRODUCTS, fallback=False)


def test_tasks_name_their_operations_and_where_they_come_from() -> None:
    for task in built(PRODUCTS, fallback=False).tasks:
        assert task.operations == "hwacc.gemm" and task.location.startswith("-:")


def test_ends_without_names_are_numbered() -> None:
    program = built(PRODUCTS)
    assert [program.buffers[i].name for i in (*program.indices("input"), *program.indices("output"))] == [
        *("input_0", "input_1", "input_2"),
        *("output_0", "output_1", "output_2"),
    ]


def test_elements_that_no_buffer_holds_are_refused() -> None:
    with pytest.raises(ModelError, match="input_0 has elements of bf16, which no buffer can hold"):
        built("func.func @main(%a: tensor<2xbf16>) -> tensor<2xbf16> { return %a : tensor<2xbf16> }")
