"""Drops the assertions of a model: what fails them would end the user's process, and CPU code does without, see :mod:`.bound_indices`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.transforms.build import defining, users
from hwacc.compiler.transforms.partition import outer_operands
from hwacc.compiler.transforms.passes import walk

if TYPE_CHECKING:
    from mlir import ir


def drop_assertions(block: ir.Block) -> None:
    """Erases the assertions of a function's body, and the operations that only they needed."""
    needed: set[ir.Operation | None] = set()
    for op in reversed([each.operation for each in block.operations][:-1]):
        if only_asserts(op) or (op in needed and not any(users(result) for result in op.results)):
            needed |= {defining(value) for value in outer_operands(op)}
            op.erase()


def only_asserts(op: ir.Operation) -> bool:
    """Whether nothing would come of ``op`` but a failed assertion: it is one, or a loop or branch of nothing else that could act."""
    acting = [each for each in (op, *walk(op)) if not len(each.results) and not each.name.startswith(("cf.assert", "scf."))]
    return not len(op.results) and not acting
