"""Gives every tensor between tasks a place in memory.

After ``form-tasks`` a task is a function of tensors. Here it becomes a function that is told where its results go, which is what
every backend runs, and ``main`` says what memory there is:

    func.func private @dense(%x: tensor<4x3xi8>, %w: tensor<2x3xi8>) -> tensor<4x2xi32> {
      %b = arith.constant dense<[1, 2]> : tensor<2xi32>
      %y = "hwacc.gemm"(%x, %w, %b) ...
      return %y
    func.func @main(%x: tensor<4x3xi8>) -> tensor<4x2xi8> {
      %w = arith.constant dense<...>
      %y = call @dense(%x, %w)
      %z = call @narrow(%y)
      return %z

becomes

    memref.global "private" constant @constant : memref<2xi32> = dense<[1, 2]>
    func.func private @dense(%x: memref<4x3xi8>, %w: memref<2x3xi8>, %y: memref<4x2xi32> {hwacc.output}) {
      %b = memref.get_global @constant
      "hwacc.gemm_into"(%x, %w, %b, %y) ...
    func.func @main(%x: memref<4x3xi8>, %z: memref<4x2xi8> {hwacc.output}) {
      %w = memref.get_global @constant_0
      %y = memref.alloc() : memref<4x2xi32>
      call @dense(%x, %w, %y)
      call @narrow(%y, %z)

The inside of a task for the CPU stays on tensors between ``bufferization.to_tensor`` and ``materialize_in_destination``, as
``destination-style`` has it: fusion works on tensors, and upstream's ``one-shot-bufferize`` does the rest when the task gets its code.
A module with sizes that are known only at run time stays on tensors: nobody could say how much memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from hwacc.compiler.constants import constant_attribute, dense_attribute, dtype_name, tensor_content
from hwacc.compiler.dialects.hwacc import TENSOR_OPS, create_into
from hwacc.compiler.emit.global_constants import GlobalConstants
from hwacc.compiler.emit.unknown_sizes import is_dynamic
from hwacc.compiler.transforms.build import CONSTANTS, VIEWS, defining, users
from hwacc.compiler.transforms.destination_style import buffer_of, rewrite
from hwacc.compiler.transforms.passes import Pass, RejectedError, functions_of, walk
from hwacc.compiler.transforms.tensor_function import is_ranked_tensor, require_tensor_function
from hwacc.compiler.transforms.verify_hwacc import sound_ops
from hwacc.errors import ModelError

if TYPE_CHECKING:
    from mlir import ir

OUTPUT = "hwacc.output"
"""Attribute of an argument: the function writes it, and reads nothing there."""
MAIN = "main"
INVERSE = dict(zip(VIEWS, reversed(VIEWS)))
"""What undoes each operation on tensors that only renames elements."""
ALONE = (*TENSOR_OPS, "arith.constant", "func.return")
"""What the function of an array task consists of."""


class BufferiseTasks(Pass):
    """``bufferise-tasks``: tasks write their results into memrefs that ``main`` gives them."""

    name = "bufferise-tasks"

    def run(self, module: ir.Operation) -> None:
        functions = functions_of(module)
        if MAIN not in functions:
            raise ModelError("there is no function main that calls tasks; form-tasks makes it")
        sound_ops(module, *TENSOR_OPS)
        if any(is_dynamic(op) for function in functions.values() for op in (function, *walk(function))):
            return
        constants = GlobalConstants(module)
        tasks = {op.attributes["callee"].value for op in walk(functions[MAIN], "func.call")}
        for name, function in functions.items():
            if name in (MAIN, *tasks) and on_tensors(function):
                bufferise(function, constants, is_main=name == MAIN)


def on_tensors(function: ir.Operation) -> bool:
    """Whether the function takes or returns tensors."""
    kind = function.attributes["function_type"].value
    return any(map(is_ranked_tensor, (*kind.inputs, *kind.results)))


def bufferise(function: ir.Operation, constants: GlobalConstants, *, is_main: bool) -> None:
    """Changes one function in place; raises :class:`RejectedError` for one of another form than ``form-tasks`` makes."""
    kind = function.attributes["function_type"].value
    for each in filter(is_ranked_tensor, (*kind.inputs, *kind.results)):
        buffer_of(each, function)
    count = len(kind.inputs)
    if is_main:
        Main(function, constants).run()
    elif products := array_ops(function):
        rewrite_array_task(function, products, constants)
    else:
        rewrite(function)
    mark_outputs(function, count)


def mark_outputs(function: ir.Operation, first: int) -> None:
    """Marks the arguments from number ``first`` on."""
    from mlir import ir

    count = len(function.regions[0].blocks[0].arguments)
    mark = {OUTPUT: ir.UnitAttr.get()}
    function.attributes["arg_attrs"] = ir.ArrayAttr.get([ir.DictAttr.get(mark if number >= first else {}) for number in range(count)])


def output_positions(function: ir.Operation) -> list[int]:
    """Which arguments of a function it writes; none of one that is on tensors."""
    if "arg_attrs" not in function.attributes:
        return []
    return [position for position, each in enumerate(function.attributes["arg_attrs"]) if OUTPUT in each]


def array_ops(function: ir.Operation) -> list[ir.Operation]:
    """The array operations of a task, but for those in loops and branches: a CPU runs these."""
    return [op.operation for op in require_tensor_function(function).operations if op.operation.name in TENSOR_OPS]


def rewrite_array_task(function: ir.Operation, products: Sequence[ir.Operation], constants: GlobalConstants) -> None:
    """The function of one array operation, its constants in memory, its result where the last argument says."""
    from mlir import ir

    block = require_tensor_function(function)
    op, *others = products
    *inside, terminator = (each.operation for each in block.operations)
    if others or any(each.name not in ALONE for each in inside) or list(terminator.operands) != [op.results[0]]:
        op.location.emit_error(f"{op.name}: it shares the function {function.attributes['sym_name'].value} with other operations")
        raise RejectedError
    kind = function.attributes["function_type"].value
    buffers = [memref_of(each) for each in (*kind.inputs, *kind.results)]
    for argument, buffer in zip(list(block.arguments), buffers):
        argument.set_type(buffer)
    output = block.add_argument(buffers[-1], function.location)
    with ir.InsertionPoint(op):
        operands = [in_memory(value, constants) for value in op.operands]
        with op.location:
            create_into(op, operands, output)
    finish(function, buffers, inside)


def in_memory(value: ir.Value, constants: GlobalConstants) -> ir.Value:
    """An argument, which is a memref by now, or the memref for a constant."""
    op = defining(value)
    content = None if op is None else constant_attribute(op)
    if op is None or content is None:
        return value
    with op.location:
        return constants.place(content)


def finish(function: ir.Operation, buffers: Sequence[ir.Type], replaced: Sequence[ir.Operation]) -> None:
    """Makes a function return nothing, erases what was ``replaced`` in it, and states its new type."""
    from mlir import ir

    block = function.regions[0].blocks[0]
    terminator = list(block.operations)[-1].operation
    with ir.InsertionPoint(terminator), terminator.location:
        ir.Operation.create("func.return")
    for op in (terminator, *reversed(replaced)):
        op.erase()
    function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(list(buffers), []))


class Main:
    """Rewrites ``main``: ``memory`` is the memref for each tensor, as far as there is one yet."""

    def __init__(self, function: ir.Operation, constants: GlobalConstants) -> None:
        self.function = function
        self.constants = constants
        self.block = require_tensor_function(function)
        self.memory: dict[ir.Value, ir.Value] = {}

    def run(self) -> None:
        """Does it."""
        from mlir import ir

        kind = self.function.attributes["function_type"].value
        buffers = [memref_of(each) for each in (*kind.inputs, *kind.results)]
        *inside, terminator = (op.operation for op in self.block.operations)
        for argument, buffer in zip(list(self.block.arguments), buffers):
            argument.set_type(buffer)
            self.memory[argument] = argument
        with ir.InsertionPoint.at_block_begin(self.block), self.function.location:
            for value, buffer in zip(terminator.operands, buffers[len(kind.inputs) :]):
                self.write_to(value, self.block.add_argument(buffer, self.function.location))
        for op in inside:
            with ir.InsertionPoint(op), op.location:
                self.visit(op)
        finish(self.function, buffers, inside)

    def write_to(self, value: ir.Value, place: ir.Value) -> None:
        """Has ``value`` computed in ``place``, and so what it is a view of."""
        op = defining(value)
        if op is None or op.name not in (*VIEWS, "func.call") or value in self.memory:
            self.function.location.emit_error(
                "function main returns what no task of its own computes; separate-outputs makes it one's result"
            )
            raise RejectedError
        self.memory[value] = place
        if op.name in VIEWS:
            self.write_to(op.operands[0], view(INVERSE[op.name], op, place, op.operands[0].type))

    def visit(self, op: ir.Operation) -> None:
        """Puts before ``op`` what takes its place."""
        from mlir.dialects import func, memref

        if op.name in CONSTANTS:
            if any(user.name in ("func.call", *VIEWS) for user in users(op.results[0])):
                self.memory[op.results[0]] = self.constants.place(content_of(op))
        elif op.name in VIEWS:
            if op.results[0] not in self.memory:
                self.memory[op.results[0]] = view(op.name, op, self.memory[op.operands[0]], op.results[0].type)
        elif op.name == "func.call":
            for result in op.results:
                if not is_ranked_tensor(result.type):
                    refuse(op, f"gives {result.type}; tasks take and give tensors")
                if result not in self.memory:
                    self.memory[result] = memref.AllocOp(memref_of(result.type), [], []).result
            func.CallOp([], op.attributes["callee"].value, [self.memory[value] for value in (*op.operands, *op.results)])
        else:
            refuse(op, "is no part of a function main that calls tasks; form-tasks makes it")


def refuse(op: ir.Operation, why: str) -> NoReturn:
    """Reports on ``op`` and raises :class:`RejectedError`."""
    op.location.emit_error(f"{op.name} {why}")
    raise RejectedError


def content_of(op: ir.Operation) -> ir.DenseElementsAttr:
    """What a constant, filled or empty tensor of ``main`` holds."""
    kind = op.results[0].type
    if not is_ranked_tensor(kind) or dtype_name(kind.element_type) is None:
        refuse(op, f"gives a task {kind}, which no buffer can hold")
    return constant_attribute(op) or dense_attribute(tensor_content(op))


def memref_of(kind: ir.RankedTensorType) -> ir.MemRefType:
    """The row-major memref for a tensor; raises :class:`ModelError` for elements that no memref can have."""
    from mlir import ir

    try:
        return ir.MemRefType.get(list(kind.shape), kind.element_type)
    except ir.MLIRError:
        raise ModelError(f"{kind} has elements that no buffer can hold") from None


def view(name: str, op: ir.Operation, source: ir.Value, kind: ir.Type) -> ir.Value:
    """``source`` as a memref of the shape of ``kind``, by the operation on memrefs of that ``name``, with the groups of ``op``."""
    from mlir.dialects import memref

    groups, shape = op.attributes["reassociation"], list(kind.shape)
    if name == VIEWS[0]:
        return memref.CollapseShapeOp(memref_of(kind), source, groups).result
    return memref.ExpandShapeOp(memref_of(kind), source, groups, [], shape).result
