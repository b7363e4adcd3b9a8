"""From the module of tasks to a program: buffers, constants, and the code of each task."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import constant_array, constant_scalar, dtype_name
from hwacc.compiler.context import given_name, source_name
from hwacc.compiler.dialects.hwacc import TENSOR_OPS
from hwacc.compiler.emit.contraction import Contraction, read_contraction
from hwacc.compiler.emit.cpu import ENTRY, cpu_code
from hwacc.compiler.emit.machine import machine_function, stream_of
from hwacc.compiler.emit.planner import Plan, plan_all
from hwacc.compiler.emit.tuned import Plans, usable
from hwacc.compiler.transforms.build import VIEWS, users, view_root
from hwacc.compiler.transforms.form_tasks import INPUTS, OUTPUTS, QUANTISATION
from hwacc.compiler.transforms.passes import walk
from hwacc.config import ArrayConfig
from hwacc.errors import ModelError
from hwacc.program import Buffer, Implementation, Program, Task

if TYPE_CHECKING:
    from mlir import ir

Progress = Callable[[str], None]
"""Hears what is being compiled."""


CONSTANTS = ("arith.constant", "linalg.fill", "tensor.empty")
"""Operations of ``main`` whose results are the same at every run."""


class ProgramBuilder:
    """Builds a :class:`Program` from a module that ``form-tasks`` made.

    ``machine`` is the module that receives the machine-level functions;
    ``backends`` the ones for which array tasks get code, the array first;
    without ``fallback`` a task that the array cannot run is a :class:`ModelError`.
    Products that ``tuned`` has a plan for are planned so: ``used`` is how many products there are, how many ``tuned``
    has, and how many it has as the planner makes them now.
    """

    def __init__(
        self,
        config: ArrayConfig,
        machine: ir.Module,
        backends: Collection[str],
        progress: Progress | None,
        *,
        fallback: bool = True,
        tuned: Plans | None = None,
    ) -> None:
        self.config = config
        self.machine = machine
        self.backends = backends
        self.fallback = fallback
        self.progress = progress or (lambda text: None)
        self.tuned = tuned or {}
        self.used = 0, 0, 0
        self.buffers: list[Buffer] = []
        self.constants: dict[int, NDArray[Any]] = {}
        self.tasks: list[Task] = []
        self._placed: dict[tuple[str, tuple[int, ...], bytes], int] = {}
        self._home: dict[ir.Value, int] = {}
        self._planned: dict[ir.Operation, tuple[Contraction, Plan | ModelError]] = {}

    def build(self, module: ir.Module, name: str) -> Program:
        """The program of that name."""
        functions = {op.attributes["sym_name"].value: op for op in walk(module.operation, "func.func")}
        if "hwacc" in self.backends:
            self.plan_array_tasks(module)
        block = functions["main"].regions[0].blocks[0]
        returned = list(block.operations)[-1].operands
        scales = iter(quantisations(functions["main"], len(block.arguments) + len(returned)))
        for argument, label in zip(block.arguments, end_names(functions["main"], INPUTS, len(block.arguments))):
            self._home[argument] = self.add_buffer(label, "input", argument.type, next(scales))
        for value, label in zip(returned, end_names(functions["main"], OUTPUTS, len(returned))):
            self._home[view_root(value)] = self.add_buffer(label, "output", value.type, next(scales))
        for op in block.operations:
            self.visit(op.operation, functions)
        return Program(name, self.config, tuple(self.buffers), tuple(self.tasks), self.constants)

    def plan_array_tasks(self, module: ir.Module) -> None:
        """Plans the operations of all array tasks together."""
        ops = walk(module.operation, *TENSOR_OPS)
        contractions = [read_contraction(op, self.config) for op in ops]
        names = {contraction.spec: attribute(op.parent, "sym_name") for op, contraction in zip(reversed(ops), reversed(contractions))}
        specs = [contraction.spec for contraction in contractions]
        chosen = usable(self.tuned, specs, self.config)
        products = {spec.without_values for spec in specs}
        self.used = len(products), len(products & set(self.tuned)), len(chosen)
        plans = plan_all(specs, self.config, tell=lambda spec: self.progress(f"{names[spec]}: planning"), chosen=chosen)
        self._planned = dict(zip(ops, zip(contractions, plans)))

    def visit(self, op: ir.Operation, functions: dict[str, ir.Operation]) -> None:
        """Takes in one operation of ``main``."""
        if op.name in CONSTANTS:
            if any(user.name in ("func.call", *VIEWS) for user in users(op.results[0])):
                self._home[op.results[0]] = self.add_constant(given_name(op.location) or "constant", content(op))
        elif op.name in VIEWS:
            self._home[op.results[0]] = self._home[op.operands[0]]
        elif op.name == "func.call":
            function = functions[op.attributes["callee"].value]
            for position, result in enumerate(op.results):
                if result not in self._home:
                    label = function.attributes["sym_name"].value + (f".{position}" if len(op.results) > 1 else "")
                    self._home[result] = self.add_buffer(label, "intermediate", result.type)
            reads = tuple(self._home[value] for value in op.operands)
            self.tasks.append(self.task(function, reads, tuple(self._home[value] for value in op.results)))

    def add_buffer(self, name: str, role: str, shaped: ir.ShapedType, quantisation: tuple[float, int] | None = None) -> int:
        """Adds a buffer for values of a tensor type; its index."""
        dtype = dtype_name(shaped.element_type)
        if dtype is None:
            raise ModelError(f"{name} has elements of {shaped.element_type}, which no buffer can hold")
        self.buffers.append(Buffer(name, role, dtype, tuple(shaped.shape), quantisation))
        return len(self.buffers) - 1

    def add_constant(self, name: str, array: NDArray[Any]) -> int:
        """Places a constant, once for all that are equal; its index."""
        key = array.dtype.name, array.shape, array.tobytes()
        if key not in self._placed:
            self.buffers.append(Buffer(name, "constant", array.dtype.name, array.shape))
            self._placed[key] = len(self.buffers) - 1
            self.constants[self._placed[key]] = array
        return self._placed[key]

    def task(self, function: ir.Operation, reads: tuple[int, ...], writes: tuple[int, ...]) -> Task:
        """The task of one function, with code for each of its backends."""
        name, kind, shape, reason = (attribute(function, key) for key in ("sym_name", "hwacc.kind", "hwacc.shape", "hwacc.reason"))
        self.progress(name)
        implementations: list[Implementation] = []
        on_array = attribute(function, "hwacc.backend") == "hwacc"
        if on_array and "hwacc" in self.backends:
            try:
                implementations.append(self.on_array(function, name, reads, writes))
            except ModelError as error:
                reason = str(error)
        elif on_array:
            reason = "compiled without the array"
        operations, location = attribute(function, "hwacc.operations"), source_name(function.location)
        if not implementations and not self.fallback:
            raise ModelError(f"{operations} of task {name} cannot run on the array: {reason}{f' (at {location})' if location else ''}")
        if not implementations or "cpu" in self.backends:
            implementations.append(Implementation("cpu", (*reads, *writes), cpu_code(function), ENTRY))
        reads = tuple(dict.fromkeys(i for code in implementations for i in code.buffers if i not in writes))
        macs = function.attributes["hwacc.macs"].value
        return Task(name, kind, shape, macs, reads, writes, tuple(implementations), reason, operations, location)

    def on_array(self, function: ir.Operation, name: str, reads: tuple[int, ...], writes: tuple[int, ...]) -> Implementation:
        """The stream of an array task; raises :class:`ModelError` where it does not fit the array."""
        from mlir import ir

        op = walk(function, *TENSOR_OPS)[0]
        contraction, planned = self._planned[op]
        if isinstance(planned, ModelError):
            raise planned
        with ir.InsertionPoint(self.machine.body), function.location:
            made = machine_function(name, contraction.spec.slots(self.config), planned.operations)
        stream = stream_of(made, self.config)
        buffers = self.slot_buffers(function, op, name, contraction, reads, writes)
        return Implementation("hwacc", tuple(buffers[slot.name] for slot in stream.slots), stream.to_bytes())

    def slot_buffers(
        self, function: ir.Operation, op: ir.Operation, name: str, contraction: Contraction, reads: tuple[int, ...], writes: tuple[int, ...]
    ) -> dict[str, int]:
        """The program's buffer for each slot of an array task."""
        arguments = list(function.regions[0].blocks[0].arguments)
        buffers = {slot: reads[arguments.index(op.operands[position])] for position, slot in enumerate(("input", "weights"))}
        packed = {slot: self.add_constant(f"{name}.{slot}", array) for slot, array in contraction.packed.items()}
        return {**buffers, **packed, "output": writes[0]}


