"""The flat netlists of fast builds, with the RTL array and with a step in its place, against the plain one of waveforms and boards."""

import dataclasses

import numpy as np
import pytest

from hwacc.compiler.emit.gemm import gemm_stream
from hwacc.config import TINY
from hwacc.driver.device import Device
from hwacc.driver.transports.sim import SimTransport
from hwacc.sim import build, flatten
from hwacc.sim.simulator import Memory, Simulator, Stalls

SHAPES = ((1, 1, 1, "int32"), (9, 5, 7, "int8"), (17, 40, 6, "int32"), (30, 12, 33, "int8"))


def run(device: Device) -> tuple[list[dict[str, int]], bytes]:
    """Counters of a few products, and the memory that they leave."""
    random = np.random.default_rng(12)
    records = []
    for m, k, n, out in SHAPES:
        a = device.place(random.integers(-128, 128, (m, k), dtype=np.int8))
        b = device.place(random.integers(-128, 128, (k, n), dtype=np.int8))
        result = device.place(np.zeros((m, n), out))
        records.append(dataclasses.asdict(device.run(gemm_stream(m, k, n, out, TINY), [a, b, result])))
    return records, bytes(device.transport.read_memory(0, device.transport.memory_size))


@pytest.mark.parametrize("array", list(build.Array))
def test_a_flat_netlist_takes_the_same_cycles_as_the_plain_one_and_leaves_the_same_memory(array: build.Array) -> None:
    plain = build.build_verilog(lambda: build.generate(TINY), ["plain", *build.hardware_key(TINY)], TINY)
    memory = Memory(size=2**18, stalls=Stalls(ar=0.2, r=0.3, w=0.3, b=0.1, seed=4))
    fast = Device(SimTransport(Simulator(TINY, memory, array=array)))
    with fast, Device(SimTransport(Simulator(TINY, memory, library=plain))) as slow:
        assert run(fast) == run(slow)


def test_initial_content_is_dropped_only_where_it_is_zero() -> None:
    cell = "  cell $meminit_v2 $1\n    parameter \\ABITS 0\n    connect \\DATA 8'{}\n    connect \\EN 1'1\n  end\n"
    assert flatten._ZERO_CONTENT.sub("", "before\n" + cell.format("00000000") + "after\n") == "before\nafter\n"
    kept = "before\n" + cell.format("00100000") + cell.format("00000001") + "after\n"
    assert flatten._ZERO_CONTENT.sub("", kept) == kept
    mixed = cell.format("00100000") + cell.format("00000000")
    assert flatten._ZERO_CONTENT.sub("", mixed) == cell.format("00100000")


def test_only_signals_wider_than_a_word_may_be_kept_in_parts() -> None:
    text = "  wire [64:0] \\a.b ;\n  reg [64:0] c = 65'h0;\n  wire [31:0] d;\n  reg [127:0] \\memory [15:0];\n  input [64:0] e;\n"
    lines = flatten.split_wide(text).splitlines()
    assert lines[:2] == ["  wire [64:0] \\a.b  /*verilator split_var*/;", "  reg [64:0] c /*verilator split_var*/ = 65'h0;"]
    assert lines[2:] == text.splitlines()[2:]
