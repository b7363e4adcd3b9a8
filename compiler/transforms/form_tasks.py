"""Cuts the function into tasks: each becomes a function of its own, and ``main`` calls them.

That is the unit in which the coordinator works and for which each backend has
code. What lies between two tasks is a buffer; a reshape between them is only
another name for it, and a constant tensor that several tasks use is one buffer.

    func.func @main(%x) {
      %y = "hwacc.conv2d"(%x, %w, %bias, ...)
      %z = linalg.generic ins(%y, %x) ...
      return %z

becomes

    func.func private @conv2d(%input, %weights) attributes {hwacc.backend = "hwacc", hwacc.kind = "conv2d",
        hwacc.macs = 442368 : i64, hwacc.shape = "1024x27x16", hwacc.reason = "", hwacc.operations = "hwacc.conv2d"} { "hwacc.conv2d"... }
    func.func private @add(%0, %1) attributes {hwacc.backend = "cpu", hwacc.kind = "other", ...} { linalg.generic ... }
    func.func @main(%x) {
      %w = arith.constant dense<...>
      %y = call @conv2d(%x, %w)
      %z = call @add(%y, %x)
      return %z

Which operations go together is decided in :mod:`.partition`. Constant vectors
that belong to one array operation (bias, multiplier, shift) move into its
function; weights stay outside, as arguments.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwacc.compiler.constants import constant_array, constant_scalar
from hwacc.compiler.context import given_name
from hwacc.compiler.dialects.hwacc import TENSOR_OPS, has_residual, integer_attribute
from hwacc.compiler.names import short_name, unique_names
from hwacc.compiler.transforms.assertions import drop_assertions
from hwacc.compiler.transforms.build import VIEWS, defining, users
from hwacc.compiler.transforms.contraction_size import contraction_size, inner_macs
from hwacc.compiler.transforms.partition import Group, is_cheap, outer_operands, partition
from hwacc.compiler.transforms.passes import Pass, RejectedError, walk
from hwacc.compiler.transforms.reasons import inside, noted
from hwacc.compiler.transforms.tensor_function import INPUTS, OUTPUTS, QUANTISATION, require_tensor_function
from hwacc.compiler.transforms.verify_hwacc import sound_ops
from hwacc.errors import ModelError
from hwacc.program import describe_shape

if TYPE_CHECKING:
    from mlir import ir

BACKEND = "hwacc.backend"
"""Attribute of a task's function: ``hwacc`` or ``cpu``."""
NOT_A_CONTRACTION = "neither a convolution nor a matrix product"
"""Reason of the tasks that the array is not made for."""


class FormTasks(Pass):
    """``form-tasks``: the only function becomes ``main``, which calls one function for each task."""

    name = "form-tasks"

    def run(self, module: ir.Operation) -> None:
        functions = walk(module, "func.func")
        if len(functions) != 1:
            raise ModelError(f"a model must be one function, not {len(functions)}")
        for op in reversed(sound_ops(module, *TENSOR_OPS)):
            if not users(op.results[0]):
                op.erase()
        Outliner(module, functions[0]).run()


@dataclass
class Body:
    """A function under construction: where its operations go, and what stands for the values of the old one."""

    block: ir.Block
    mapped: dict[ir.Value, ir.Value]


