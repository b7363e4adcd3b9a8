"""What an FPGA needs of the memories, seen in the hardware's structure: large ones can be block RAMs, and a register follows each."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import pytest
from amaranth.back import rtlil, verilog
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hwacc.config import TINY
from hwacc.rtl.top import Accelerator

REGISTERS = ("$dff", "$dffe", "$sdff", "$sdffe", "$sdffce")
DISTRIBUTED_BYTES = 1024
"""A memory that is read without a clock is made of look-up tables: only small ones may be."""


def structure(component: Any) -> dict[str, Any]:
    """``cells`` and ``memories`` of the component, flat, as Yosys writes them."""
    netlist = rtlil.convert(component, name="top", emit_src=False)
    yosys = verilog.find_yosys(lambda version: version >= (0, 40))
    passes = "proc -norom; flatten; opt_clean; opt_dff; opt_clean; write_json"
    flat: dict[str, Any] = json.loads(yosys.run(["-q", "-"], f"read_rtlil <<rtlil\n{netlist}\nrtlil\n{passes}", ignore_warnings=True))
    return flat["modules"]["top"]


def cells(flat: dict[str, Any], kind: str, *, clocked: bool | None = None) -> list[dict[str, Any]]:
    """The cells of ``kind``; of reads, those with or without a clock."""
    found = [cell for cell in flat["cells"].values() if cell["type"] == kind]
    return [cell for cell in found if clocked is None or int(cell["parameters"]["CLK_ENABLE"], 2) == clocked]


def logic_behind_reads(flat: dict[str, Any]) -> list[tuple[str, str]]:
    """Memories with a clocked read whose data something else than a register takes, and what that is."""
    users = defaultdict(set)
    for cell in flat["cells"].values():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                for bit in bits:
                    users[bit].add("register" if cell["type"] in REGISTERS and port == "D" else f"{cell['type']}.{port}")
    reads = cells(flat, "$memrd_v2", clocked=True)
    found = {(name(read), user) for read in reads for bit in read["connections"]["DATA"] for user in users[bit] - {"register"}}
    return sorted(found)


def name(port: dict[str, Any]) -> str:
    """Of a port's memory."""
    memory: str = port["parameters"]["MEMID"]
    return memory.lstrip("\\")


@pytest.fixture(scope="module")
def flat() -> dict[str, Any]:
    """The structure of a small accelerator; larger ones differ in numbers only."""
    return structure(Accelerator(TINY))


def test_nothing_but_registers_reads_a_block_ram(flat: dict[str, Any]) -> None:
    assert logic_behind_reads(flat) == []


def test_a_block_ram_has_one_port_for_reads_and_one_for_writes(flat: dict[str, Any]) -> None:
    clocked = [name(read) for read in cells(flat, "$memrd_v2", clocked=True)]
    written = [name(write) for write in cells(flat, "$memwr_v2")]
    assert len(set(clocked)) == len(clocked) and all(written.count(memory) == 1 for memory in clocked)
    transparent = [name(read) for read in cells(flat, "$memrd_v2", clocked=True) if "1" in read["parameters"]["TRANSPARENCY_MASK"]]
    assert transparent == [], "a block RAM does not pass on what is being written"


def test_the_buffers_are_block_rams_of_exactly_their_sizes(flat: dict[str, Any]) -> None:
    sizes: dict[str, int] = defaultdict(int)
    for read in cells(flat, "$memrd_v2", clocked=True):
        memory = flat["memories"][name(read)]
        sizes[name(read).split(".")[0]] += memory["width"] * memory["size"] // 8
    assert (sizes["west"], sizes["north"]) == (TINY.operand_bytes, TINY.operand_bytes)
    assert sizes["accumulator"] == TINY.acc_bytes
    assert sizes["parameters"] == TINY.channels * 5, "a multiplier and a shift for each channel"


def test_only_small_queues_are_read_without_a_clock(flat: dict[str, Any]) -> None:
    queues = {name(read) for read in cells(flat, "$memrd_v2", clocked=False)} & set(flat["memories"])  # the others are constant tables
    sizes = {queue: flat["memories"][queue]["width"] * flat["memories"][queue]["size"] / 8 for queue in queues}
    assert sizes and max(sizes.values()) <= DISTRIBUTED_BYTES, sizes


class _Sum(wiring.Component):
    """Adds what it reads to what it is given: what must not be."""

    def __init__(self) -> None:
        super().__init__({"address": In(4), "more": In(8), "data": Out(8)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.words = words = Memory(shape=8, depth=16, init=[])
        read, write = words.read_port(), words.write_port()
        fine = Signal(8)
        m.d.comb += [read.addr.eq(self.address), write.addr.eq(self.address), write.data.eq(fine), write.en.eq(1)]
        m.d.sync += [fine.eq(read.data), self.data.eq(read.data + self.more)]
        return m


def test_logic_behind_a_block_ram_is_noticed() -> None:
    assert logic_behind_reads(structure(_Sum())) == [("words", "$add.A")]
