"""First panels in pieces, so that memory writes from early on: which products get them, what they are, and that they are right."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from hwacc import isa
from hwacc.compiler.emit.blocking import Blocking, cuts
from hwacc.compiler.emit.gemm import gemm_spec
from hwacc.compiler.emit.paced import paced
from hwacc.compiler.emit.panel_schedule import PanelScheduler
from hwacc.compiler.emit.planner import plan, plan_as
from hwacc.compiler.emit.schedule import Operation
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import TINY, ArrayConfig
from hwacc.driver.device import Device
from hwacc.driver.transports.functional import FunctionalModel
from hwacc.isa import Dataflow
from hwacc.limits import limit_cycles
from hwacc.performance import LEAST_CYCLES, LEAST_SHARE
from hwacc.verifier import verify
from tests.compiler.contraction import buffers, expected, random_operands, run

CONFIG = ArrayConfig()


def scheduler_of(m: int, k: int, n: int, config: ArrayConfig = CONFIG) -> PanelScheduler:
    return PanelScheduler(gemm_spec(m, k, n, "int32"), config)


def by_panel(pieces: tuple[int, ...], columns: int) -> list[list[int]]:
    """Pieces of each panel, of so many columns; those of the last one may end before it does."""
    panels: list[list[int]] = [[]]
    for piece in pieces:
        if sum(panels[-1]) >= columns:
            panels.append([])
        panels[-1].append(piece)
    return panels


def stores_of(scheduler: PanelScheduler, blocking: Blocking) -> list[Operation]:
    return [each for each in scheduler.build(blocking).operations if each.op is isa.STORE]


def test_pieces_grow_from_panel_to_panel_until_panels_are_whole() -> None:
    for blocking, _ in paced(scheduler_of(153, 40, 109), tuple(Dataflow)):
        panels = by_panel(blocking.pieces, 109)
        assert panels[0][0] == CONFIG.cols, "memory is to begin with the first tile"
        assert [max(panel) for panel in panels] == sorted(max(panel) for panel in panels)
        assert len(panels) < len(blocking.rows), "the last ones are whole"


def test_in_pieces_memory_begins_with_the_first_tile_and_then_never_waits() -> None:
    scheduler = scheduler_of(153, 40, 109)
    whole = Blocking(cuts(153, 16), ((0, 109),), ((0, 40),), rows_inner=False, first_steps=(16, 16), west_parts=3)
    stores, tile = (stores_of(scheduler, each) for each in (scheduler.paced(whole, 0)[0], replace(whole, columns=cuts(109, 16))))
    assert stores[0].start == tile[0].start < stores_of(scheduler, whole)[0].start - 100
    assert all(before.end == after.start for before, after in pairwise(stores))


def test_a_larger_piece_than_it_chooses_would_let_memory_wait() -> None:
    scheduler = scheduler_of(153, 40, 109)
    paces, _ = scheduler.paced(Blocking(cuts(153, 16), ((0, 109),), ((0, 40),), rows_inner=False), 0)
    third, fourth = paces.pieces[2:4]
    stores = stores_of(scheduler, replace(paces, pieces=(*paces.pieces[:2], third + fourth)))
    assert stores[2].start > stores[1].end


def test_a_blocking_found_so_has_the_schedule_that_it_was_found_with() -> None:
    scheduler = scheduler_of(77, 39, 157)
    for blocking, schedule in paced(scheduler, tuple(Dataflow)):
        again = scheduler.build(blocking)
        assert blocking.pieces and again.cycles == schedule.cycles and again.finished() == schedule.finished()


@pytest.mark.parametrize(("m", "k", "n"), [(128, 512, 64), (64, 80, 64), (300, 20, 16)])
def test_there_are_none_where_memory_waits_for_the_array_or_a_row_is_a_piece(m: int, k: int, n: int) -> None:
    assert not list(paced(scheduler_of(m, k, n), tuple(Dataflow)))


def test_there_are_none_where_the_weights_are_to_stay() -> None:
    assert list(paced(scheduler_of(153, 40, 109), tuple(Dataflow)))
    assert not list(paced(scheduler_of(153, 40, 109), (Dataflow.WEIGHT_STATIONARY,)))


@pytest.mark.parametrize(("m", "k", "n"), [(153, 40, 109), (77, 39, 157), (70, 25, 38), (158, 50, 90)])
def test_rows_that_begin_at_any_byte_are_written_at_nearly_the_bound(m: int, k: int, n: int) -> None:
    """Stored whole they came too late, and in columns of panels they took too many beats: neither reached this."""
    assert plan(gemm_spec(m, k, n, "int32"), CONFIG).cycles <= LEAST_SHARE * limit_cycles(m, k, n, 4, CONFIG) + LEAST_CYCLES


def test_the_first_piece_alone_comes_in_parts_and_no_byte_twice() -> None:
    blocking = Blocking(cuts(8, 4), ((0, 12),), ((0, 16),), rows_inner=False, first_steps=(4, 8), pieces=(4, 4))
    operations = plan_as(gemm_spec(8, 16, 12, "int32"), TINY, blocking).operations
    computed = [(d["m"], d["n"], d["k"]) for d, _ in operations if d.op is isa.COMPUTE]
    stored = [(d["count1"], d["n"]) for d, _ in operations if d.op is isa.STORE]
    assert computed[-3:] == [(4, 4, 16), (4, 4, 16), (4, 12, 16)] and sum(k for _, _, k in computed[:-3]) == 16
    assert stored == [(4, 4), (4, 4), (4, 4), (4, 12)]
    loads = [d for d, _ in operations if d.op is isa.LOAD and d["target"] == isa.Target.NORTH]
    assert sum(d["run"] * d["count1"] * d["count2"] * d["count3"] * d["count4"] for d in loads) == 16 * 12


SPEC = ContractionSpec.gemm(21, 27, 22, has_bias=True)
IN_PIECES = Blocking(
    cuts(21, 4), ((0, 27),), ((0, 22),), rows_inner=False, first_steps=(5, 9), pieces=(4, 8, 8, 12, 28, 16), last_columns=(8, 8)
)


@pytest.mark.parametrize("layouts", [("mk", "kn"), ("km", "nk")], ids="-".join)
@pytest.mark.parametrize("changes", [{}, {"columns": ((0, 15), (15, 27))}, {"steps": ((0, 16), (16, 22))}], ids=str)
def test_pieces_give_the_reference_s_result(layouts: tuple[str, str], changes: dict[str, Any]) -> None:
    spec = replace(SPEC, input_layout=layouts[0], weights_layout=layouts[1])
    made = plan_as(spec, TINY, replace(IN_PIECES, **changes))
    verify(made.stream(), TINY)
    operands = random_operands(spec, np.random.default_rng(6))
    got, _ = run(made, operands, FunctionalModel(TINY))
    np.testing.assert_array_equal(got, expected(spec, operands))


def test_pieces_give_the_reference_s_result_on_the_rtl() -> None:
    stream = plan_as(SPEC, TINY, IN_PIECES).stream()
    operands = random_operands(SPEC, np.random.default_rng(7))
    contents = buffers(SPEC, operands, TINY)
    with Device.open("sim", TINY, memory_bytes=2**20) as device:
        placed = [device.place(np.frombuffer(contents[slot.name], np.int8)) for slot in stream.slots]
        device.run(stream, placed)
        np.testing.assert_array_equal(placed[-1].read(np.int32, (SPEC.m, SPEC.n)), expected(SPEC, operands))
