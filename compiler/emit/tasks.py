"""From the module of tasks to a program: buffers, constants, and the code of each task.

The tasks are on memrefs, as ``bufferise-tasks`` makes them, or, where sizes are known only at run time, on tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwacc.compiler.constants import dtype_name, tensor_content
from hwacc.compiler.context import given_name, source_name
from hwacc.compiler.dialects.hwacc import CONTRACTIONS, has_residual, is_gemm, result_of
from hwacc.compiler.emit.array_to_machine import machine_of
from hwacc.compiler.emit.bufferise_tasks import MAIN, output_positions
from hwacc.compiler.emit.contraction import read_contraction, read_product
from hwacc.compiler.emit.cpu import ENTRY, cpu_code
from hwacc.compiler.emit.machine import stream_of
from hwacc.compiler.emit.unknown_sizes import UnknownSizes, is_dynamic
from hwacc.compiler.transforms.build import CONSTANTS, VIEWS, users, view_root
from hwacc.compiler.transforms.form_tasks import BACKEND
from hwacc.compiler.transforms.memory import SAME_BYTES, in_arena, storage_of
from hwacc.compiler.transforms.passes import functions_of, walk
from hwacc.compiler.transforms.tensor_function import INPUTS, OUTPUTS, QUANTISATION
from hwacc.compiler.writer.policy import policy_for
from hwacc.compiler.writer.stream_writer import slots_of, writer_code
from hwacc.config import ArrayConfig
from hwacc.errors import ModelError
from hwacc.program import MEMREF_ENTRY, WRITE_STREAM, Buffer, Implementation, Program, Task, not_on_array

if TYPE_CHECKING:
    from mlir import ir

Progress = Callable[[str], None]
"""Hears what is being compiled."""


class ProgramBuilder:
    """Builds a :class:`Program` from a module of tasks, and for the array what ``array-to-machine`` made of them.

    ``backends`` are those for which array tasks get code, the array first;
    without ``fallback`` a task that the array cannot run is a :class:`ModelError`.
    """

    def __init__(self, config: ArrayConfig, backends: Collection[str], progress: Progress | None, *, fallback: bool = True) -> None:
        self.config = config
        self.backends = backends
        self.fallback = fallback
        self.progress = progress or (lambda text: None)
        self.buffers: list[Buffer] = []
        self.constants: dict[int, NDArray[Any]] = {}
        self.tasks: list[Task] = []
        self._placed: dict[tuple[str, tuple[int, ...], bytes], int] = {}
        self._home: dict[ir.Value, int] = {}
        self._machine: dict[str, ir.Operation] = {}
        self._unknown: UnknownSizes | None = None

    def build(self, module: ir.Module, name: str) -> Program:
        """The program of that name."""
        functions = functions_of(module.operation)
        if any(is_dynamic(op) for function in functions.values() for op in (function, *walk(function))):
            self._unknown = UnknownSizes(functions[MAIN], functions)
        if "hwacc" in self.backends:
            self._machine = functions_of(machine_of(module.operation))
        block = functions[MAIN].regions[0].blocks[0]
        inputs, outputs = ends_of(functions[MAIN])
        scales = iter(quantisations(functions[MAIN], len(inputs) + len(outputs)))
        for argument, label in zip(inputs, end_names(functions[MAIN], INPUTS, len(inputs))):
            self._home[argument] = self.add_buffer(label, "input", argument, next(scales))
        for value, label in zip(outputs, end_names(functions[MAIN], OUTPUTS, len(outputs))):
            self._home[view_root(value)] = self.add_buffer(label, "output", value, next(scales))
        for op in block.operations:
            self.visit(op.operation, functions)
        return Program(name, self.config, tuple(self.buffers), tuple(self.tasks), self.constants)

    def visit(self, op: ir.Operation, functions: dict[str, ir.Operation]) -> None:
        """Takes in one operation of ``main``."""
        if op.name in (*CONSTANTS, "memref.get_global"):
            if any(user.name in ("func.call", *VIEWS, *SAME_BYTES) for user in users(op.results[0])):
                self._home[op.results[0]] = self.add_constant(given_name(op.location) or "constant", tensor_content(op))
        elif op.name in (*VIEWS, *SAME_BYTES):
            self._home[op.results[0]] = self._home[op.operands[0]]
        elif op.name == "func.call":
            function = functions[op.attributes["callee"].value]
            read, written = ends_of_call(op, function)
            for position, value in enumerate(written):
                if value not in self._home:
                    label = function.attributes["sym_name"].value + (f".{position}" if len(written) > 1 else "")
                    self._home[value] = self.add_buffer(label, "intermediate", value)
            reads, writes = (tuple(self._home[value] for value in values) for values in (read, written))
            self.tasks.append(self.task(function, reads, writes))

    def add_buffer(self, name: str, role: str, value: ir.Value, quantisation: tuple[float, int] | None = None) -> int:
        """Adds a buffer for a tensor or memref; its index."""
        place = storage_of(value).low if in_arena(value) else None
        dtype = dtype_name(value.type.element_type)
        if dtype is None:
            raise ModelError(f"{name} has elements of {value.type.element_type}, which no buffer can hold")
        self.buffers.append(Buffer(name, role, dtype, self.shape(value, name), quantisation, place))
        return len(self.buffers) - 1

    def shape(self, value: ir.Value, name: str) -> tuple[int, ...]:
        """The shape of a tensor, called ``name``; what is not known is negative."""
        return tuple(value.type.shape) if self._unknown is None else self._unknown.shape(value, name)

    def add_constant(self, name: str, array: NDArray[Any]) -> int:
        """Places a constant, once for all that are equal; its index."""
        key = array.dtype.name, array.shape, array.tobytes()
        if key not in self._placed:
            self.buffers.append(Buffer(name, "constant", array.dtype.name, array.shape))
            self._placed[key] = len(self.buffers) - 1
            self.constants[self._placed[key]] = np.ascontiguousarray(array)
        return self._placed[key]

    def task(self, function: ir.Operation, reads: tuple[int, ...], writes: tuple[int, ...]) -> Task:
        """The task of one function, with code for each of its backends."""
        name, kind, shape, reason = (attribute(function, key) for key in ("sym_name", "hwacc.kind", "hwacc.shape", "hwacc.reason"))
        self.progress(name)
        implementations: list[Implementation] = []
        on_array = attribute(function, BACKEND) == "hwacc"
        if on_array and "hwacc" in self.backends:
            try:
                implementations.append(self.on_array(function, name, reads, writes))
            except ModelError as error:
                reason = str(error)
        elif on_array:
            reason = "compiled without the array"
        operations, location = attribute(function, "hwacc.operations"), source_name(function.location)
        if not implementations and not self.fallback:
            raise ModelError(not_on_array(name, operations, reason, location))
        if not implementations or "cpu" in self.backends:
            entry = MEMREF_ENTRY if is_dynamic(function) else ENTRY
            implementations.append(Implementation("cpu", (*reads, *writes), cpu_code(function), entry))
        reads = tuple(dict.fromkeys(i for code in implementations for i in code.buffers if i not in writes))
        macs = function.attributes["hwacc.macs"].value
        extent = self.extent(function, name) if is_dynamic(function) else ()
        return Task(name, kind, shape, macs, reads, writes, tuple(implementations), reason, operations, location, extent)

    def extent(self, function: ir.Operation, name: str) -> tuple[int, ...]:
        """The sizes of a task some of which are not known: of a matrix product (batch,) M, K and N, else those of the last result."""
        products = [op for op in walk(function) if is_gemm(op) or op.name.endswith("matmul")]
        result = result_of(products[0]) if products else list(function.regions[0].blocks[0].operations)[-1].operands[-1]
        sizes = self.shape(result, name)
        return (*sizes[:-1], self.shape(products[0].operands[0], name)[-1], sizes[-1]) if products else sizes

    def on_array(self, function: ir.Operation, name: str, reads: tuple[int, ...], writes: tuple[int, ...]) -> Implementation:
        """The stream of an array task, or the code that writes it; raises :class:`ModelError` where none can be."""
        op = walk(function, *CONTRACTIONS)[0]
        if is_dynamic(op):
            return self.written(function, op, name, reads, writes)
        stream = stream_of(self._machine[name], self.config)
        buffers = self.slot_buffers(function, op, name, read_contraction(op, self.config).packed, reads, writes)
        return Implementation("hwacc", tuple(buffers[slot.name] for slot in stream.slots), stream.to_bytes())

    def written(
        self, function: ir.Operation, op: ir.Operation, name: str, reads: tuple[int, ...], writes: tuple[int, ...]
    ) -> Implementation:
        """Code that writes the stream of an array task when its sizes are known; raises :class:`ModelError` where no stream can be."""
        product, packed = read_product(op, self.config)
        code = writer_code(product, policy_for(self.config))
        buffers = self.slot_buffers(function, op, name, packed, reads, writes)
        return Implementation("hwacc", tuple(buffers[slot] for slot in slots_of(product)), code, WRITE_STREAM)

    def slot_buffers(
        self,
        function: ir.Operation,
        op: ir.Operation,
        name: str,
        constants: dict[str, NDArray[Any]],
        reads: tuple[int, ...],
        writes: tuple[int, ...],
    ) -> dict[str, int]:
        """The program's buffer for each slot of an array task."""
        arguments = list(function.regions[0].blocks[0].arguments)
        varying = ("input", "weights", "residual") if has_residual(op) else ("input", "weights")
        buffers = {slot: reads[arguments.index(op.operands[position])] for position, slot in enumerate(varying)}
        packed = {slot: self.add_constant(f"{name}.{slot}", array) for slot, array in constants.items()}
        return {**buffers, **packed, "output": writes[0]}


def ends_of(main: ir.Operation) -> tuple[list[ir.Value], list[ir.Value]]:
    """The model's inputs and outputs."""
    block = main.regions[0].blocks[0]
    arguments, written = list(block.arguments), output_positions(main)
    inputs = [argument for position, argument in enumerate(arguments) if position not in written]
    return inputs, [arguments[position] for position in written] or list(list(block.operations)[-1].operands)


def ends_of_call(op: ir.Operation, function: ir.Operation) -> tuple[list[ir.Value], list[ir.Value]]:
    """What a call of a task reads and what it writes, or gives."""
    operands, written = list(op.operands), output_positions(function)
    read = [value for position, value in enumerate(operands) if position not in written]
    return read, [operands[position] for position in written] or list(op.results)


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
