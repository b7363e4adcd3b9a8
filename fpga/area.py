"""What a netlist costs on an ECP5, part by part, and whether its block RAMs are used as the chip wants them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from hwacc.config import ArrayConfig
from hwacc.fpga.synthesis import TOP, Module, Netlist, Progress, synthesise

CELLS = {
    "LUT4": "look-up tables",
    "CCU2C": "pairs of look-up tables with a carry chain",
    "TRELLIS_FF": "flip-flops",
    "DP16KD": "block RAMs of 2 KiB",
    "TRELLIS_DPR16X4": "distributed RAMs of 16 words of 4 bits, six look-up tables each",
    "MULT18X18D": "multipliers (DSP)",
}
"""Cells that are counted, and what they are."""
LUTS = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}
"""Look-up tables that a cell takes on the chip."""
REGISTER = ("TRELLIS_FF", "DI")
BLOCK_RAM = "DP16KD"
BLOCK_RAM_OUTPUTS = re.compile(r"DO[AB]\d+")

PARTS = {
    "": "top",
    "registers": "registers",
    "command": "command processor",
    "arbiter": "memory port",
    "load": "LOAD",
    "west": "operand buffers",
    "north": "operand buffers",
    "compute": "COMPUTE control",
    "compute.west_lines": "line walkers",
    "compute.north_lines": "line walkers",
    "compute.weights": "weight walker",
    "compute.west_feeder": "feeders",
    "compute.north_feeder": "feeders",
    "compute.array": "array",
    "compute.drain": "drain",
    "accumulator": "accumulator",
    "parameters": "parameter buffer",
    "store": "STORE",
    "store.formatter.requantiser": "requantiser",
}
"""Part of the machine for each place in the hierarchy; what is not named belongs to what it is in."""

CAPACITY = {"LUT4": 83_640, "TRELLIS_FF": 83_640, "DP16KD": 208, "MULT18X18D": 156}
"""What the largest chip of the family has, an ECP5-85F."""

Cells = dict[str, int]
Place = tuple[str, str, str]
"""Where a wire ends: kind of module, cell, port of the cell."""


def report(config: ArrayConfig, progress: Progress) -> dict[str, Any]:
    """Synthesises ``config``: ``parts`` and ``total`` by kind of cell, each with ``luts``, and ``logic_behind_block_rams``.

    Takes minutes; raises as :func:`hwacc.fpga.synthesis.synthesise` does.
    """
    netlist = synthesise(config, progress)
    parts = area(netlist)
    counted = {name: {"luts": luts(cells), **cells} for name, cells in {**parts, "total": total(parts)}.items()}
    whole = counted.pop("total")
    return {
        "config": config.to_dict(),
        "parts": counted,
        "total": whole,
        "logic_behind_block_rams": len(unregistered_outputs(netlist)),
    }


def area(netlist: Netlist) -> dict[str, Cells]:
    """Cells of each part of :data:`PARTS` that is there, by kind."""
    parts: dict[str, Counter[str]] = {part: Counter() for part in PARTS.values()}
    for path, module in _instances(netlist, netlist[TOP], ""):
        parts[part_of(path)].update(cell["type"] for cell in module["cells"].values() if cell["type"] in CELLS)
    return {part: {kind: counted[kind] for kind in CELLS} for part, counted in parts.items() if counted}


def total(parts: dict[str, Cells]) -> Cells:
    """The sum of all parts."""
    return {kind: sum(cells[kind] for cells in parts.values()) for kind in CELLS}


def luts(cells: Cells) -> int:
    """Look-up tables that these cells take together."""
    return sum(weight * cells[kind] for kind, weight in LUTS.items())


def part_of(path: str) -> str:
    """The part to which the instance at ``path`` (names joined by dots, the top's left out) belongs."""
    while path not in PARTS:
        path = path.rpartition(".")[0]
    return PARTS[path]


def unregistered_outputs(netlist: Netlist) -> list[Place]:
    """What reads a block RAM and is not the data of a register, in any module: the RAM itself takes most of a cycle."""
    return [place for place in _block_ram_readers(netlist) if (netlist_cell(netlist, place), place[2]) != REGISTER]


def netlist_cell(netlist: Netlist, place: Place) -> str:
    """Type of the cell at ``place``."""
    kind: str = netlist[place[0]]["cells"][place[1]]["type"]
    return kind


def _instances(netlist: Netlist, module: Module, path: str) -> Iterator[tuple[str, Module]]:
    """Every module of the hierarchy with its path, once for each time that it is there."""
    yield path, module
    for name, cell in module["cells"].items():
        if cell["type"] in netlist:
            inner = name.partition("$")[0]  # Amaranth adds a number where a wire has the same name
            yield from _instances(netlist, netlist[cell["type"]], f"{path}.{inner}" if path else inner)


def _block_ram_readers(netlist: Netlist) -> list[Place]:
    wires = _Wires(netlist)
    found: set[Place] = set()
    for kind, module in netlist.items():
        for cell in module["cells"].values():
            if cell["type"] == BLOCK_RAM:
                bits = {b for port, bits in cell["connections"].items() if BLOCK_RAM_OUTPUTS.fullmatch(port) for b in bits}
                for bit in bits:
                    found |= wires.readers(kind, bit)
    return sorted(found)


class _Wires:
    """Who reads a wire, on either side of module boundaries."""

    def __init__(self, netlist: Netlist) -> None:
        self._netlist = netlist
        self._users: dict[tuple[str, int], list[tuple[str, str, int]]] = defaultdict(list)  # of a bit: cell, port, index
        self._outputs: dict[tuple[str, int], list[tuple[str, int]]] = defaultdict(list)  # of a bit: port, index
        self._places: dict[str, list[tuple[str, str]]] = defaultdict(list)  # of a kind of module: where it is used
        for kind, module in netlist.items():
            for name, cell in module["cells"].items():
                self._places[cell["type"]].append((kind, name))
                for port, bits in cell["connections"].items():
                    if cell["port_directions"][port] == "input":
                        for index, bit in enumerate(bits):
                            self._users[kind, bit].append((name, port, index))
            for port, about in module["ports"].items():
                if about["direction"] == "output":
                    for index, bit in enumerate(about["bits"]):
                        self._outputs[kind, bit].append((port, index))

    def readers(self, kind: str, bit: int) -> set[Place]:
        """Cells that read wire ``bit`` of a module, inside it, in modules below and in those around it."""
        found: set[Place] = set()
        for name, port, index in self._users[kind, bit]:
            inner = self._netlist[kind]["cells"][name]["type"]
            if inner in self._netlist:
                found |= self.readers(inner, self._netlist[inner]["ports"][port]["bits"][index])
            else:
                found.add((kind, name, port))
        for port, index in self._outputs[kind, bit]:
            for outer, name in self._places[kind]:
                found |= self.readers(outer, self._netlist[outer]["cells"][name]["connections"][port][index])
        return found
