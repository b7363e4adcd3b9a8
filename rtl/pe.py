"""The processing element."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class ProcessingElement(wiring.Component):
    """Multiply-accumulate cell of the array, output-stationary.

    Passes ``a`` and ``swap`` east and ``b`` south one cycle later. ``acc`` sums the
    products. ``swap`` arrives with the first operands of a tile: the finished sum moves
    to the drain register ``d`` and the new sum starts. While ``shift`` is high, ``d``
    takes the value from the north, so a column drains southwards, bottom row first.

    ``acc`` cannot overflow: :class:`hwacc.config.ArrayConfig` bounds K. Idle cells are
    fed zeros; there is no enable. Swapping has priority over shifting.
    """

    a_in: In(signed(8))
    a_out: Out(signed(8))
    b_in: In(signed(8))
    b_out: Out(signed(8))
    swap_in: In(1)
    swap_out: Out(1)
    shift: In(1)
    d_in: In(signed(32))
    d_out: Out(signed(32))

    def elaborate(self, platform):
        m = Module()
        a = Signal(signed(8), reset_less=True)
        b = Signal(signed(8), reset_less=True)
        swap = Signal(reset_less=True)
        acc = Signal(signed(32), reset_less=True)
        d = Signal(signed(32), reset_less=True)
        m.d.sync += [
            a.eq(self.a_in),
            b.eq(self.b_in),
            swap.eq(self.swap_in),
            acc.eq(Mux(swap, 0, acc) + a * b),
        ]
        with m.If(swap):
            m.d.sync += d.eq(acc)
        with m.Elif(self.shift):
            m.d.sync += d.eq(self.d_in)
        m.d.comb += [self.a_out.eq(a), self.b_out.eq(b), self.swap_out.eq(swap), self.d_out.eq(d)]
        return m
