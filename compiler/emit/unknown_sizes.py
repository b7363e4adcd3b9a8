"""Sizes that are known only at run time: which of them are the same, and which sizes each tensor of a program has.

Each dynamic size of an input is an *unknown*. What the operations say makes
unknowns equal (K of both operands of a product, the rows of what is added), or
gives them a value; a result's sizes are those of what it is made from. Sizes
are integers here: a negative one, ``-1 - i``, is unknown number i, as in
:attr:`hwacc.program.Buffer.shape`. The numbers follow the inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from hwacc.compiler.context import place
from hwacc.compiler.dialects.hwacc import GEMM
from hwacc.compiler.transforms.build import defining
from hwacc.compiler.transforms.partition import is_tensor
from hwacc.errors import ModelError

if TYPE_CHECKING:
    from mlir import ir

Shape = tuple[int, ...]


def is_dynamic(op: ir.Operation) -> bool:
    """Whether a size of a tensor or memref of ``op`` is known only at run time: of one that it takes or gives; of a function, returns."""
    from mlir import ir

    if op.name == "func.func":
        kind = op.attributes["function_type"].value
        types = [*kind.inputs, *kind.results]
    else:
        types = [value.type for value in (*op.operands, *op.results)]
    return any(isinstance(each, (ir.RankedTensorType, ir.MemRefType)) and not each.has_static_shape for each in types)


class UnknownSizes:
    """The shapes of all tensors of ``main`` and of the task functions that it calls, each of them once."""

    def __init__(self, main: ir.Operation, functions: dict[str, ir.Operation]) -> None:
        self._functions = functions
        self._parents: list[int] = []
        self._shapes: dict[ir.Value, Shape] = {}
        self._numbers: dict[ir.Value, int] = {}
        block = main.regions[0].blocks[0]
        for argument in block.arguments:
            self._shapes[argument] = tuple(self._size_or_new(size) for size in argument.type.shape)
        self._read_block(block)
        inputs = [size for argument in block.arguments for size in self._resolved(argument)]
        self._final = {size: -1 - number for number, size in enumerate(dict.fromkeys(size for size in inputs if size < 0))}

    def shape(self, value: ir.Value, name: str) -> Shape:
        """The shape of a tensor, called ``name`` in the :class:`ModelError` for sizes that do not follow from the inputs'."""
        found = self._resolved(value)
        for axis, size in enumerate(found):
            if size < 0 and size not in self._final:
                raise ModelError(f"{name}: its size along dimension {axis} is known only at run time, and does not follow from the inputs'")
        return tuple(self._final.get(size, size) for size in found)

    def _resolved(self, value: ir.Value) -> Shape:
        return tuple(map(self._find, self._shapes[value]))

    def _size_or_new(self, size: int) -> int:
        if size >= 0:
            return size
        self._parents.append(-1 - len(self._parents))
        return self._parents[-1]

    def _find(self, size: int) -> int:
        while size < 0 and self._parents[-1 - size] != size:
            size = self._parents[-1 - size]
        return size

    def _equal(self, one: int, other: int) -> int:
        """Notes that two sizes are the same; returns it. Of unknowns the older one stays."""
        one, other = self._find(one), self._find(other)
        if one < 0 and (other >= 0 or other > one):
            self._parents[-1 - one] = other
            return other
        if other < 0:
            self._parents[-1 - other] = one
        return one

    def _read_block(self, block: ir.Block) -> None:
        for each in block.operations:
            op = each.operation
            if op.name == "func.call":
                self._read_call(op)
            elif op.name == "tensor.dim":
                axis = self._numbers.get(op.operands[1], -1)
                if axis >= 0:
                    self._numbers[op.results[0]] = self._shapes[op.operands[0]][axis]
            elif op.name == "arith.constant" and str(op.results[0].type) == "index":
                self._numbers[op.results[0]] = op.attributes["value"].value
            for result in op.results:
                if is_tensor(result) and result not in self._shapes:
                    self._shapes[result] = self._joined(list(result.type.shape), self._made(op, result))

    def _read_call(self, op: ir.Operation) -> None:
        block = self._functions[op.attributes["callee"].value].regions[0].blocks[0]
        self._shapes.update((argument, self._shapes[value]) for argument, value in zip(block.arguments, op.operands))
        self._read_block(block)
        self._shapes.update((result, self._shapes[value]) for result, value in zip(op.results, list(block.operations)[-1].operands))

    def _joined(self, stated: Sequence[int], made: Sequence[int]) -> Shape:
        """What a type states of a shape, completed by what the operation tells."""
        return tuple(self._equal(self._size_or_new(size), other) for size, other in zip(stated, made))

    def _made(self, op: ir.Operation, result: ir.Value) -> Sequence[int]:
        """The sizes of a result, as far as the operation tells them; others are new unknowns."""
        stated = list(result.type.shape)
        if op.name == GEMM:
            return self._product(op)
        if op.name.startswith("linalg."):
            return self._structured(op, result)
        if op.name == "tensor.cast":
            return self._shapes[op.operands[0]]
        if op.name in ("tensor.extract_slice", "tensor.insert_slice"):
            return self._slice(op, result)
        if op.name == "tensor.empty":
            return self._with(stated, op.operands)
        if op.name == "tensor.pad":
            return self._padded(op, stated)
        if op.name == "tensor.collapse_shape":
            return self._collapsed(op)
        if op.name == "tensor.expand_shape":
            return self._expanded(op, stated)
        return [self._size_or_new(size) for size in stated]

    def _product(self, op: ir.Operation) -> Shape:
        left, right = (self._shapes[op.operands[i]] for i in (0, 1))
        k, n = right if op.attributes["weights_kn"].value else reversed(right)
        self._equal(left[1], k)
        return left[0], n

    def _structured(self, op: ir.Operation, result: ir.Value) -> Shape:
        """A result of a linalg operation has the shape of its initial value; what one loop runs along has one size."""
        from mlir import ir
        from mlir.dialects import linalg

        tensors = [self._shapes[value] if is_tensor(value) else () for value in op.operands]
        loops: dict[int, int] = {}
        for shape, each in zip(tensors, linalg.get_indexing_maps(op) or ()):
            for size, expression in zip(shape, each.value.results):
                if isinstance(expression, ir.AffineDimExpr):
                    loops[expression.position] = self._equal(loops.get(expression.position, size), size)
                elif self._find(size) < 0:
                    raise ModelError(f"{op.name}{place(op)} indexes ({expression}) a dimension whose size is known only at run time")
        first_init = len(op.operands) - len(op.results)
        return tensors[first_init + list(op.results).index(result)]

    def _slice(self, op: ir.Operation, result: ir.Value) -> Sequence[int]:
        """Slices are of known size, or take all of a dimension: nothing checks their bounds at run time."""
        inserts = op.name == "tensor.insert_slice"
        whole = self._shapes[op.operands[1 if inserts else 0]]
        offsets, sizes, strides = (list(op.attributes[f"static_{name}"]) for name in ("offsets", "sizes", "strides"))
        dynamic = list(op.operands)[1 + inserts :]
        moving = [dynamic.pop(0) for size in offsets if not is_known(size)]
        sizes = self._with(sizes, dynamic)
        for offset, size, stride, full in zip(offsets, sizes, strides, map(self._find, whole)):
            if min(size, full) < 0 and not (offset == 0 and stride == 1 and self._find(size) == full):
                raise ModelError(f"{op.name}{place(op)} takes a part of a dimension whose size, or the part's, is known only at run time")
        if moving and min(map(self._find, whole)) < 0:
            raise ModelError(f"{op.name}{place(op)} begins at a place that is known only at run time")
        if inserts:
            return whole
        dropped = len(sizes) - len(result.type.shape)
        return [size for axis, size in enumerate(sizes) if size != 1 or sizes[:axis].count(1) >= dropped]

    def _padded(self, op: ir.Operation, stated: Sequence[int]) -> list[int]:
        """Dimensions that get no padding keep their size."""
        source, added = self._shapes[op.operands[0]], zip(op.attributes["static_low"], op.attributes["static_high"])
        return [self._size_or_new(size) if any(around) else before for size, before, around in zip(stated, source, added)]

    def _collapsed(self, op: ir.Operation) -> list[int]:
        source = self._shapes[op.operands[0]]
        groups = [[source[axis.value] for axis in group] for group in op.attributes["reassociation"]]
        return [self._together(sizes) for sizes in groups]

    def _expanded(self, op: ir.Operation, stated: list[int]) -> list[int]:
        sizes = self._with(stated, list(op.operands)[1:])
        for before, group in zip(self._shapes[op.operands[0]], op.attributes["reassociation"]):
            parts = [sizes[axis.value] for axis in group if self._find(sizes[axis.value]) != 1]
            if len(parts) == 1:
                self._equal(before, parts[0])
            elif min(map(self._find, [before, *parts])) < 0:
                raise ModelError(f"{op.name}{place(op)} divides a dimension whose size is known only at run time")
        return sizes

    def _with(self, sizes: list[int], operands: Sequence[ir.Value]) -> list[int]:
        """``sizes`` with the numbers ``operands`` in place of the dynamic ones."""
        numbers = iter(operands)
        return [size if is_known(size) else self._number(next(numbers)) for size in sizes]

    def _number(self, value: ir.Value) -> int:
        if value not in self._numbers:
            op = defining(value)
            casts = op is not None and op.name == "arith.index_cast"
            self._numbers[value] = self._number(op.operands[0]) if op is not None and casts else self._size_or_new(-1)
        return self._numbers[value]

    def _together(self, sizes: Sequence[int]) -> int:
        """The product of sizes, if it can be told."""
        others = [size for size in map(self._find, sizes) if size != 1]
        if len(others) == 1:
            return others[0]
        return prod(others) if min(others, default=1) >= 0 else self._size_or_new(-1)


def is_known(size: int) -> bool:
    """Whether MLIR's number for a size is one."""
    return size >= 0
