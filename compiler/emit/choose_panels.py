"""Chooses how each contraction is cut into panels.

The planner builds the schedules of many blockings and keeps the one that ends first;
the module says for which array (``hwacc.array``; without it, one of default size):

    %y = "hwacc.gemm"(%x, %w, %bias) {...} : (tensor<40x24xi8>, tensor<24x10xi8>, tensor<10xi32>) -> tensor<40x10xi32>

becomes

    %y = "hwacc.gemm"(%x, %w, %bias) {..., hwacc.panels = {rows = array<i64: 0, 16, 40>, columns = array<i64: 0, 10>,
             steps = array<i64: 0, 24>, rows_inner = true, dataflow = "output-stationary"}}

``rows``, ``columns`` and ``steps`` are the bounds of the panels in m, n and k; :class:`hwacc.compiler.emit.blocking.Blocking` says
what else may stand there. An operation that has ``hwacc.panels`` keeps them, so that they can be chosen by hand; one
with a size that is known only at run time gets none. Where nothing fits, the task goes to the CPU, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hwacc.compiler.emit.blocking import Blocking
from hwacc.compiler.emit.choices import choose_all
from hwacc.compiler.emit.contraction import read_contraction
from hwacc.compiler.emit.plain import plain_blocking
from hwacc.compiler.emit.plain_attributes import array_of, attribute_of
from hwacc.compiler.emit.planner import Plan
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.compiler.emit.tuned import Plans, usable
from hwacc.compiler.emit.unknown_sizes import is_dynamic
from hwacc.compiler.transforms.form_tasks import BACKEND
from hwacc.compiler.transforms.passes import Pass
from hwacc.compiler.transforms.reasons import REASON, NotForArray, require_in_function
from hwacc.compiler.transforms.verify_hwacc import folded_ops
from hwacc.errors import ModelError

if TYPE_CHECKING:
    from mlir import ir

PANELS = "hwacc.panels"
"""Attribute of a contraction: its blocking."""


Made = dict[tuple[ContractionSpec, Blocking], Plan]
"""Plans by what they are of."""


class ChoosePanels(Pass):
    """``choose-panels``: gives every contraction of the dialect its ``hwacc.panels``.

    Products that ``tuned`` has a plan for get that; ``tell`` hears the names of tasks that are planned. Afterwards ``used`` is how
    many products there were, how many ``tuned`` has, and how many it has as the planner makes them now; ``made`` are plans that
    need not be made again.
    """

    name = "choose-panels"

    def __init__(self, tuned: Plans | None = None, tell: Callable[[str], None] | None = None) -> None:
        self.tuned = tuned or {}
        self.tell = tell or (lambda task: None)
        self.used = 0, 0, 0
        self.made: Made = {}

    def run(self, module: ir.Operation) -> None:
        config = array_of(module)
        ops = [op for op in folded_ops(module) if PANELS not in op.attributes and not is_dynamic(op) and is_planned(op)]
        specs = [read_contraction(op, config).spec for op in ops]
        names = {spec: op.parent.attributes["sym_name"].value for op, spec in zip(reversed(ops), reversed(specs))}
        products, chosen = {spec.without_values for spec in specs}, usable(self.tuned, specs, config)
        self.used = len(products), len(products & set(self.tuned)), len(chosen)
        found = choose_all(specs, config, tell=lambda spec: self.tell(names[spec]), chosen=chosen)
        for op, spec, choice in zip(ops, specs, found):
            if isinstance(choice, ModelError):
                leave_to_cpu(op, str(choice))
                continue
            blocking, plan = choice
            op.attributes[PANELS] = attribute_of(plain_blocking(blocking))
            if plan is not None:
                self.made[spec, blocking] = plan


def is_planned(op: ir.Operation) -> bool:
    """Whether ``op`` stands where the array can run it; else notes why not."""
    try:
        require_in_function(op)
    except NotForArray as reason:
        leave_to_cpu(op, str(reason))
        return False
    return True


def leave_to_cpu(op: ir.Operation, reason: str) -> None:
    """Notes why the array does not run ``op``, on its task if it is in one."""
    from mlir import ir

    task = op.parent
    if BACKEND in task.attributes:
        task.attributes[BACKEND] = ir.StringAttr.get("cpu")
        op = task
    op.attributes[REASON] = ir.StringAttr.get(reason)
