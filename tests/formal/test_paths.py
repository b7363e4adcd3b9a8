"""The search for paths within a cycle."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tests.formal.paths import Netlist, waiting_valids


class WaitsForReady(wiring.Component):
    """``early_valid`` looks at ``ready`` at once, ``late_valid`` through a register."""

    def __init__(self) -> None:
        super().__init__({"ready": In(1), "other": In(2), "early_valid": Out(1), "late_valid": Out(1), "carry": Out(2)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += [self.early_valid.eq(self.ready & self.other[0]), self.carry.eq(self.other + 1)]
        m.d.sync += self.late_valid.eq(self.ready)
        return m


def test_a_valid_that_waits_for_a_ready_is_found_and_a_register_ends_the_path() -> None:
    assert waiting_valids(Netlist(WaitsForReady())) == {"early_valid": {"ready"}, "late_valid": set()}


def test_paths_go_through_arithmetic() -> None:
    assert Netlist(WaitsForReady()).inputs_of("carry") == {"other"}
