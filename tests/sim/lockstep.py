"""The array, its feeders and the buffers twice, as RTL and as C++ steps, side by side under the same random inputs."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amaranth.hdl import Cat, Const, Fragment, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwacc.config import ArrayConfig
from hwacc.rtl.array import SystolicArray
from hwacc.rtl.buffer import OperandBuffer, ParameterBuffer
from hwacc.rtl.dataflow import has_both
from hwacc.rtl.feeder import Feeder
from hwacc.rtl.verilog import convert
from hwacc.sim import cache, compile
from hwacc.sim.build import hardware_key, tool_key
from hwacc.sim.progress import silent
from hwacc.sim.step import StepPlatform, step_modules

DRIVER = Path(__file__).with_suffix(".cpp")


class Lockstep(wiring.Component):  # type: ignore[misc]
    """``same`` is low in each cycle in which an output of a step differs from the RTL's.

    Every input is random in every cycle; for some time each, controls are rare, frequent, or absent, in either dataflow. With
    ``broken``, one bit of the step's west operand is wrong now and then.
    """

    def __init__(self, config: ArrayConfig, *, broken: bool = False):
        self.config, self.broken = config, broken
        self._bits = 64 * max(config.rows, config.cols) + 32 * config.bus_bytes + 128
        super().__init__({"random": In(self._bits), "same": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        self._place = 0
        period = 4 * (self.config.rows + self.config.cols)
        cycle, mood = Signal(range(period)), Signal(4)
        m.d.sync += cycle.eq(Mux(cycle == period - 1, 0, cycle + 1))
        with m.If(cycle == 0):
            m.d.sync += mood.eq(self._take(4))
        some = Mux(mood[0], self._take(1), self._take(4) == 0) & (mood[1:3] != 0)
        stationary = mood[3] if has_both(self.config) else Const(self.config.available_dataflows[0], 1)
        west = {"lanes": self.config.rows, "word_bytes": self.config.west_window, "descending": True}
        north = {"lanes": self.config.cols, "word_bytes": self.config.north_window}
        pairs = [
            self._array(m, stationary, some),
            self._feeder(m, west, some),
            self._feeder(m, north, some),
            self._buffer(m, lambda: OperandBuffer(self.config, window=self.config.west_window)),
            self._buffer(m, lambda: OperandBuffer(self.config, window=self.config.north_window)),
            self._buffer(m, lambda: ParameterBuffer(self.config)),
        ]
        m.d.comb += self.same.eq(Cat(one == other for one, other in pairs).all())
        return m

    def _take(self, count: int) -> Value:
        """The next unused random bits."""
        self._place += count
        assert self._place <= self._bits
        return self.random[self._place - count : self._place]

    def _array(self, m: Any, stationary: Value, some: Value) -> tuple[Value, Value]:
        rtl, shell = SystolicArray(self.config), SystolicArray(self.config)
        m.submodules.array, m.submodules.array_step = rtl, Fragment.get(shell, StepPlatform())
        wrong = (self._take(8) == 0) if self.broken else 0
        values = {
            "stationary": stationary,
            "west": self._take(8 * self.config.rows),
            "north": self._take(8 * self.config.cols),
            "swap": some & self._take(1),
            "shift": Mux(some, self._take(self.config.rows), 0),
        }
        for name, value in values.items():
            m.d.comb += Value.cast(getattr(rtl, name)).eq(value)
            m.d.comb += Value.cast(getattr(shell, name)).eq(value ^ wrong if name == "west" else value)
        return Value.cast(rtl.row), Value.cast(shell.row)

    def _feeder(self, m: Any, parameters: dict[str, Any], some: Value) -> tuple[Value, Value]:
        rtl, shell = Feeder(**parameters), Feeder(**parameters)
        m.submodules += [rtl, Fragment.get(shell, StepPlatform())]
        for name in ("word", "count", "load", "lane", "step"):
            port = getattr(rtl, name)
            value = self._take(len(port))
            if name == "count":
                value = Mux(value > rtl.word_bytes, rtl.word_bytes, value)
            elif name in ("load", "step"):
                value &= some
            m.d.comb += [port.eq(value), getattr(shell, name).eq(value)]
        return Value.cast(rtl.out), Value.cast(shell.out)

    def _buffer(self, m: Any, make: Callable[[], Any]) -> tuple[Value, Value]:
        rtl, shell = make(), make()
        m.submodules += [rtl, Fragment.get(shell, StepPlatform())]
        for one, other in zip(_inputs(rtl), _inputs(shell), strict=True):
            value = self._take(len(one))
            m.d.comb += [one.eq(value), other.eq(value)]
        return Value.cast(rtl.data), Value.cast(shell.data)


def _inputs(buffer: Any) -> list[Any]:
    return [buffer.address, buffer.write.valid, *(buffer.write.payload[name] for name in ("address", "data", "mask"))]


def first_difference(config: ArrayConfig, seed: int, cycles: int, *, broken: bool = False) -> int:
    """The first cycle in which a step differs from the RTL; -1 if none of ``cycles`` does."""
    sources = cache.digest_files([DRIVER, DRIVER.with_suffix(".py")])
    name = f"lockstep-{config.rows}x{config.cols}-{cache.digest([sources, str(broken), *hardware_key(config), *tool_key()])}.so"
    function = ctypes.CDLL(str(cache.obtain(name, lambda folder: _build(config, broken, folder), silent))).lockstep
    function.restype, function.argtypes = ctypes.c_int64, (ctypes.c_uint64, ctypes.c_int64)
    return int(function(seed, cycles))


def _build(config: ArrayConfig, broken: bool, folder: Path) -> Path:
    verilog = folder / "lockstep.v"
    verilog.write_text(convert(Lockstep(config, broken=broken)) + step_modules(config))
    generated = compile.translate(verilog, compile.PREFIX, [])
    design = compile.design_units(generated, compile.PREFIX, [DRIVER], [])
    units = [*(unit._replace(flags=compile.SLOW_FLAGS) for unit in design), compile.step_unit()]  # compiling would take longer than running
    objects = compile.compile_units(
        units, folder, {"BUS_BYTES": config.bus_bytes, "VL_TIME_CONTEXT": 1, **compile.step_macros(config)}, [generated]
    )
    return compile.link(objects, folder / "lockstep.so", ["-shared"])
