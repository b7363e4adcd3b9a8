"""The array, its feeders and the buffers that LOAD fills as C++ functions, for speed: what takes the place of their RTL in a netlist.

On a :class:`StepPlatform`, :class:`hwacc.rtl.array.SystolicArray`, :class:`hwacc.rtl.feeder.Feeder` and the buffers of
:mod:`hwacc.rtl.buffer` elaborate as instances of modules with the same ports, which :func:`step_modules` writes in SystemVerilog. In
each cycle, such a module calls ``harness/array.cpp``, ``feeder.cpp`` or ``bytes.cpp`` through DPI-C. The rest of the accelerator is
what it was.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from hwacc.config import PARAMETER_BYTES, ArrayConfig
from hwacc.errors import DeviceError

SOURCES = ("array.cpp", "feeder.cpp", "bytes.cpp")
"""What step modules call, in the harness's folder."""


class Array(str, Enum):
    """What computes the array, its feeders and buffers in a simulation: their RTL, or C++ functions that do the same cycle by cycle."""

    RTL = "rtl"
    STEP = "step"

    @classmethod
    def chosen(cls, name: str | None, *, waveform: bool) -> Array:
        """The one called ``name``; without a name, for commands that are to be fast, the step, but the RTL where a waveform is to show it.

        Raises :class:`DeviceError` for another name, and for a step that a waveform should show.
        """
        if name is None:
            return cls.RTL if waveform else cls.STEP
        if name not in [kind.value for kind in cls]:
            raise DeviceError(f"array must be {' or '.join(kind.value for kind in cls)}, not {name!r}")
        if waveform and name == cls.STEP:
            raise DeviceError("a waveform shows the RTL, and a step has none; choose array rtl, or no waveform")
        return cls(name)


class StepPlatform:
    """An Amaranth platform on which arrays, feeders and buffers are instances of step modules."""

    def get_systolic_array(self, array: Any) -> Any:
        """What the array elaborates as."""
        inputs = {name: getattr(array, name) for name in ("stationary", "west", "north", "swap", "shift")}
        return _instance("array_step", inputs, {"row": array.row})

    def get_feeder(self, feeder: Any) -> Any:
        """What a feeder elaborates as."""
        inputs = {name: getattr(feeder, name) for name in ("word", "count", "load", "lane", "step")}
        sizes = {"LANES": feeder.lanes, "WORD_BYTES": feeder.word_bytes, "DESCENDING": int(feeder.descending)}
        return _instance("feeder_step", inputs, {"out": feeder.out}, **sizes)

    def get_operand_buffer(self, buffer: Any) -> Any:
        """What an operand buffer elaborates as."""
        from hwacc.rtl.interfaces import OPERAND_READ_LATENCY

        sizes = {"BYTES": buffer.config.operand_bytes, "WINDOW": buffer.window, "LATENCY": OPERAND_READ_LATENCY}
        return _buffer(buffer, buffer.address, buffer.data, **sizes)

    def get_byte_lanes(self, lanes: Any) -> Any:
        """What byte lanes elaborate as where nobody reads ahead, as is the case outside operand buffers."""
        from amaranth.hdl import Cat, Const, Signal

        from hwacc.rtl.interfaces import BYTE_LANES_LATENCY

        word = Signal(len(lanes.data))
        sizes = {"BYTES": lanes.words * lanes.word_bytes, "WINDOW": lanes.word_bytes, "LATENCY": BYTE_LANES_LATENCY}
        m = _buffer(lanes, Cat(Const(0, (lanes.word_bytes - 1).bit_length()), lanes.address), word, **sizes)
        m.d.comb += lanes.data.eq(word & sum(0xFF << 8 * lane for lane in lanes.used))
        return m


def _buffer(component: Any, address: Any, data: Any, **sizes: int) -> Any:
    write = component.write
    inputs = {"address": address, "write": write.valid, **{f"write_{name}": write.payload[name] for name in ("address", "data", "mask")}}
    m = _instance("bytes_step", inputs, {"data": data}, **sizes)
    m.d.comb += write.ready.eq(1)
    return m


def _instance(module: str, inputs: dict[str, Any], outputs: dict[str, Any], **parameters: int) -> Any:
    from amaranth.hdl import ClockSignal, Instance, Module, Value  # here, since a cached simulator needs no Amaranth

    ports = {f"i_{name}": Value.cast(value) for name, value in inputs.items()} | {f"o_{name}": Value.cast(v) for name, v in outputs.items()}
    m = Module()
    m.submodules.step = Instance(module, i_clk=ClockSignal(), **ports, **{f"p_{name}": value for name, value in parameters.items()})
    return m


