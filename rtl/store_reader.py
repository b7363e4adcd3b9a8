"""STORE's reads: walks the accumulator and, beside it, the parameter buffer."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwacc import isa
from hwacc.config import INT32_BYTES, ArrayConfig
from hwacc.rtl.decode import column_tiles, work_layout
from hwacc.rtl.pack import appended_bytes
from hwacc.rtl.requantise import rounding_layout

COUNT_BITS = 16
WORD_BITS = 16
OUTPUT_BYTES = {isa.Output.INT8: 1, isa.Output.INT32: INT32_BYTES}


def format_layout() -> data.StructLayout:
    """What becomes of the words of a descriptor."""
    return data.StructLayout({"output": 1, "per_channel": 1, "multiplier": signed(32), "shift": 6, "rounding": rounding_layout()})


def read_layout(config: ArrayConfig) -> data.StructLayout:
    """A word of the accumulator, the word of the parameter buffer that goes with it, and how many columns count.

    Where a row's last word has less than a beat and goes along with the one before, it ``joins`` that one, whose ``columns`` are
    those of both.
    """
    return data.StructLayout(
        {
            "word": WORD_BITS,
            "parameter_word": exact_log2(config.parameter_words),
            "columns": range(2 * config.cols),
            "joins": 1,
            "format": format_layout(),
        }
    )


class AccumulatorReader(wiring.Component):
    """Asks for the words of a descriptor in order, one a cycle while there is ``room`` (a bit for each :class:`hwacc.isa.Output`).

    A read counts when ``reads`` transfers; its data comes later, to someone else. Latency: the first read is offered in
    the cycle after ``start``; a descriptor may be started while ``idle``. ``finished`` pulses in the cycle after the
    last read of a descriptor that signals COMPUTE. ``outside``: the next word is not in its buffer, and the reader
    waits for reset.

    Not handled: counts of zero.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "work": In(work_layout(isa.STORE)),
                "idle": Out(1),
                "room": In(len(isa.Output)),
                "reads": Out(stream.Signature(read_layout(config))),
                "finished": Out(1),
                "outside": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        active = Signal()
        self._moves, self._row_ends = Signal(), Signal()
        self._tiles(m)
        rows_end = self._rows(m)
        word_outside, parameter_outside = self._words(m), self._parameters(m)
        finishes = self._moves & self._row_ends & rows_end

        form = Signal(format_layout(), reset_less=True)
        signals = Signal(reset_less=True)
        read = self.reads.payload
        m.d.comb += [
            self.idle.eq(~active),
            self.outside.eq(active & (word_outside | (parameter_outside & form.per_channel & (form.output == isa.Output.INT8)))),
            self.reads.valid.eq(active & ~self.outside & self.room.bit_select(form.output, 1)),
            self._moves.eq(self.reads.valid & self.reads.ready),
            read.format.eq(form),
        ]
        with m.If(self.start):
            m.d.sync += [active.eq(1), signals.eq(self.work.signal_compute)]
            m.d.sync += [form[name].eq(self.work[name]) for name in ("output", "per_channel", "multiplier", "shift")]
            m.d.sync += [form.rounding[name].eq(self.work[name]) for name in rounding_layout().members]
        with m.Elif(finishes):
            m.d.sync += active.eq(0)
        m.d.sync += self.finished.eq(finishes & signals)
        return m

    def _tiles(self, m):
        """Counts the words of a row; says how many columns each has, and whether the last one joins the one before."""
        column_bits = exact_log2(self.config.cols)
        left, whole = Signal(COUNT_BITS, reset_less=True), Signal(COUNT_BITS, reset_less=True)
        tail, joins = Signal(range(self.config.cols + 1), reset_less=True), Signal(reset_less=True)
        less_one, read = Signal(COUNT_BITS), self.reads.payload
        m.d.comb += [
            less_one.eq(self.work.n - 1),
            self._row_ends.eq(left == 0),
            read.columns.eq(Mux(self._row_ends, tail, self.config.cols | Mux((left == 1) & joins, tail, 0))),
            read.joins.eq(self._row_ends & joins),
        ]
        with m.If(self.start):
            tiles, rest = less_one[column_bits:], less_one[:column_bits]
            most = {output: appended_bytes(self.config, size) // size for output, size in OUTPUT_BYTES.items()}
            short = Mux(self.work.output == isa.Output.INT32, rest < most[isa.Output.INT32], rest < most[isa.Output.INT8])
            m.d.sync += [left.eq(tiles), whole.eq(tiles), tail.eq(rest + 1), joins.eq((tiles != 0) & short)]
        with m.Elif(self._moves):
            m.d.sync += left.eq(Mux(self._row_ends, whole, left - 1))

    def _rows(self, m):
        """Counts the rows of all loops; says when the last one is being read."""
        loops = range(isa.STORE_DIMS)
        left = [Signal(COUNT_BITS, name=f"rows{loop + 1}", reset_less=True) for loop in loops]
        whole = [Signal(COUNT_BITS, name=f"count{loop + 1}", reset_less=True) for loop in loops]
        done = Cat(rows == 1 for rows in left)
        for loop in loops:
            count = self.work[f"count{loop + 1}"]
            steps = self._moves & self._row_ends & (done[:loop].all() if loop else 1)
            with m.If(self.start):
                m.d.sync += [left[loop].eq(count), whole[loop].eq(count)]
            with m.Elif(steps):
                m.d.sync += left[loop].eq(Mux(done[loop], whole[loop], left[loop] - 1))
        return done.all()

    def _words(self, m):
        """Walks the accumulator; says whether the next word lies outside."""
        word, row = Signal(WORD_BITS + 1, reset_less=True), Signal(WORD_BITS + 1, reset_less=True)
        stride = Signal(WORD_BITS, reset_less=True)
        next_row = Signal(WORD_BITS + 1)
        m.d.comb += next_row.eq(row + stride)
        with m.If(self.start):
            tiles = column_tiles(self.work.n, self.config)
            m.d.sync += [
                word.eq(self.work.acc),
                row.eq(self.work.acc),
                stride.eq(Mux(self.work.acc_stride == 0, tiles, self.work.acc_stride)),
            ]
        with m.Elif(self._moves):
            m.d.sync += word.eq(Mux(self._row_ends, next_row, word + 1))
            with m.If(self._row_ends):
                m.d.sync += row.eq(next_row)
        m.d.comb += self.reads.payload.word.eq(word)
        return word >= min(self.config.acc_words, 1 << WORD_BITS)

    def _parameters(self, m):
        """Walks the parameter buffer, from the start in every row; says whether the next word lies outside."""
        word, first = Signal(WORD_BITS + 1, reset_less=True), Signal(WORD_BITS, reset_less=True)
        with m.If(self.start):
            m.d.sync += [word.eq(self.work.parameters), first.eq(self.work.parameters)]
        with m.Elif(self._moves):
            m.d.sync += word.eq(Mux(self._row_ends, first, word + 1))
        m.d.comb += self.reads.payload.parameter_word.eq(word)
        return word >= self.config.parameter_words
