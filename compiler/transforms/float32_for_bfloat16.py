"""Holds bfloat16 tensors as float32, rounded to bfloat16 wherever they were.

NumPy has no bfloat16, and neither has a CPU that MLIR's lowering can count on.
Every bfloat16 number is a float32 number, so tensors lose nothing; single
numbers stay bfloat16, and so does the arithmetic on them:

    ^bb0(%in: bf16, %out: bf16):
      %0 = arith.mulf %in, %in : bf16
      linalg.yield %0 : bf16

becomes

    ^bb0(%in: f32, %out: f32):
      %narrow = arith.truncf %in : f32 to bf16
      %0 = arith.mulf %narrow, %narrow : bf16
      %wide = arith.extf %0 : bf16 to f32
      linalg.yield %wide : f32

A product of bfloat16 that accumulates in float32 becomes one of float32: it
extends its operands anyway. Inputs and outputs of the model are float32 then;
an input is rounded where it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.transforms.build import users
from hwacc.compiler.transforms.passes import Pass, walk

if TYPE_CHECKING:
    from mlir import ir

YIELDS = ("linalg.yield", "tensor.yield")


class Float32ForBfloat16(Pass):
    """``float32-for-bfloat16``: no tensor has elements of bfloat16."""

    name = "float32-for-bfloat16"

    def run(self, module: ir.Operation) -> None:
        ops = walk(module)
        numbers = [value for op in ops for value in new_numbers(op)]
        for op in ops:
            widen_operands(op)
        for op in ops:
            for value in values_of(op):
                if is_bfloat16_tensor(value.type) and op.name == "arith.constant":
                    extend_constant(op)
                elif is_bfloat16_tensor(value.type):
                    value.set_type(wide(value.type))
        for value in numbers:
            narrow_uses(value)
        for op in walk(module, "func.func"):
            retype(op)


def values_of(op: ir.Operation) -> list[ir.Value]:
    """The results of an operation, and the arguments of its blocks."""
    return [*op.results, *(argument for region in op.regions for block in region.blocks for argument in block.arguments)]


def new_numbers(op: ir.Operation) -> list[ir.Value]:
    """The single bfloat16 numbers that ``op`` reads from tensors: they will come as float32."""
    if op.name == "tensor.extract":
        found = list(op.results)
    elif op.name.startswith("linalg."):
        found = [argument for region in op.regions for block in region.blocks for argument in block.arguments]
    else:
        found = []
    return [value for value in found if str(value.type) == "bf16"]


def is_bfloat16_tensor(kind: ir.Type) -> bool:
    """Whether a type is a tensor of bfloat16."""
    from mlir import ir

    return isinstance(kind, ir.RankedTensorType) and str(kind.element_type) == "bf16"


def wide(kind: ir.RankedTensorType) -> ir.RankedTensorType:
    """The same tensor of float32."""
    from mlir import ir

    return ir.RankedTensorType.get(list(kind.shape), ir.F32Type.get(kind.context), loc=ir.Location.unknown(kind.context))


def widen_operands(op: ir.Operation) -> None:
    """Extends the bfloat16 numbers that ``op`` writes into a tensor."""
    from mlir import ir
    from mlir.dialects import arith

    if op.name not in YIELDS and not op.name.startswith(("linalg.", "tensor.")):
        return
    for number, operand in enumerate(op.operands):
        moved = op.name in YIELDS and isinstance(operand.owner, ir.Block) and operand.owner == op.block
        if str(operand.type) == "bf16" and not moved:
            with ir.InsertionPoint(op), op.location:
                op.operands[number] = arith.extf(ir.F32Type.get(), operand)


def narrow_uses(value: ir.Value) -> None:
    """Makes ``value``, a bfloat16 number that comes as float32 now, bfloat16 for those that compute with it."""
    from mlir import ir
    from mlir.dialects import arith

    single = ir.F32Type.get(value.context)
    value.set_type(single)
    for user in users(value):
        if user.name in YIELDS:
            continue
        if user.name == "arith.extf" and user.results[0].type == single:
            user.results[0].replace_all_uses_with(value)
            user.erase()
            continue
        with ir.InsertionPoint(user), user.location:
            narrow = arith.truncf(ir.BF16Type.get(value.context), value)
        for number, operand in enumerate(user.operands):
            if operand == value:
                user.operands[number] = narrow


def extend_constant(constant: ir.Operation) -> None:
    """Has a constant read through an extension, which canonicalisation computes: the bindings cannot read bfloat16."""
    from mlir import ir
    from mlir.dialects import arith

    value = constant.results[0]
    with ir.InsertionPoint.after(constant), constant.location:
        extended = arith.ExtFOp(wide(value.type), value)
    value.replace_all_uses_except(extended.result, extended.operation)


def retype(function: ir.Operation) -> None:
    """Says in the type of a function what its values have become."""
    from mlir import ir

    kind = function.attributes["function_type"].value
    inputs, results = ([wide(t) if is_bfloat16_tensor(t) else t for t in types] for types in (kind.inputs, kind.results))
    function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(inputs, results, context=function.context))
