"""STORE's data: accumulator words as int8 or int32, and as slices of about a beat."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwacc import isa
from hwacc.config import INT32_BYTES, ArrayConfig
from hwacc.rtl.buffer import parameter_layout
from hwacc.rtl.delay import delayed
from hwacc.rtl.interfaces import ACC_READ_LATENCY
from hwacc.rtl.pack import slice_layout
from hwacc.rtl.requantise import LATENCY, Requantiser
from hwacc.rtl.store_queue import WordQueue
from hwacc.rtl.store_reader import read_layout

QUEUE_WORDS = {isa.Output.INT8: 16, isa.Output.INT32: 8}
"""Words for which there is room between accumulator and packer. A read comes back as room after the latencies and two
cycles more, so this is enough for a word a cycle, and for the accumulator to pause now and then."""

assert QUEUE_WORDS[isa.Output.INT8] >= ACC_READ_LATENCY + LATENCY + 2
assert QUEUE_WORDS[isa.Output.INT32] >= ACC_READ_LATENCY + 2


class WordFormatter(wiring.Component):
    """Takes what the accumulator answers, requantises it or not, and gives it out in order as slices.

    ``accepted`` marks a cycle in which the accumulator accepts ``read``; ``word`` and ``scales`` are its answer and the parameter
    buffer's, :data:`ACC_READ_LATENCY` cycles later. ``room`` has a bit for each :class:`hwacc.isa.Output`: such a read may be
    accepted. int8 and int32 wait in queues of their own, so int32 does not pass through the requantiser, and a third queue
    keeps their order.

    Words are cut at whole beats. What is less than a beat at the end of a row goes out with the beat before it, also where it is a
    word of its own (one that ``joins``), which the last slice of the word before then waits for.

    Latency: 2 cycles from an int32 word to its first slice, ``LATENCY`` more for int8. A slice a cycle.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__(
            {
                "accepted": In(1),
                "read": In(read_layout(config)),
                "word": In(config.acc_word_bytes * 8),
                "scales": In(data.ArrayLayout(parameter_layout(), config.cols)),
                "room": Out(len(isa.Output)),
                "slices": Out(stream.Signature(slice_layout(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        depth = QUEUE_WORDS
        piece = config.bus_bytes * 8
        m.submodules.int8 = int8 = WordQueue(word_bits=config.cols * 8, piece_bits=piece, depth=depth[isa.Output.INT8])
        m.submodules.int32 = int32 = WordQueue(word_bits=config.acc_word_bytes * 8, piece_bits=piece, depth=depth[isa.Output.INT32])
        m.submodules.order = order = SyncFIFO(width=len(self.read.columns) + 1, depth=sum(depth.values()))
        m.d.comb += [
            order.w_en.eq(self.accepted & ~self.read.joins),
            order.w_data.eq(Cat(self.read.columns, self.read.format.output)),
        ]
        self._fill(m, int8, int32)
        self._reserve(m, isa.Output.INT8, int8)
        self._reserve(m, isa.Output.INT32, int32)
        self._cut(m, order, int8, int32)
        return m

    def _fill(self, m, int8, int32):
        """The answer to a read, through the requantiser or past it."""
        accepted = delayed(m, self.accepted, ACC_READ_LATENCY, name="answered", reset_less=False)
        read = data.View(read_layout(self.config), delayed(m, data.Value.cast(self.read), ACC_READ_LATENCY, name="read"))
        form = read.format
        m.d.comb += [
            int32.w_en.eq(accepted & (form.output == isa.Output.INT32)),
            int32.w_data.eq(self.word),
            int32.joins.eq(read.joins),
        ]
        m.submodules.requantiser = requantiser = Requantiser(self.config)
        m.d.comb += [
            requantiser.valid.eq(accepted & (form.output == isa.Output.INT8)),
            requantiser.values.eq(self.word),
            requantiser.rounding.eq(form.rounding),
            int8.w_en.eq(requantiser.result_valid),
            int8.w_data.eq(requantiser.results),
        ]
        if int8.pieces > 1:
            m.d.comb += int8.joins.eq(delayed(m, read.joins, LATENCY, name="joins"))
        for lane in range(self.config.cols):
            for name in parameter_layout().members:
                m.d.comb += requantiser.scales[lane][name].eq(Mux(form.per_channel, self.scales[lane][name], form[name]))

    def _reserve(self, m, output, queue):
        """Counts the words that are in the queue or on their way to it."""
        taken = Signal(range(queue.depth + 1), name=f"taken_{output.name.lower()}")
        reads = self.accepted & (self.read.format.output == output)
        m.d.comb += self.room[output].eq(taken != queue.depth)
        m.d.sync += taken.eq(taken + reads - queue.gone)

    def _cut(self, m, order, int8, int32):
        """The oldest word, a slice at a time, through a register; the last whole beat takes along what is left behind it."""
        size = self.config.bus_bytes
        columns, is_int32 = order.r_data[:-1], order.r_data[-1]
        length = Signal(range(2 * self.config.acc_word_bytes))
        beats, rest = length[exact_log2(size) :], length[: exact_log2(size)]
        piece, ends, moves = Signal(range(max(2, self.config.acc_word_bytes // size))), Signal(), Signal()
        free = ~self.slices.valid | self.slices.ready
        m.d.comb += [
            length.eq(Mux(is_int32, columns << exact_log2(INT32_BYTES), columns)),
            moves.eq(free & order.r_rdy & Mux(is_int32, int32.ready, int8.ready)),
            ends.eq(piece + 1 >= beats),
            order.r_en.eq(moves & ends),
        ]
        for queue, chosen in (int8, ~is_int32), (int32, is_int32):
            m.d.comb += [queue.piece.eq(piece), queue.both.eq(ends & rest.any()), queue.takes.eq(moves & chosen), queue.ends.eq(ends)]
        even = Mux(is_int32, int32.even, int8.even)
        odd = Mux(is_int32, int32.odd, int8.odd) if int8.pieces > 1 else int32.odd
        valid, cut = Signal(), Signal(slice_layout(self.config), reset_less=True)
        with m.If(moves):
            m.d.sync += [
                valid.eq(1),
                piece.eq(Mux(ends, 0, piece + 1)),
                cut.bytes.eq(Mux(ends, Cat(rest, beats.any()), size)),
                cut.data.eq(Cat(Mux(piece[0], odd, even), Mux(piece[0], even, odd))),
            ]
        with m.Elif(self.slices.ready):
            m.d.sync += valid.eq(0)
        m.d.comb += [self.slices.valid.eq(valid), self.slices.payload.eq(cut)]
