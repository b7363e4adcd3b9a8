"""How passes are written, named and run.

A pass of our own is a class with a ``name`` and ``run(module)``; its file, its
class and its name say the same thing three ways. Upstream passes are strings.
Both go into one list, and one pass manager of MLIR runs them, so that each has
the verifier behind it and its errors carry locations.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from hwacc.compiler.context import first_diagnostic
from hwacc.errors import HwaccError, ModelError

if TYPE_CHECKING:
    from mlir import ir


class RejectedError(Exception):
    """Raised by a pass that has reported errors on operations' locations."""


class Pass:
    """A transformation of a module. Subclasses set ``name`` and implement ``run``."""

    name: ClassVar[str]

    def run(self, module: ir.Operation) -> None:
        """Changes ``module``, a ``builtin.module``, in place. Raises :class:`RejectedError` after reporting on locations."""
        raise NotImplementedError


Step = str | Pass
"""An element of a pass list: an upstream pipeline element, or a pass of ours."""


def run_passes(module: ir.Module, steps: Sequence[Step], *, print_ir: bool = False) -> None:
    """Runs ``steps`` on ``module``; raises :class:`ModelError` with the first diagnostic.

    ``print_ir`` writes the IR to stderr after every pass, and that of a pass that failed.
    """
    from mlir import ir
    from mlir.passmanager import PassManager

    raised: list[BaseException] = []
    manager = PassManager("builtin.module", context=module.context)
    for step in steps:
        if isinstance(step, str):
            manager.add(step)
        else:
            manager.add(guarded(step, raised), name=step.name)
    if print_ir:
        # Upstream's printer aborts where several threads could print at once.
        module.context.enable_multithreading(False)
        manager.enable_ir_printing(print_after_all=True)
    try:
        manager.run(module.operation)
    except ir.MLIRError as error:
        if raised and not (isinstance(raised[0], RejectedError) and error.error_diagnostics):
            raise known(raised[0]) from None
        raise ModelError(first_diagnostic(error)) from None


def known(error: BaseException) -> BaseException:
    """``error``; that of a pass which refused the module without a word, in words."""
    return ModelError(f"pass {error} refused the module and reported nothing") if isinstance(error, RejectedError) else error


def guarded(step: Pass, raised: list[BaseException]) -> Callable[[Any, Any], None]:
    """A callback for the pass manager: what ``step`` raises is kept in ``raised``, and the pipeline fails.

    An exception must not cross the C++ frames of the pass manager.
    """

    def call(op: ir.Operation, handle: Any) -> None:
        try:
            with op.context, op.location:
                step.run(op.operation)
        except RejectedError:
            raised.append(RejectedError(step.name))
            handle.signal_pass_failure()
        except HwaccError as error:
            raised.append(error)
            handle.signal_pass_failure()
        except (Exception, SystemExit) as error:
            raised.append(located(error, step))
            handle.signal_pass_failure()

    return call


def located(error: BaseException, step: Pass) -> BaseException:
    """``error``, with a note that says in which pass it was raised; of a user's own pass, where that raised it."""
    if not type(step).__module__.startswith("hwacc."):
        line = traceback.extract_tb(error.__traceback__)[-1]
        return ModelError(f"pass {step.name} raised {type(error).__name__}: {error} (at {line.filename}:{line.lineno})")
    error.args = (f"in pass {step.name}: {error}", *error.args[1:])
    return error


def walk(root: ir.Operation, *names: str) -> list[ir.Operation]:
    """The operations under ``root``, outside in; with ``names``, those called so.

    A pass that erases operations names those that it wants: it may then erase
    any other while it goes through the list, and of these each that it has
    seen. The bindings do not notice an erased operation: looking at it, even
    at its name, is a use after free.
    """
    found: list[ir.Operation] = []
    collect(root, found)
    return [op for op in found if not names or op.name in names]


def functions_of(module: ir.Operation) -> dict[str, ir.Operation]:
    """The functions of a module, not of modules in it, by name."""
    operations = (op.operation for op in module.regions[0].blocks[0].operations)
    return {op.attributes["sym_name"].value: op for op in operations if op.name == "func.func"}


def collect(root: ir.Operation, found: list[ir.Operation]) -> None:
    """Appends the operations under ``root`` to ``found``."""
    for region in root.regions:
        for block in region.blocks:
            for op in block.operations:
                found.append(op.operation)
                if len(op.operation.regions):
                    collect(op.operation, found)