def step_modules(config: ArrayConfig) -> str:
    """SystemVerilog of the modules, with the ports of the RTL.

    Their outputs are registered, but for the last column of the array: that one is not delayed, so it follows ``stationary`` at once.
    """
    widest = max(config.west_window, config.north_window, config.cols * PARAMETER_BYTES)
    return f"""
import "DPI-C" function chandle hwacc_array_new();
import "DPI-C" function void hwacc_array_free(input chandle array);
import "DPI-C" function void hwacc_array_step(
    input chandle array, input bit stationary, input bit [{config.rows * 8 - 1}:0] west, input bit [{config.cols * 8 - 1}:0] north,
    input bit swap, input bit [{config.rows - 1}:0] shift, output bit [{config.cols * 32 - 1}:0] row, output bit [31:0] last_sum);

module array_step(
    input clk, input stationary, input [{config.rows * 8 - 1}:0] west, input [{config.cols * 8 - 1}:0] north,
    input swap, input [{config.rows - 1}:0] shift, output [{config.cols * 32 - 1}:0] row);
  chandle array;
  bit [{config.cols * 32 - 1}:0] next_row, drained;
  bit [31:0] next_sum, last_sum;
  initial array = hwacc_array_new();
  final hwacc_array_free(array);
  always @(posedge clk) begin
    hwacc_array_step(array, stationary, west, north, swap, shift, next_row, next_sum);
    drained <= next_row;
    last_sum <= next_sum;
  end
  assign row = {{stationary ? last_sum : drained[{config.cols * 32 - 1}:{config.cols * 32 - 32}], drained[{config.cols * 32 - 33}:0]}};
endmodule

import "DPI-C" function chandle hwacc_feeder_new(input int lanes, input int word_bytes, input bit descending);
import "DPI-C" function void hwacc_feeder_free(input chandle feeder);
import "DPI-C" function void hwacc_feeder_step(
    input chandle feeder, input bit [{max(config.west_window, config.north_window) * 8 - 1}:0] word, input byte unsigned count,
    input bit load, input byte unsigned lane, input bit step, output bit [{max(config.rows, config.cols) * 8 - 1}:0] out);

module feeder_step #(parameter LANES = 1, WORD_BYTES = 1, DESCENDING = 0) (
    input clk, input [WORD_BYTES*8-1:0] word, input [7:0] count, input load, input [7:0] lane, input step,
    output reg [LANES*8-1:0] out);
  chandle feeder;
  bit [{max(config.rows, config.cols) * 8 - 1}:0] next;
  initial feeder = hwacc_feeder_new(LANES, WORD_BYTES, DESCENDING);
  final hwacc_feeder_free(feeder);
  always @(posedge clk) begin
    hwacc_feeder_step(feeder, word, count, load, lane, step, next);
    out <= next[LANES*8-1:0];
  end
endmodule

import "DPI-C" function chandle hwacc_bytes_new(input int bytes, input int window, input int latency);
import "DPI-C" function void hwacc_bytes_free(input chandle buffer);
import "DPI-C" function void hwacc_bytes_step(
    input chandle buffer, input int unsigned address, input bit write, input int unsigned write_address,
    input bit [{config.bus_bytes * 8 - 1}:0] write_data, input bit [{config.bus_bytes - 1}:0] write_mask,
    output bit [{widest * 8 - 1}:0] data);

module bytes_step #(parameter BYTES = 1, WINDOW = 1, LATENCY = 1) (
    input clk, input [31:0] address, input write, input [31:0] write_address, input [{config.bus_bytes * 8 - 1}:0] write_data,
    input [{config.bus_bytes - 1}:0] write_mask, output reg [WINDOW*8-1:0] data);
  chandle buffer;
  bit [{widest * 8 - 1}:0] next;
  initial buffer = hwacc_bytes_new(BYTES, WINDOW, LATENCY);
  final hwacc_bytes_free(buffer);
  always @(posedge clk) begin
    hwacc_bytes_step(buffer, address, write, write_address, write_data, write_mask, next);
    data <= next[WINDOW*8-1:0];
  end
endmodule
"""
