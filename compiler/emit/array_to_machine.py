"""Lowers the array's tasks to what its engines do.

For each task whose contraction has ``hwacc.panels``, the schedule of these panels becomes a function of loads, computes and stores in a
module ``@machine``: operands double-buffered in the scratchpad, results in the accumulator, tokens where one engine waits for another.

    func.func private @dense_0(%x: tensor<20x24xi8>, %w: tensor<24x10xi8>) -> tensor<20x10xi32> attributes {hwacc.backend = "hwacc"} {
      ... "hwacc.gemm"(%x, %w, %bias) {..., hwacc.panels = {...}} ...

gets beside it

    module @machine {
      func.func @dense_0(%x: memref<480xi8> {hwacc.slot = "input"}, %w: memref<240xi8> {hwacc.slot = "weights"}, ...) {
        "hwacc.load"(%x) {run = 480, local = 0, target = 0, signal_compute = 1, ...}
        "hwacc.load"(%w) ...
        "hwacc.compute"() {m = 20, n = 10, k = 24, wait_load = 1, signal_store = 1, ...}
        "hwacc.store"(%y) {wait_compute = 1, ...}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc.compiler.emit.blocking import Blocking
from hwacc.compiler.emit.choose_panels import PANELS, Made
from hwacc.compiler.emit.contraction import read_contraction
from hwacc.compiler.emit.layouts import laid_out
from hwacc.compiler.emit.legal import fault
from hwacc.compiler.emit.machine import machine_function
from hwacc.compiler.emit.plain import blocking_of
from hwacc.compiler.emit.plain_attributes import array_of, plain_of
from hwacc.compiler.emit.planner import plan_as
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.compiler.transforms.form_tasks import BACKEND
from hwacc.compiler.transforms.passes import Pass, RejectedError
from hwacc.compiler.transforms.verify_hwacc import folded_ops
from hwacc.config import ArrayConfig
from hwacc.errors import HwaccError, ModelError, TunedError

if TYPE_CHECKING:
    from mlir import ir

MACHINE = "machine"
"""Name of the module that holds the machine-level functions."""


class ArrayToMachine(Pass):
    """``array-to-machine``: the loads, computes and stores of each task that has its panels, in a module ``@machine``.

    Plans that are ``made`` already are taken as they are.
    """

    name = "array-to-machine"

    def __init__(self, made: Made | None = None) -> None:
        self.made = {} if made is None else made

    def run(self, module: ir.Operation) -> None:
        from mlir import ir

        config = array_of(module)
        if any(symbol(op) == MACHINE for op in module.regions[0].blocks[0].operations):
            raise ModelError(f"there is a symbol @{MACHINE} already; array-to-machine runs once, and needs the name")
        faulty, tasks = False, set[str]()
        with ir.InsertionPoint(module.regions[0].blocks[0]):
            machine = ir.Operation.create("builtin.module", attributes={"sym_name": ir.StringAttr.get(MACHINE)}, regions=1)
        machine.regions[0].blocks.append()
        for op in [each for each in folded_ops(module) if PANELS in each.attributes]:
            try:
                if BACKEND in op.parent.attributes and symbol(op.parent) in tasks:
                    raise ModelError(f"a second operation of task @{symbol(op.parent)} has {PANELS}; form-tasks makes a task of each")
                tasks.add(symbol(op.parent))
                self.lower(op, config, machine)
            except HwaccError as error:
                op.location.emit_error(f"{op.name}: {error}")
                faulty = True
        if faulty:
            raise RejectedError

    def lower(self, op: ir.Operation, config: ArrayConfig, machine: ir.Operation) -> None:
        """Adds the function of the task that ``op`` is in to ``machine``; raises :class:`HwaccError` for panels that cannot be."""
        from mlir import ir

        task = op.parent
        if BACKEND not in task.attributes:
            raise ModelError(f"it has {PANELS}, but is in no task of its own: form-tasks makes it one")
        spec = read_contraction(op, config).spec
        blocking = blocking_of_op(op, spec, config)
        plan = self.made.get((spec, blocking)) or plan_as(spec, config, blocking)
        with ir.InsertionPoint(machine.regions[0].blocks[0]), task.location:
            machine_function(task.attributes["sym_name"].value, spec.slots(config), plan.operations)


def symbol(op: ir.Operation | ir.OpView) -> str:
    """The symbol that ``op`` defines; empty for one that defines none."""
    return str(op.attributes["sym_name"].value) if "sym_name" in op.attributes else ""


def blocking_of_op(op: ir.Operation, spec: ContractionSpec, config: ArrayConfig) -> Blocking:
    """The blocking that the panels of ``op`` are; raises :class:`ModelError` for ones that cannot be."""
    try:
        blocking = blocking_of(plain_of(op.attributes[PANELS]))
    except TunedError as error:
        raise ModelError(f"{PANELS}: {error}") from None
    why = fault(blocking, laid_out(spec, config, config.available_dataflows), config)
    if why is not None:
        raise ModelError(f"{PANELS}: {why}")
    return blocking


def machine_of(module: ir.Operation) -> ir.Operation:
    """The module ``@machine``; raises KeyError where there is none."""
    from mlir import ir

    return ir.SymbolTable(module)[MACHINE].operation