def content(op: ir.Operation) -> NDArray[Any]:
    """What a constant, filled or empty tensor holds; for an empty one zeros."""
    array = constant_array(op.results[0])
    if array is not None:
        return array
    kind = op.results[0].type
    number = constant_scalar(op.operands[0]) if op.name == "linalg.fill" else 0
    return np.full(list(kind.shape), number, dtype_name(kind.element_type))


def end_names(main: ir.Operation, key: str, count: int) -> list[str]:
    """The names of the model's inputs or outputs; where it has none, ``input_0`` and so on."""
    if key in main.attributes and len(main.attributes[key]) == count:
        return [name.value for name in main.attributes[key]]
    return [f"{key.removeprefix('hwacc.')[:-1]}_{i}" for i in range(count)]


def quantisations(main: ir.Operation, count: int) -> list[tuple[float, int] | None]:
    """The quantisation of each of the model's inputs, then outputs, ``count`` in all; None where it says nothing."""
    if QUANTISATION not in main.attributes or len(main.attributes[QUANTISATION]) != count:
        return [None] * count
    return [(pair[0].value, pair[1].value) if len(pair) else None for pair in main.attributes[QUANTISATION]]


def attribute(function: ir.Operation, name: str) -> str:
    """A string attribute."""
    return str(function.attributes[name].value)
