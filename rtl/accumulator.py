"""The accumulator buffer."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.data import ArrayLayout
from amaranth.lib.wiring import In
from amaranth.utils import ceil_log2

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.delay import delayed
from hwacc.rtl.interfaces import ACC_READ_LATENCY, acc_read_port, local_write_port


def drain_layout() -> data.StructLayout:
    """What to do with a drained row: see :class:`Accumulator`."""
    return data.StructLayout({"write": 1, "first": 1, "addend": isa.Addend, "address": 16, "bias": 16})


class Accumulator(wiring.Component):
    """``acc_words`` words of ``cols`` int32, one read and one write port, shared by three users.

    drain
        Rows of results. ``drain`` announces a row :data:`ACC_READ_LATENCY` cycles before it is on ``row``; the row, plus its
        addend, is then written to ``address`` if ``write``. The addend is nothing, the word at ``address``, or the
        bias word: that one is read with the ``first`` row of a tile and kept. Never waits.
    read
        STORE's reads; refused in the cycles in which the drain reads.
    write
        LOAD's writes, any bytes; refused in the cycles in which the drain writes.

    A word must not be read in the cycle in which it is written, nor the addend in the
    :data:`ACC_READ_LATENCY` cycles before; tokens order the users, and the rows of a tile differ in address.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        self.words = memory.Memory(shape=config.acc_word_bytes * 8, depth=config.acc_words, init=[])
        super().__init__(
            {
                "drain": In(drain_layout()),
                "row": In(ArrayLayout(signed(32), config.cols)),
                "read": In(acc_read_port(config)),
                "write": In(local_write_port(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        word_bits = config.acc_word_bytes * 8
        m.submodules.words = self.words
        read, write = self.words.read_port(), self.words.write_port(granularity=8)

        drain_reads = Signal()
        accumulates = self.drain.write & (self.drain.addend == isa.Addend.ACCUMULATE)
        takes_bias = self.drain.first & (self.drain.addend == isa.Addend.BIAS)
        m.d.comb += [
            drain_reads.eq(accumulates | takes_bias),
            self.read.ready.eq(~drain_reads),
            read.en.eq(drain_reads | self.read.valid),
            read.addr.eq(Mux(drain_reads, Mux(takes_bias, self.drain.bias, self.drain.address), self.read.address)),
        ]
        fetched = Signal(word_bits, reset_less=True)
        m.d.sync += fetched.eq(read.data)
        assert ACC_READ_LATENCY == 2
        store_reads = self.read.valid & self.read.ready
        m.d.comb += [
            self.read.data.eq(fetched),
            self.read.data_valid.eq(delayed(m, store_reads, ACC_READ_LATENCY, name="store_reads", reset_less=False)),
        ]

        # The drained row meets its addend.
        now = data.View(drain_layout(), delayed(m, self.drain.as_value(), ACC_READ_LATENCY, name="drain", reset_less=False))
        bias = Signal(word_bits, reset_less=True)
        addend = Signal(word_bits)
        with m.If(now.first):
            m.d.sync += bias.eq(fetched)
        with m.If(now.addend == isa.Addend.ACCUMULATE):
            m.d.comb += addend.eq(fetched)
        with m.Elif(now.addend == isa.Addend.BIAS):
            m.d.comb += addend.eq(Mux(now.first, fetched, bias))
        total = Cat((self.row[j] + addend.word_select(j, 32).as_signed())[:32] for j in range(config.cols))

        # LOAD's bytes: lanes below the first byte's lane belong to the next beat-sized word, and are written a cycle later.
        beat, word = config.bus_bytes, config.acc_word_bytes
        first_lane = self.write.payload.address[: ceil_log2(beat)]
        upper = Signal()
        from_first = Signal(beat)
        m.d.comb += from_first.eq(((1 << beat) - 1) << first_lane)
        mask = self.write.payload.mask
        chosen = Mux(upper, mask & ~from_first, mask & from_first)
        index = Signal(range(config.acc_bytes // beat + 1))
        m.d.comb += index.eq(self.write.payload.address[ceil_log2(beat) :] + upper)
        beat_in_word = index[: ceil_log2(word // beat)]
        done = upper | ((mask & ~from_first) == 0)
        with m.If(self.write.valid & ~now.write):
            m.d.sync += upper.eq(~done)
        m.d.comb += self.write.ready.eq(~now.write & done)

        with m.If(now.write):
            m.d.comb += [write.addr.eq(now.address), write.data.eq(total), write.en.eq((1 << word) - 1)]
        with m.Else():
            m.d.comb += [
                write.addr.eq(index[ceil_log2(word // beat) :]),
                write.data.eq(self.write.payload.data.replicate(word // beat)),
                write.en.eq(Mux(self.write.valid, chosen << (beat_in_word * beat), 0)),
            ]
        return m
