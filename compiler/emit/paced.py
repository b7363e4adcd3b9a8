"""Blockings for products whose results take the memory about as long as the array: it is to write from early on, without a pause.

Rows of a result that begin at any byte are best stored whole, many at a time: each piece of a row costs a beat of its own more. But the
first whole rows come late, after all weights; and while whole rows are computed, memory must have others to write. So the first panels
are cut into pieces of few columns, then of ever more, as the array gets ahead of the memory, and the others are not cut at all:

    111222333
    444555555
    666666666
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import product

from hwacc.compiler.emit.blocking import Blocking, cuts, step_grain
from hwacc.compiler.emit.panel_schedule import PanelScheduler
from hwacc.compiler.emit.schedule import Schedule
from hwacc.isa import Dataflow

MOST_PANELS = 64
"""With more, the first panels make no difference that is worth a search."""


def paced(scheduler: PanelScheduler, dataflows: Collection[Dataflow]) -> Iterator[tuple[Blocking, Schedule]]:
    """Blockings of whole rows, the first ones in pieces, and their schedules.

    None where memory waits for the array however the result is cut.
    Output-stationary ones only: where the weights stay, each piece would wait for its own.
    """
    spec, config = scheduler.spec, scheduler.config
    rows, columns, steps = cuts(spec.m, config.rows), ((0, spec.n),), ((0, spec.k),)
    flow, grain = Dataflow.OUTPUT_STATIONARY, step_grain(config)
    panel = min(spec.m, config.rows)
    if flow not in dataflows or spec.n <= config.cols or len(rows) > MOST_PANELS:
        return
    if scheduler.compute_cycles(panel, spec.n, spec.k, flow) > scheduler.store_cycles(panel, spec.n):
        return
    for first_steps, slack in product(((grain,), (grain, grain), (2 * grain,), ()), (0, config.cols // 2)):
        whole = Blocking(rows, columns, steps, False, flow, first_steps=first_steps, west_parts=len(first_steps) + 1)
        if scheduler.fits(whole):
            yield scheduler.paced(whole, slack)
