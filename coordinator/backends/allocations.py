"""Lets CPU code end when memory runs out: LLVM's lowering of buffers writes to whatever ``malloc`` gave, and so through a null pointer.

    %p = llvm.call @malloc(%size) : (i64) -> !llvm.ptr
    ...

becomes

    %p = llvm.call @malloc(%size) : (i64) -> !llvm.ptr
    %none = llvm.icmp "eq" %p, %null : !llvm.ptr
    llvm.cond_br %none, ^failed, ^rest
  ^rest:
    ...
  ^failed:
    llvm.store %one, %flag : i8, !llvm.ptr
    llvm.return

and one more function says whether that has happened. What was allocated before stays allocated: whoever runs out of memory is about
to give up. Functions that return something are left as they are; the compiler makes none that allocates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlir import ir

MALLOC = "malloc"
RAN_OUT = "hwacc_ran_out"
"""Function of checked code: 1 if an allocation has failed since it was called last, else 0."""
FLAG = f"{RAN_OUT}.flag"
TELL = f"""
llvm.mlir.global internal @{FLAG}(0 : i8) : i8
llvm.func @{RAN_OUT}() -> i8 {{
  %flag = llvm.mlir.addressof @{FLAG} : !llvm.ptr
  %none = llvm.mlir.constant(0 : i8) : i8
  %ran_out = llvm.load %flag : !llvm.ptr -> i8
  llvm.store %none, %flag : i8, !llvm.ptr
  llvm.return %ran_out : i8
}}
"""


def check_allocations(module: ir.Module) -> None:
    """Makes the functions of an LLVM-dialect module check what ``malloc`` gives them, and adds :data:`RAN_OUT`."""
    from mlir import ir

    with module.context, ir.Location.unknown():
        for function in [op.operation for op in module.body.operations if op.operation.name == "llvm.func"]:
            calls = _allocations(function)
            if calls and str(function.attributes["function_type"]).startswith("!llvm.func<void "):
                failed = _failure(function)
                for call in calls:
                    _check(call, failed)
        for op in ir.Module.parse(TELL).body.operations:
            op.operation.clone(ir.InsertionPoint(module.body))


def _allocations(function: ir.Operation) -> list[ir.Operation]:
    """The calls of ``malloc`` in a function, which has no nested regions."""
    ops = (op.operation for region in function.regions for block in region.blocks for op in block.operations)
    return [op for op in ops if op.name == "llvm.call" and "callee" in op.attributes and op.attributes["callee"].value == MALLOC]


def _failure(function: ir.Operation) -> ir.Block:
    """A block at the end of ``function`` that raises the flag and returns."""
    from mlir import ir
    from mlir.dialects import llvm

    block: ir.Block = function.regions[0].blocks.append()
    with ir.InsertionPoint(block):
        one = llvm.mlir_constant(ir.IntegerAttr.get(ir.IntegerType.get_signless(8), 1))
        llvm.store(one, llvm.mlir_addressof(ir.Type.parse("!llvm.ptr"), FLAG))
        llvm.return_()
    return block


def _check(call: ir.Operation, failed: ir.Block) -> None:
    """Goes to ``failed`` where ``call`` gives null, else on with what comes after it."""
    from mlir import ir
    from mlir.dialects import llvm

    block, (pointer,) = call.block, call.results
    ops = [op.operation for op in block.operations]
    rest = block.create_after()
    for op in ops[ops.index(call) + 1 :]:
        rest.append(op)
    with ir.InsertionPoint(block):
        none = llvm.icmp(llvm.ICmpPredicate.eq, pointer, llvm.mlir_zero(pointer.type))
        llvm.cond_br(none, [], [], failed, rest)
