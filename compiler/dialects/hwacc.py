"""The ``hwacc`` dialect: loads its IRDL definition, and builds its operations.

Two parts of ``hwacc.irdl.mlir`` are written by this file: the operations on
memrefs, from those on tensors, and the machine level, from :mod:`hwacc.isa`;
running it renews the definition::

    python -m hwacc.compiler.dialects.hwacc
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hwacc import isa

if TYPE_CHECKING:
    from mlir import ir

DEFINITION = Path(__file__).with_name("hwacc.irdl.mlir")
BEGIN = "  // BEGIN of what follows from the above and from hwacc/isa.py; to renew it: python -m hwacc.compiler.dialects.hwacc\n"
END = "  // END of what follows\n"

CONV2D = "hwacc.conv2d"
GEMM = "hwacc.gemm"
TENSOR_OPS = (CONV2D, GEMM)
INTO = "_into"
"""Ends the name of the form on memrefs: the same operands, and at the end the memref that it writes; no result."""
MEMREF_OPS = tuple(name + INTO for name in TENSOR_OPS)
CONTRACTIONS = (*TENSOR_OPS, *MEMREF_OPS)

SEGMENTS = "operandSegmentSizes"
"""MLIR's attribute that says which operands are there."""
NO_EPILOGUE = {"double_round": (False, 1), "zero_point": (0, 32), "clamp_min": (-128, 32), "clamp_max": (127, 32)}
"""Attributes of an operation that gives int32: value and width."""

OPERANDS = ("input", "weights", "bias", "multiplier", "shift")
"""What a contraction reads; the last two are optional."""

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
    return "address" in op.defaults


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
    """The definition with its generated part made anew."""
    head, _, rest = DEFINITION.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    made = [*(memref_definition(head, name) for name in TENSOR_OPS), *map(machine_definition, MACHINE_OPS)]
    return head + BEGIN + "\n".join(made) + END + tail


def memref_definition(head: str, name: str) -> str:
    """The IRDL operation that is the form on memrefs of ``name``, whose own definition is in ``head``."""
    short = name.removeprefix("hwacc.")
    found = re.search(rf"  irdl\.operation @{short} {{\n.*?\n  }}\n", head, re.DOTALL)
    assert found is not None, f"{name} is not defined"
    text = found[0].replace(f"@{short} ", f"@{short}{INTO} ").replace("!builtin.tensor", "!builtin.memref")
    text = text.replace("    irdl.results(result: %result)\n", "").replace("%result", "%output")
    return text.replace("shift: optional %shift)", "shift: optional %shift, output: %output)")


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

    attributes = {**attributes, SEGMENTS: ir.DenseI32ArrayAttr.get(present(len(operands)))}
    return ir.Operation.create(name, results=[result], operands=list(operands), attributes=attributes)


def create_into(op: ir.Operation, operands: Sequence[ir.Value], output: ir.Value) -> ir.Operation:
    """The form on memrefs of a tensor-level ``op``, with its attributes, that reads ``operands`` and writes ``output``."""
    from mlir import ir

    attributes = {name: op.attributes[name] for name in op.attributes if name != SEGMENTS}
    attributes[SEGMENTS] = ir.DenseI32ArrayAttr.get([*present(len(operands)), 1])
    return ir.Operation.create(op.name + INTO, operands=[*operands, output], attributes=attributes)


def present(count: int) -> list[int]:
    """How many there are of each operand that a contraction with ``count`` of them reads."""
    return [int(position < count) for position in range(len(OPERANDS))]


def is_conv2d(op: ir.Operation) -> bool:
    """Whether it is a convolution, on tensors or on memrefs."""
    return bool(op.name.removesuffix(INTO) == CONV2D)


def is_gemm(op: ir.Operation) -> bool:
    """Whether it is a matrix product, on tensors or on memrefs."""
    return bool(op.name.removesuffix(INTO) == GEMM)


def operands_of(op: ir.Operation) -> list[ir.Value]:
    """What a contraction reads: its operands without the memref that it writes."""
    return list(op.operands)[:-1] if op.name in MEMREF_OPS else list(op.operands)


def result_of(op: ir.Operation) -> ir.Value:
    """The result of a contraction, or the memref into which it is written."""
    return op.operands[len(op.operands) - 1] if op.name in MEMREF_OPS else op.results[0]


def group_count(op: ir.Operation) -> int:
    """Independent products of a contraction: the batch of a product, the groups of a convolution."""
    image, weights = (list(op.operands[i].type.shape) for i in (0, 1))
    if is_conv2d(op):
        return int(image[3] // weights[3])
    return int(image[0]) if len(image) == 3 else 1


def channel_count(op: ir.Operation) -> int:
    """Output channels of a contraction, those of all its groups: elements of its bias.

    1 if their number is known only at run time: bias and scales are then one for all.
    """
    batch = group_count(op) if is_gemm(op) else 1
    return max(1, batch * int(list(result_of(op).type.shape)[-1]))


def has_residual(op: ir.Operation) -> bool:
    """Whether the bias of a contraction has an element for each of the result: a tensor that is added, not a constant."""
    shape = list(op.operands[2].type.shape)
    return len(shape) > 1 and shape == list(result_of(op).type.shape)


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
