"""Panels in the IR: a blocking survives being an attribute, and one that the model brings is what runs."""

from __future__ import annotations

from random import Random

from mlir import ir

from hwacc.compiler.compilation import TO_TASKS, lower_to_machine
from hwacc.compiler.context import new_context
from hwacc.compiler.emit.array_to_machine import machine_of
from hwacc.compiler.emit.blocking import Blocking
from hwacc.compiler.emit.choose_panels import PANELS
from hwacc.compiler.emit.gemm import gemm_spec
from hwacc.compiler.emit.plain import blocking_of, plain_blocking
from hwacc.compiler.emit.plain_attributes import attribute_of, plain_of
from hwacc.compiler.transforms.passes import run_passes, walk
from hwacc.config import TINY
from tests.compiler.blockings import random_blocking

PRODUCT = """
func.func @main(%a: tensor<9x6xi8>, %b: tensor<6x5xi8>) -> tensor<9x5xi32> {
  %zero = arith.constant dense<0> : tensor<9x5xi32>
  %0 = linalg.matmul ins(%a, %b : tensor<9x6xi8>, tensor<6x5xi8>) outs(%zero : tensor<9x5xi32>) -> tensor<9x5xi32>
  return %0 : tensor<9x5xi32>
}
"""


def test_a_blocking_survives_being_an_attribute() -> None:
    rng = Random(2)
    with new_context():
        for _ in range(50):
            blocking = random_blocking(rng, gemm_spec(30, 20, 10, "int8"), TINY)
            assert blocking_of(plain_of(attribute_of(plain_blocking(blocking)))) == blocking, "seed 2"


def test_panels_in_the_model_are_those_that_run() -> None:
    wanted = Blocking(rows=((0, 2), (2, 9)), columns=((0, 5),), steps=((0, 6),), rows_inner=False)
    with new_context(), ir.Location.unknown():
        module = ir.Module.parse(PRODUCT)
        run_passes(module, TO_TASKS)
        (op,) = walk(module.operation, "hwacc.gemm")
        op.attributes[PANELS] = attribute_of(plain_blocking(wanted))
        lower_to_machine(module, TINY)
        computes = walk(machine_of(module.operation), "hwacc.compute")
        assert [op.attributes["m"].value for op in computes] == [2, 7]
