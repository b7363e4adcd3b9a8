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

LAST_BITS = 24
"""A row that does not count may lie outside the accumulator: up to 63 strides of 16 bits behind another."""


def drain_layout() -> data.StructLayout:
    """What to do with a drained row: see :class:`Accumulator`."""
    return data.StructLayout({"write": 1, "first": 1, "held": 1, "addend": isa.Addend, "address": 16, "last": LAST_BITS, "bias": 16})


class Accumulator(wiring.Component):
    """``acc_words`` words of ``cols`` int32 in two banks, each with one read and one write port, shared by three users.

    The parity of its address says in which bank a word is. So of rows that are a power of two apart at most two in succession are in
    the same bank, and STORE finds its reads in between. With other strides it may wait longer: 63 words apart, as long as 64 rows take.

    drain
        Rows of results. ``drain`` announces a row :data:`ACC_READ_LATENCY` cycles before it is on ``row``; the row, plus its
        addend, is then written to ``address`` if ``write``. The addend is nothing, the word at ``address``, or the
        bias word: that one is read with the ``first`` row of a tile and kept. Never waits. ``held``: STORE has been told of the
        words up to ``last`` although they come only now, in order.
    read
        STORE's reads; refused in the cycles in which the drain reads the same bank, and where ``held`` words are yet to be written.
    write
        LOAD's writes, any bytes; refused in the cycles in which the drain writes the same bank. Bytes of two words take two cycles.

    A word must not be read in the cycle in which it is written, nor the addend in the
    :data:`ACC_READ_LATENCY` cycles before; tokens order the users, and the rows of a tile differ in address.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        self.banks = [memory.Memory(shape=config.acc_word_bytes * 8, depth=config.acc_words // 2, init=[]) for _ in range(2)]
        super().__init__(
            {
                "drain": In(drain_layout()),
                "row": In(ArrayLayout(signed(32), config.cols)),
                "read": In(acc_read_port(config)),
                "write": In(local_write_port(config)),
            }
        )

    def word(self, address):
        """The cell of a word, for simulations to look at."""
        return self.banks[address.bit_count() % 2].data[address // 2]

    def elaborate(self, platform):
        m = Module()
        config = self.config
        word_bits = config.acc_word_bytes * 8
        address_bits = ceil_log2(config.acc_words)

        def bank_of(address):
            return address[:address_bits].xor()

        drain_reads = Signal()
        accumulates = self.drain.write & (self.drain.addend == isa.Addend.ACCUMULATE)
        takes_bias = self.drain.first & (self.drain.addend == isa.Addend.BIAS)
        drain_reads_at = Signal(16)
        now = data.View(drain_layout(), delayed(m, self.drain.as_value(), ACC_READ_LATENCY, name="drain", reset_less=False))
        early = now.write & now.held & (self.read.address >= now.address) & (self.read.address <= now.last)
        m.d.comb += [
            drain_reads.eq(accumulates | takes_bias),
            drain_reads_at.eq(Mux(takes_bias, self.drain.bias, self.drain.address)),
            self.read.ready.eq((~drain_reads | (bank_of(drain_reads_at) != bank_of(self.read.address))) & ~early),
        ]
        fetched = []
        for number, bank in enumerate(self.banks):
            m.submodules[f"bank{number}"] = bank
            read = bank.read_port()
            drained = drain_reads & (bank_of(drain_reads_at) == number)
            m.d.comb += [
                read.en.eq(drained | (self.read.valid & (bank_of(self.read.address) == number))),
                read.addr.eq(Mux(drained, drain_reads_at, self.read.address) >> 1),
            ]
            word = Signal(word_bits, name=f"fetched{number}", reset_less=True)
            m.d.sync += word.eq(read.data)
            fetched.append(word)
        assert ACC_READ_LATENCY == 2
        for_drain = Mux(delayed(m, bank_of(drain_reads_at), ACC_READ_LATENCY, name="drain_bank"), fetched[1], fetched[0])
        store_reads = self.read.valid & self.read.ready
        m.d.comb += [
            self.read.data.eq(Mux(delayed(m, bank_of(self.read.address), ACC_READ_LATENCY, name="store_bank"), fetched[1], fetched[0])),
            self.read.data_valid.eq(delayed(m, store_reads, ACC_READ_LATENCY, name="store_reads", reset_less=False)),
        ]

        # The drained row meets its addend.
        bias = Signal(word_bits, reset_less=True)
        addend = Signal(word_bits)
        with m.If(now.first):
            m.d.sync += bias.eq(for_drain)
        with m.If(now.addend == isa.Addend.ACCUMULATE):
            m.d.comb += addend.eq(for_drain)
        with m.Elif(now.addend == isa.Addend.BIAS):
            m.d.comb += addend.eq(Mux(now.first, for_drain, bias))
        total = Cat((self.row[j] + addend.word_select(j, 32).as_signed())[:32] for j in range(config.cols))

        # LOAD's bytes: lanes below the first byte's lane are of the next beat, which may be in the next word: written a cycle later.
        beat, word = config.bus_bytes, config.acc_word_bytes
        first_lane, first_beat = self.write.payload.address[: ceil_log2(beat)], self.write.payload.address[ceil_log2(beat) :]
        beats_in_word = ceil_log2(word // beat)
        from_first, lanes, mask, upper = Signal(beat), Signal(2 * word), self.write.payload.mask, Signal()
        load_address = Signal(16)
        m.d.comb += [
            from_first.eq(((1 << beat) - 1) << first_lane),
            lanes.eq(Cat(mask & from_first, mask & ~from_first) << (first_beat[:beats_in_word] * beat)),
            load_address.eq(first_beat[beats_in_word:] + upper),
        ]
        free = ~(now.write & (bank_of(now.address) == bank_of(load_address)))
        done = upper | (lanes[word:] == 0)
        with m.If(self.write.valid & free):
            m.d.sync += upper.eq(~done)
        m.d.comb += self.write.ready.eq(free & done)

        enable = Mux(upper, lanes[word:], lanes[:word])
        for number, bank in enumerate(self.banks):
            write = bank.write_port(granularity=8)
            drains, loads = now.write & (bank_of(now.address) == number), self.write.valid & (bank_of(load_address) == number)
            m.d.comb += [
                write.addr.eq(Mux(drains, now.address, load_address) >> 1),
                write.data.eq(Mux(drains, total, self.write.payload.data.replicate(word // beat))),
                write.en.eq(Mux(drains, (1 << word) - 1, Mux(loads, enable, 0))),
            ]
        return m
