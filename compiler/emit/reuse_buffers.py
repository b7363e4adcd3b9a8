"""Lets what tasks hand to one another share memory.

A network has as many intermediate tensors as tasks, but few of them at a time. All allocations of ``main`` become parts of one, the
arena, and those that are never needed together lie at the same place:

    %a = memref.alloc() : memref<4x3xi32>
    call @first(%x, %a)
    %b = memref.alloc() : memref<4x3xi8>
    call @second(%a, %b)
    %c = memref.alloc() : memref<4x3xi32>
    call @third(%b, %c)
    call @fourth(%c, %y)

becomes

    %arena = memref.alloc() {alignment = 64 : i64} : memref<128xi8>
    %c0 = arith.constant 0 : index
    %c64 = arith.constant 64 : index
    %a = memref.view %arena[%c0][] : memref<128xi8> to memref<4x3xi32>
    call @first(%x, %a)
    %b = memref.view %arena[%c64][] : memref<128xi8> to memref<4x3xi8>
    call @second(%a, %b)
    %c = memref.view %arena[%c0][] : memref<128xi8> to memref<4x3xi32>
    call @third(%b, %c)
    call @fourth(%c, %y)

Tasks may run at once, and in another order than this: :mod:`hwacc.arena` says when sharing is safe nevertheless, and chooses the
places. What anything else than a task uses keeps its own memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.arena import ALIGNMENT, Lives, Use, extent, places
from hwacc.compiler.emit.bufferise_tasks import MAIN, output_positions
from hwacc.compiler.transforms.build import integer, scalar, users
from hwacc.compiler.transforms.memory import SAME_BYTES, byte_size, is_row_major, storage_of
from hwacc.compiler.transforms.passes import Pass, functions_of

if TYPE_CHECKING:
    from mlir import ir

FEWEST = 2
"""Allocations that are worth an arena."""


class ReuseBuffers(Pass):
    """``reuse-buffers``: the allocations of ``main`` lie in one, those that do not live together at the same place."""

    name = "reuse-buffers"

    def run(self, module: ir.Operation) -> None:
        functions = functions_of(module)
        if MAIN not in functions or not list(functions[MAIN].regions[0].blocks):
            return
        block = functions[MAIN].regions[0].blocks[0]
        ops = [op.operation for op in block.operations]
        shared = [op for op in ops if op.name == "memref.alloc" and may_share(op, block)]
        if len(shared) >= FEWEST:
            sizes = {number: byte_size(op.results[0].type) for number, op in enumerate(shared)}
            numbers: dict[ir.Value, int] = {op.results[0]: number for number, op in enumerate(shared)}
            lives = Lives([use_of_call(op, functions, numbers) for op in ops if op.name == "func.call"])
            share(shared, sizes, places(sizes, lives))


def may_share(op: ir.Operation, block: ir.Block) -> bool:
    """Whether an allocation of numbers is for tasks alone, and asks for no special memory."""
    kind = op.results[0].type
    ordinary = is_row_major(kind) and kind.memory_space is None and "alignment" not in op.attributes
    return ordinary and hasattr(kind.element_type, "width") and only_tasks_use(op.results[0], block)


def only_tasks_use(value: ir.Value, block: ir.Block) -> bool:
    """Whether only calls of ``block`` itself use ``value``, as it is or under another shape."""
    using = users(value)
    shapes = [user for user in using if user.name in SAME_BYTES]
    return all(user.block == block and (user in shapes or user.name == "func.call") for user in using) and all(
        only_tasks_use(user.results[0], block) for user in shapes
    )


def use_of_call(op: ir.Operation, functions: dict[str, ir.Operation], numbers: dict[ir.Value, int]) -> Use:
    """The buffers that a call touches and those that it writes; new memory of others than allocations gets a number of its own.

    A function that does not say what it writes counts as writing all that it is given.
    """
    roots = [storage_of(value).root for value in op.operands if is_row_major(value.type)]
    touched = [numbers.setdefault(root, len(numbers)) for root in roots]
    written = output_positions(functions[op.attributes["callee"].value])
    return touched, [touched[position] for position in written] if written and len(touched) == len(op.operands) else touched


def share(allocations: list[ir.Operation], sizes: dict[int, int], offsets: dict[int, int]) -> None:
    """Replaces ``allocations``, of ``sizes``, by parts of one, at ``offsets``."""
    from mlir import ir
    from mlir.dialects import memref

    with ir.InsertionPoint.at_block_begin(allocations[0].block), allocations[0].parent.location:
        kind = ir.MemRefType.get([extent(sizes, offsets)], integer(8))
        arena = memref.AllocOp(kind, [], [], alignment=ALIGNMENT).result
        starts = {offset: scalar(offset, ir.IndexType.get()) for offset in sorted(set(offsets.values()))}
    for number, op in enumerate(allocations):
        with ir.InsertionPoint(op), op.location:
            part = memref.ViewOp(op.results[0].type, arena, starts[offsets[number]], []).result
        op.results[0].replace_all_uses_with(part)
        op.erase()
