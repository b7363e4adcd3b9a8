"""The processing element."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class ProcessingElement(wiring.Component):
    """Multiply-accumulate cell of the array, for both dataflows; one multiplier, one adder.

    Passes ``a`` and ``swap`` east one cycle later. ``swap`` arrives with the first operands of a tile.

    Output-stationary (``stationary`` 0): ``b`` moves south one cycle later, and ``acc`` sums the products. ``swap`` moves the
    finished sum to ``d`` and starts a new one. While ``shift`` is high, ``d`` takes the value from the north, so a column drains
    southwards, bottom row first.

    Weight-stationary (``stationary`` 1): ``b`` takes the weight from the north only while ``shift`` is high, and ``swap`` makes it the
    weight that counts. ``acc`` is the partial sum from the north plus this cell's product.

    No sum can overflow: :class:`hwacc.config.ArrayConfig` bounds K. Idle cells are fed zeros; there is no enable. ``stationary``
    may change only while nothing is in the array.
    """

    stationary: In(1)
    a_in: In(signed(8))
    a_out: Out(signed(8))
    b_in: In(signed(8))
    b_out: Out(signed(8))
    swap_in: In(1)
    swap_out: Out(1)
    shift: In(1)
    acc_in: In(signed(32))
    acc_out: Out(signed(32))
    d_in: In(signed(32))
    d_out: Out(signed(32))

    def elaborate(self, platform):
        m = Module()
        a = Signal(signed(8), reset_less=True)
        b = Signal(signed(8), reset_less=True)
        weight = Signal(signed(8), reset_less=True)  # what a is multiplied by
        swap = Signal(reset_less=True)
        acc = Signal(signed(32), reset_less=True)
        d = Signal(signed(32), reset_less=True)
        before = Mux(self.stationary, self.acc_in, Mux(swap, 0, acc))
        m.d.sync += [a.eq(self.a_in), swap.eq(self.swap_in), acc.eq(before + a * weight)]
        with m.If(~self.stationary | self.shift):
            m.d.sync += b.eq(self.b_in)
        with m.If(~self.stationary):
            m.d.sync += weight.eq(self.b_in)
        with m.Elif(self.swap_in):
            m.d.sync += weight.eq(b)
        with m.If(swap):
            m.d.sync += d.eq(acc)
        with m.Elif(self.shift):
            m.d.sync += d.eq(self.d_in)
        m.d.comb += [self.a_out.eq(a), self.b_out.eq(b), self.swap_out.eq(swap), self.acc_out.eq(acc), self.d_out.eq(d)]
        return m
