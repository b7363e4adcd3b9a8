"""The ``hwacc`` dialect: loads its IRDL definition, and builds its operations.

The machine-level part of ``hwacc.irdl.mlir`` is written by this file from
:mod:`hwacc.isa`; running it renews the definition::

    python -m hwacc.compiler.dialects.hwacc
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hwacc import isa

if TYPE_CHECKING:
    from mlir import ir

DEFINITION = Path(__file__).with_name("hwacc.irdl.mlir")
BEGIN = "  // BEGIN of what hwacc/isa.py says; to renew it: python -m hwacc.compiler.dialects.hwacc\n"
END = "  // END of what hwacc/isa.py says\n"

CONV2D = "hwacc.conv2d"
GEMM = "hwacc.gemm"
TENSOR_OPS = (CONV2D, GEMM)

NO_EPILOGUE = {"double_round": (False, 1), "zero_point": (0, 32), "clamp_min": (-128, 32), "clamp_max": (127, 32)}
"""Attributes of an operation that gives int32: value and width."""

TENSOR_OPERANDS = 5
"""Input, weights, bias, multiplier and shift; the last two are optional."""

MACHINE_OPS: tuple[isa.Op, ...] = tuple(op for op in isa.OPS if op.engine != isa.Engine.CONTROL)
"""Operations of the instruction set that occur in IR; whoever submits a stream adds the END."""


def op_name(op: isa.Op) -> str:
    """``hwacc.load`` for LOAD."""
    return f"hwacc.{op.name.lower()}"


_IR_FIELDS = {op.name: tuple(field for field in op.fields if field.name not in isa.DERIVED) for op in MACHINE_OPS}


def ir_fields(op: isa.Op) -> tuple[isa.Field, ...]:
    """The fields that are attributes: all but those that follow from them, or from the name."""
    return _IR_FIELDS[op.name]


def has_buffer(op: isa.Op) -> bool:
    """Whether the operation takes a buffer, that its address counts from."""
    return any(field.name == "address" for field in op.fields)


def load_dialect(context: ir.Context) -> None:
    """Makes ``context`` know the dialect."""
    from mlir import ir
    from mlir._mlir_libs import _mlir
    from mlir.dialects import irdl

    # For each operation that Python sees, the bindings look for a module of its dialect, until they have found one: this.
    _mlir.globals.append_dialect_search_prefix(__name__.rpartition(".")[0])
    with context, ir.Location.unknown():
        irdl.load_dialects(ir.Module.parse(definition()))


@cache
def definition() -> str:
    """The dialect's definition as text."""
    return DEFINITION.read_text()


def generated_definition() -> str:
    """The definition with its machine-level part made anew from the instruction set."""
    head, _, rest = DEFINITION.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    return head + BEGIN + "\n".join(machine_definition(op) for op in MACHINE_OPS) + END + tail


def machine_definition(op: isa.Op) -> str:
    """The IRDL operation of one operation of the instruction set."""
    names = [field.name for field in ir_fields(op)]
    lines = [f"  irdl.operation @{op.name.lower()} {{"]
    if has_buffer(op):
        lines += ['    %buffer = irdl.base "!builtin.memref"', "    irdl.operands(buffer: %buffer)"]
    lines += [f'    %{name} = irdl.base "#builtin.integer"' for name in names]
    lines += ["    irdl.attributes {", ",\n".join(f'      "{name}" = %{name}' for name in names), "    }", "  }", ""]
    return "\n".join(lines)


def create(name: str, operands: Sequence[ir.Value], result: ir.Type, **attributes: ir.Attribute) -> ir.Operation:
    """A tensor-level operation at the current insertion point and location.

    ``operands`` are input, weights, bias and, to requantise, multiplier and shift.
    """
    from mlir import ir

    present = [int(position < len(operands)) for position in range(TENSOR_OPERANDS)]
    attributes = {**attributes, "operandSegmentSizes": ir.DenseI32ArrayAttr.get(present)}
    return ir.Operation.create(name, results=[result], operands=list(operands), attributes=attributes)


def group_count(op: ir.Operation) -> int:
    """Independent products of a tensor-level operation: the batch of a product, the groups of a convolution."""
    image, weights = (list(op.operands[i].type.shape) for i in (0, 1))
    if op.name == CONV2D:
        return int(image[3] // weights[3])
    return int(image[0]) if len(image) == 3 else 1


def channel_count(op: ir.Operation) -> int:
    """Output channels of a tensor-level operation, those of all its groups: elements of its bias.

    1 if their number is known only at run time: bias and scales are then one for all.
    """
    batch = group_count(op) if op.name == GEMM else 1
    return max(1, batch * int(list(op.results[0].type.shape)[-1]))


def integer_attribute(value: int, width: int = 32) -> ir.IntegerAttr:
    """``value : i32``, or of another width."""
    from mlir import ir

    return ir.IntegerAttr.get(ir.IntegerType.get_signless(width), value)


def list_attribute(values: Sequence[int]) -> ir.DenseI64ArrayAttr:
    """``array<i64: values>``."""
    from mlir import ir

    return ir.DenseI64ArrayAttr.get(list(values))


if __name__ == "__main__":
    DEFINITION.write_text(generated_definition())
