"""Makes the model's function return more than its results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.quantisation import WATCHED
from hwacc.compiler.transforms.passes import walk
from hwacc.compiler.transforms.tensor_function import OUTPUTS, QUANTISATION, require_tensor_function
from hwacc.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlir import ir

    Named = Sequence[tuple[str, ir.Value]]


def return_also(module: ir.Operation, named: Named) -> None:
    """Makes the only function of ``module`` return more values, with names."""
    from mlir import ir
    from mlir.dialects import func

    functions = walk(module, "func.func")
    if len(functions) != 1:
        raise ModelError(f"a model must be one function, not {len(functions)}")
    (function,) = functions
    old = list(require_tensor_function(function).operations)[-1].operation
    values = [*old.operands, *(value for _, value in named)]
    names = [name.value for name in function.attributes[OUTPUTS]] if OUTPUTS in function.attributes else []
    names = names or [f"output_{i}" for i in range(len(old.operands))]
    with ir.InsertionPoint(old), old.location:
        func.ReturnOp(values)
    old.erase()
    kind = function.attributes["function_type"].value
    function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(kind.inputs, [value.type for value in values]))
    function.attributes[OUTPUTS] = ir.ArrayAttr.get([ir.StringAttr.get(name) for name in [*names, *(WATCHED + name for name, _ in named)]])
    if "res_attrs" in function.attributes:
        del function.attributes["res_attrs"]
    if QUANTISATION in function.attributes:
        scales = [*function.attributes[QUANTISATION], *[ir.ArrayAttr.get([])] * len(named)]
        function.attributes[QUANTISATION] = ir.ArrayAttr.get(scales)
