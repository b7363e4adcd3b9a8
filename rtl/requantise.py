"""The requantiser: int32 sums to int8 results, exactly as TOSA RESCALE."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hwacc.config import ArrayConfig
from hwacc.rtl.buffer import parameter_layout
from hwacc.rtl.delay import delayed

LATENCY = 6
"""Cycles from values that are valid to their results."""

HALF_BITS = 16
"""The multiplier is split here, so that each partial product fits FPGA multipliers and the sum has a cycle of its own."""


def rounding_layout() -> data.StructLayout:
    """What the lanes share: the rest of TOSA's RESCALE attributes, and the clamp."""
    return data.StructLayout({"double_round": 1, "zero_point": signed(8), "clamp_min": signed(8), "clamp_max": signed(8)})


class Requantiser(wiring.Component):
    """``cols`` lanes of :func:`hwacc.reference.requantise`: ``clamp(wrap32(apply_scale_32(value)) + zero_point)``.

    Takes values in any cycle and gives their results :data:`LATENCY` cycles later; whoever sends them keeps room. Scale and
    rounding go down the pipeline with their values, so they may change in any cycle.

    Rounding uses ``(p + 2^(s-1)) >> s = (p >> s) + bit s-1 of p``, which needs no adder as wide as the product.

    Not handled: shifts outside 2 to 62, which give an unspecified result; back-pressure.
    """

    def __init__(self, config: ArrayConfig):
        self.lanes = config.cols
        super().__init__(
            {
                "valid": In(1),
                "values": In(data.ArrayLayout(signed(32), config.cols)),
                "scales": In(data.ArrayLayout(parameter_layout(), config.cols)),
                "rounding": In(rounding_layout()),
                "result_valid": Out(1),
                "results": Out(data.ArrayLayout(signed(8), config.cols)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        self._valid = [self.valid]
        self._rounding = [data.View(rounding_layout(), self.rounding)]
        for stage in range(1, LATENCY + 1):
            self._valid.append(delayed(m, self._valid[-1], 1, name=f"valid{stage}", reset_less=False))
            rounding = Signal(rounding_layout(), name=f"rounding{stage}", reset_less=True)
            with m.If(self._valid[stage - 1]):
                m.d.sync += rounding.eq(self._rounding[-1])
            self._rounding.append(rounding)
        m.d.comb += self.result_valid.eq(self._valid[LATENCY])
        for lane in range(self.lanes):
            m.d.comb += self.results[lane].eq(self._lane(m, lane))
        return m

    def _lane(self, m, lane):
        """One lane, a register stage a paragraph."""
        register = _Registers(m, self._valid, f"lane{lane}")
        value = register(1, "value", self.values[lane])
        scale = data.View(parameter_layout(), register(1, "scale", self.scales[lane].as_value()))

        low = register(2, "low", value * scale.multiplier[:HALF_BITS])
        high = register(2, "high", value * scale.multiplier[HALF_BITS:].as_signed())
        nudge = register(2, "nudge", _double_rounding(value, scale.shift, self._rounding[1].double_round))
        shift = register(2, "shift", scale.shift)

        product = register(3, "product", (low + (high << HALF_BITS) + nudge)[:64].as_signed())
        less_one = register(3, "less_one", (shift - 1)[: len(shift)])

        shifted = register(4, "shifted", (product >> less_one)[:33])

        rounded = (shifted[1:] + shifted[0])[:32].as_signed()
        offset = register(5, "offset", rounded + self._rounding[4].zero_point)

        clamp = self._rounding[5]
        floored = Mux(offset < clamp.clamp_min, clamp.clamp_min, offset)
        return register(6, "result", Mux(floored > clamp.clamp_max, clamp.clamp_max, floored)[:8].as_signed())


class _Registers:
    """Makes registers that take a value when the stage before them is valid: idle lanes cost neither power nor simulation."""

    def __init__(self, m, valid, prefix):
        self.m, self.valid, self.prefix = m, valid, prefix

    def __call__(self, stage, name, value):
        register = Signal.like(value, name=f"{self.prefix}_{name}", reset_less=True, init=0)
        with self.m.If(self.valid[stage - 1]):
            self.m.d.sync += register.eq(value)
        return register


def _double_rounding(value, shift, enabled):
    """±2^30, away from zero, where TOSA's double rounding applies: shifts above 31. Signed, 32 bits."""
    applies = enabled & (shift > 31)
    return Mux(applies, Mux(value < 0, -(1 << 30), 1 << 30), 0)
