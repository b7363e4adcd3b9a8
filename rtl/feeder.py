"""The operand feeder: bytes of an operand buffer in, skewed lanes out."""

from amaranth.hdl import Array, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2


class Feeder(wiring.Component):
    """One shift register of ``word_bytes`` for each of ``lanes`` lanes; a byte leaves each lane every cycle.

    Of a word, only the first ``count`` bytes are taken; the others count as zeros. Two ways of filling, for the two
    layouts of an operand:

    load
        k contiguous: the word holds successive steps of lane ``lane`` and replaces its register. Loading lane i+1 one cycle after
        lane i is exactly the systolic skew.
    step
        across: the word holds one step of every lane; the byte of lane i enters at position i and leaves i cycles later. With
        ``descending``, lane 0 takes the last of the first ``lanes`` bytes.

    What is loaded or stepped in a cycle reaches the outputs one cycle later. Without either, zeros
    move in. ``load`` and ``step`` together are not handled.
    """

    def __init__(self, *, lanes: int, word_bytes: int, descending: bool = False):
        if lanes > word_bytes:
            raise ValueError(f"{lanes} bytes do not fit in words of {word_bytes}")
        self.lanes = lanes
        self.descending = descending
        self.word_bytes = word_bytes
        super().__init__(
            {
                "word": In(word_bytes * 8),
                "count": In(range(word_bytes + 1)),
                "load": In(1),
                "lane": In(ceil_log2(lanes)),
                "step": In(1),
                "out": Out(ArrayLayout(signed(8), lanes)),
            }
        )

    def elaborate(self, platform):
        if hasattr(platform, "get_feeder"):
            return platform.get_feeder(self)
        m = Module()
        bits = self.word_bytes * 8
        keep = Array(Const((1 << (8 * count)) - 1, bits) for count in range(self.word_bytes + 1))
        masked = Signal(bits, attrs={"keep": 1})  # else synthesis makes it anew for each lane, in twice the look-up tables
        m.d.comb += masked.eq(self.word & keep[self.count])
        across = Signal(self.lanes * 8)
        m.d.comb += across.eq(Mux(self.step, masked, 0))
        for i in range(self.lanes):
            register = Signal(bits, name=f"lane{i}", reset_less=True)
            own = across.word_select(self.lanes - 1 - i if self.descending else i, 8)
            moved = register[8:] | (own << (8 * i))
            m.d.sync += register.eq(moved)
            with m.If(self.load & (self.lane == i)):
                m.d.sync += register.eq(masked)
            m.d.comb += self.out[i].eq(register[:8].as_signed())
        return m
