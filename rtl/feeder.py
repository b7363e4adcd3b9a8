"""The operand feeder: scratchpad words in, skewed lanes out."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2


class Feeder(wiring.Component):
    """One shift register of ``word_bytes`` for each of ``lanes`` lanes; a byte leaves each lane every cycle.

    Two ways of filling, for the two layouts of an operand:

    load
        k contiguous: the word holds ``word_bytes`` steps of lane ``lane`` and replaces its register.
        Loading lane i+1 one cycle after lane i is exactly the systolic skew. Bytes from ``tail`` on are zeroed
        (``tail`` 0: none). With ``backwards``, only part ``slice`` of the word counts, ``slice_bytes`` long, its last byte first.
    step
        across: the word holds one step of every lane, at byte ``group * lanes``; the byte of lane i enters at
        position i and leaves i cycles later.

    What is loaded or stepped in a cycle reaches the outputs one cycle later. Without either, zeros
    move in. ``load`` and ``step`` together are not handled.
    """

    def __init__(self, *, lanes: int, word_bytes: int, slice_bytes: int | None = None):
        if lanes > word_bytes:
            raise ValueError(f"{lanes} lanes do not fit in words of {word_bytes} bytes")
        self.lanes = lanes
        self.word_bytes = word_bytes
        self.slice_bytes = slice_bytes or word_bytes
        super().__init__(
            {
                "word": In(word_bytes * 8),
                "load": In(1),
                "lane": In(ceil_log2(word_bytes)),
                "tail": In(ceil_log2(word_bytes)),
                "backwards": In(1),
                "slice": In(ceil_log2(word_bytes // self.slice_bytes)),
                "step": In(1),
                "group": In(ceil_log2(word_bytes // lanes)),
                "out": Out(ArrayLayout(signed(8), lanes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        bits = self.word_bytes * 8
        keep = Array(Const((1 << (8 * count if count else bits)) - 1, bits) for count in range(self.word_bytes))
        masked = Signal(bits)
        m.d.comb += masked.eq(self.word & keep[self.tail])
        part = masked.word_select(self.slice, self.slice_bytes * 8)
        loaded = Signal(bits, attrs={"keep": 1})  # else synthesis makes it anew for each lane, in twice the look-up tables
        m.d.comb += loaded.eq(Mux(self.backwards, Cat(part.word_select(i, 8) for i in reversed(range(self.slice_bytes))), masked))
        across = Signal(self.lanes * 8)
        m.d.comb += across.eq(Mux(self.step, self.word.word_select(self.group, self.lanes * 8), 0))
        for i in range(self.lanes):
            register = Signal(bits, name=f"lane{i}", reset_less=True)
            moved = register[8:] | (across.word_select(i, 8) << (8 * i))
            m.d.sync += register.eq(moved)
            with m.If(self.load & (self.lane == i)):
                m.d.sync += register.eq(loaded)
            m.d.comb += self.out[i].eq(register[:8].as_signed())
        return m
