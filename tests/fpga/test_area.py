"""Counting: parts of the machine, and what reads a block RAM."""

from __future__ import annotations

from typing import Any

from hwacc.fpga.area import PARTS, area, luts, part_of, total, unregistered_outputs
from hwacc.fpga.synthesis import TOP, Module, Netlist


def cell(kind: str, **ports: tuple[str, list[int]]) -> dict[str, Any]:
    """A cell; each port is its direction and its wires."""
    return {
        "type": kind,
        "port_directions": {port: direction for port, (direction, _) in ports.items()},
        "connections": {port: bits for port, (_, bits) in ports.items()},
    }


def module(cells: dict[str, dict[str, Any]], **ports: tuple[str, list[int]]) -> Module:
    """A module; ports as those of :func:`cell`."""
    return {"cells": cells, "ports": {port: {"direction": way, "bits": bits} for port, (way, bits) in ports.items()}}


def queue_and_reader(reader: str) -> Netlist:
    """A block RAM in one module, what reads it in another, and the top that joins them."""
    ram, use = cell("DP16KD", DOA0=("output", [5])), cell(reader, DI=("input", [7]))
    return {
        TOP: module({"load": cell("q", r=("output", [2])), "store": cell("u", d=("input", [2]))}),
        "q": module({"ram": ram}, r=("output", [5])),
        "u": module({"use": use}, d=("input", [7])),
    }


def test_logic_behind_a_block_ram_is_found_across_modules() -> None:
    assert unregistered_outputs(queue_and_reader("LUT4")) == [("u", "use", "DI")]
    assert unregistered_outputs(queue_and_reader("TRELLIS_FF")) == []


def test_a_register_that_a_block_ram_enables_is_logic_behind_it() -> None:
    netlist = {TOP: module({"ram": cell("DP16KD", DOB3=("output", [5])), "ff": cell("TRELLIS_FF", CE=("input", [5]))})}
    assert unregistered_outputs(netlist) == [(TOP, "ff", "CE")]


def test_a_kind_of_module_counts_as_often_as_it_is_used() -> None:
    inner = module({"m": cell("MULT18X18D"), "l": cell("LUT4"), "free": cell("PFUMX")})
    array = module({f"pe_{i}": cell("pe") for i in range(5)} | {"ff": cell("TRELLIS_FF")})
    parts = area({TOP: module({"compute": cell("c")}), "c": module({"array": cell("a"), "l": cell("LUT4")}), "a": array, "pe": inner})
    assert (parts["array"]["MULT18X18D"], parts["array"]["LUT4"], parts["array"]["TRELLIS_FF"]) == (5, 5, 1)
    assert parts["COMPUTE control"]["LUT4"] == 1
    assert set(parts) == {"array", "COMPUTE control"}
    assert total(parts)["LUT4"] == 6


def test_look_up_tables_in_carry_chains_and_distributed_rams_count() -> None:
    assert luts({"LUT4": 3, "CCU2C": 5, "TRELLIS_FF": 99, "TRELLIS_DPR16X4": 7}) == 3 + 2 * 5 + 6 * 7


def test_what_has_no_name_belongs_to_what_it_is_in() -> None:
    assert part_of("compute.array.pe_0_0") == "array"
    assert part_of("store.channel.lengths") == "STORE"
    assert part_of("load") == "LOAD" and part_of("") == part_of("anything") == PARTS[""]
