"""The proofs hold, and can fail."""

from __future__ import annotations

import pytest

from hwacc.config import TINY, ArrayConfig
from hwacc.rtl.top import Accelerator
from tests.formal.paths import Netlist, waiting_valids
from tests.formal.proofs import GROUPS, Planted, fifos_of, planted
from tests.formal.prove import prove


@pytest.mark.parametrize("group", GROUPS)
def test_every_proof_of_a_group_holds_and_reaches_its_covers(group: str) -> None:
    outcomes = [prove(proof) for proof in GROUPS[group]()]
    assert outcomes
    assert {outcome.proof.name: outcome.failures for outcome in outcomes if not outcome.holds} == {}


@pytest.mark.parametrize("each", planted(), ids=lambda each: each.fault.replace(" ", "-"))
def test_a_planted_fault_is_refuted_by_the_sentence_that_it_breaks(each: Planted) -> None:
    outcome = prove(each.proof)
    assert any(each.sentence in failure for failure in outcome.failures), outcome.failures


def test_no_valid_of_the_machine_depends_on_a_ready_within_a_cycle() -> None:
    found = waiting_valids(Netlist(Accelerator(TINY)))
    assert set(found) == {f"m_axi__{channel}valid" for channel in ("aw", "w", "ar")} | {"s_axil__bvalid", "s_axil__rvalid"}
    assert all(not ready for ready in found.values()), found


@pytest.mark.parametrize("config", [TINY, ArrayConfig(rows=8, cols=8)], ids=["4x4", "8x8"])
def test_the_search_for_fifos_finds_those_of_every_engine(config: ArrayConfig) -> None:
    kinds = fifos_of(config)
    assert {kind.__name__ for kind, _ in kinds} == {"SyncFIFO", "SyncFIFOBuffered"}
    assert len(kinds) > 3