class Outliner:
    """Moves the tasks of one function into functions of their own."""

    def __init__(self, module: ir.Operation, function: ir.Operation) -> None:
        self.module = module
        self.function = function
        self.block = require_tensor_function(function)
        drop_assertions(self.block)
        self.terminator = list(self.block.operations)[-1].operation

    def run(self) -> None:
        """Replaces the function by ``main`` and the tasks' functions."""
        from mlir import ir
        from mlir.dialects import func

        require_results(self.block)
        groups = partition(self.block)
        names = unique_names([wanted_name(group, number) for number, group in enumerate(groups)])
        with ir.InsertionPoint.at_block_begin(self.module.regions[0].blocks[0]), self.function.location:
            functions = [self.outline(group, name) for group, name in zip(groups, names)]
            kind = self.function.attributes["function_type"].value
            main = func.FuncOp("main", kind)
        for name in (INPUTS, OUTPUTS, QUANTISATION):
            if name in self.function.attributes:
                main.operation.attributes[name] = self.function.attributes[name]
        body = Body(main.add_entry_block(), {})
        body.mapped.update(zip(self.block.arguments, body.block.arguments))
        for function, (inputs, results) in functions:
            self.call(body, function, inputs, results)
        with ir.InsertionPoint(body.block), self.terminator.location:
            func.ReturnOp([self.value_in(body, value) for value in self.terminator.operands])
        self.function.erase()

    def outline(self, group: Group, name: str) -> tuple[ir.Operation, tuple[list[ir.Value], list[ir.Value]]]:
        """The function of one task, with the old function's values that are its arguments and its results."""
        from mlir import ir
        from mlir.dialects import func

        inputs, results = arguments_of(group), results_of(group)
        location = (group.seed or group.ops[-1]).location
        kind = ir.FunctionType.get([value.type for value in inputs], [value.type for value in results])
        with location:
            function = func.FuncOp(name, kind, visibility="private")
            body = Body(function.add_entry_block(), {})
            body.mapped.update(zip(inputs, body.block.arguments))
            for op in group.ops:
                self.copy(body, op)
            with ir.InsertionPoint(body.block):
                func.ReturnOp([body.mapped[value] for value in results])
        describe(function.operation, group)
        return function.operation, (inputs, results)

    def call(self, body: Body, function: ir.Operation, inputs: list[ir.Value], results: list[ir.Value]) -> None:
        """A call of a task in ``main``."""
        from mlir import ir
        from mlir.dialects import func

        arguments = [self.value_in(body, value) for value in inputs]
        with ir.InsertionPoint(body.block), function.location:
            made = func.CallOp([value.type for value in results], function.attributes["sym_name"].value, arguments)
        body.mapped.update(zip(results, made.operation.results))

    def value_in(self, body: Body, value: ir.Value) -> ir.Value:
        """What stands for the old ``value`` in ``body``; cheap operations are copied when they are needed."""
        if value not in body.mapped:
            op = defining(value)
            assert op is not None and is_cheap(op), f"{value} is used before its task"
            self.copy(body, op)
        return body.mapped[value]

    def copy(self, body: Body, op: ir.Operation) -> None:
        """Copies ``op`` to the end of ``body``, reading the values that stand there for its operands."""
        from mlir import ir

        stand_ins = {value: self.value_in(body, value) for value in outer_operands(op)}
        made = op.clone(ir.InsertionPoint(body.block)).operation
        for inner in (made, *walk(made)):
            for index, operand in enumerate(inner.operands):
                if operand in stand_ins:
                    inner.operands[index] = stand_ins[operand]
        body.mapped.update(zip(op.results, made.results))


def require_results(block: ir.Block) -> None:
    """Reports operations that give nothing, which no task could be made of, and raises :class:`RejectedError`; assertions are none."""
    found = [op.operation for op in list(block.operations)[:-1] if not len(op.results) and op.name != "cf.assert"]
    for op in found:
        op.location.emit_error(f"{op.name} gives nothing that a task could return; a model is made of operations on tensors")
    if found:
        raise RejectedError


def arguments_of(group: Group) -> list[ir.Value]:
    """The values that a task's function takes: results of other tasks, inputs, and constants that deserve a buffer."""
    inside = {result for op in group.ops for result in op.results}
    found: dict[ir.Value, None] = {}
    kept = {value for op in group.ops for inner in walk(op, *TENSOR_OPS) for value in list(inner.operands)[2:]}
    for op in group.ops:
        on_array = op.name in TENSOR_OPS
        work = list(op.operands)[: 3 if has_residual(op) else 2] if on_array else outer_operands(op)
        while work:
            value = work.pop(0)
            producer = defining(value)
            if value in inside:
                continue
            if producer is None or not is_cheap(producer) or on_array or (deserves_buffer(value) and value not in kept):
                found[value] = None
            else:
                work += list(producer.operands)
    return list(found)


def deserves_buffer(value: ir.Value) -> bool:
    """Whether a constant is a buffer rather than part of the code: a tensor that does not repeat one number."""
    array = constant_array(value)
    return array is not None and array.ndim > 0 and constant_scalar(value) is None


def results_of(group: Group) -> list[ir.Value]:
    """The values that other tasks, or the caller, need of a task."""
    inside = set(group.ops)
    return [result for op in group.ops for result in op.results if used_outside(result, inside)]


def used_outside(value: ir.Value, inside: set[ir.Operation]) -> bool:
    """Whether an operation that is not ``inside``, nor a view that only those use, uses ``value``."""
    for user in users(value):
        if user.name in VIEWS:
            if used_outside(user.results[0], inside):
                return True
        elif enclosing(user, value) not in inside:
            return True
    return False


def enclosing(op: ir.Operation, value: ir.Value) -> ir.Operation:
    """The operation of the block of ``value`` in whose regions ``op`` stands, or ``op`` itself."""
    block = value.owner.operation.block
    while op.block != block:
        op = op.parent.operation
    return op


def describe(function: ir.Operation, group: Group) -> None:
    """Notes on a task's function what it is: backend, kind, shape, MACs, and why it is not for the array."""
    from mlir import ir

    on_array = group.seed is not None and group.seed.name in TENSOR_OPS
    size = contraction_size(group.seed) if group.seed is not None else None
    shape = size.words if size else describe_shape(list(group.ops[-1].results[0].type.shape))
    reasons = [noted(inner) for op in group.ops for inner in (op, *walk(op)) if noted(inner)] or ["" if on_array else own_reason(group)]
    texts = {"operations": operations_of(group)}
    texts |= {"backend": "hwacc" if on_array else "cpu", "kind": size.kind if size else "other", "shape": shape, "reason": reasons[0]}
    for key, text in texts.items():
        function.attributes[f"hwacc.{key}"] = ir.StringAttr.get(text, function.context)
    macs = size.macs if size else sum(map(inner_macs, group.ops))
    if macs >= 2**63:
        function.location.emit_error(f"{group.ops[-1].name}: {macs} multiply-accumulates are more than a program can state")
        raise RejectedError
    with function.context:
        function.attributes["hwacc.macs"] = integer_attribute(macs, 64)


def own_reason(group: Group) -> str:
    """Why the array does not run a task whose operations have no reason noted."""
    if group.seed is not None:
        return f"{group.seed.name.removeprefix('linalg.')}: not a form that array tasks are made of"
    nested = [inner for op in group.ops for inner in walk(op, *TENSOR_OPS)]
    return inside(nested[0]) if nested else NOT_A_CONTRACTION


def operations_of(group: Group) -> str:
    """The operations of a task: the contraction, or the names of all with how many there are."""
    if group.seed is not None:
        return str(group.seed.name)
    counts = Counter(str(op.name) for op in group.ops)
    return ", ".join(name if count == 1 else f"{name} ×{count}" for name, count in counts.items())


def wanted_name(group: Group, number: int) -> str:
    """A name from the source: that of the weights, else that of the result; else kind and number."""
    op = group.seed or group.ops[-1]
    kind = contraction_size(op).kind if group.seed is not None else "other"
    sources = [given_name(op.location)]
    weights = defining(op.operands[1]) if group.seed is not None else None
    if weights is not None and weights.name == "arith.constant":
        sources.insert(0, given_name(weights.location))
    name = short_name(sources)
    return f"{kind}_{number}" if name in ("", "main") else name
