"""STORE's addresses: the loops of a descriptor as segments, runs of consecutive bytes in memory."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.decode import work_layout

COUNT_BITS = 16
ROW_BITS = 18
"""Bits of the bytes of a row: up to 2¹⁶ - 1 int32."""


def segment_bits(config: ArrayConfig) -> int:
    """Bits of a segment's length: a row, or as much as the accumulator holds."""
    return max(ROW_BITS, ceil_log2(config.acc_bytes) + 1)


def segment_layout(config: ArrayConfig) -> data.StructLayout:
    """``bytes`` at ``address``; ``last``: the descriptor ends here."""
    return data.StructLayout({"address": config.address_bits, "bytes": segment_bits(config), "last": 1})


class SegmentWalker(wiring.Component):
    """Gives the segments of a descriptor in order, one a cycle.

    First it folds the loops, innermost first, as long as one's rows follow each other without a gap or it has only one:
    then its rows are one row, ``count`` times as long. So a result that is contiguous in memory is one segment, however many
    rows it has, and its bursts can be issued at once. The product is small, because nothing longer than the accumulator is
    folded, and has a cycle of its own. What is left is walked with one adder.

    Latency: the first segment is there 2 cycles after ``start``, 1 more for each loop of one row, 2 more for each other
    loop folded. ``idle`` says that a descriptor may be started.

    Not handled: rows that continue each other only across loops of larger strides; they are segments of their own. Addresses
    are taken modulo 2^address_bits.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "work": In(work_layout(isa.STORE)),
                "idle": Out(1),
                "segments": Out(stream.Signature(segment_layout(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        loops = range(isa.STORE_DIMS)
        self.starts = [Signal(self.config.address_bits, name=f"start{loop + 1}", reset_less=True) for loop in loops]
        self.bytes = Signal(segment_bits(self.config), reset_less=True)
        self.counts = [Signal(COUNT_BITS, name=f"count{loop + 1}", reset_less=True) for loop in loops]
        self.strides = [Signal(signed(32), name=f"stride{loop + 1}", reset_less=True) for loop in loops]
        self.left = [Signal(COUNT_BITS, name=f"left{loop + 1}", reset_less=True) for loop in loops]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.idle.eq(1)
                with m.If(self.start):
                    self._load(m)
                    m.next = "FOLD"
            with m.State("FOLD"):
                product = self._fold(m)
            with m.State("FOLDED"):
                with m.If(product <= self.config.acc_bytes):
                    m.d.sync += self.bytes.eq(product)
                    self._drop_loop(m)
                    m.next = "FOLD"
                with m.Else():
                    m.next = "WALK"
            with m.State("WALK"):
                self._walk(m)
        return m

    def _load(self, m):
        work = self.work
        m.d.sync += [
            *(start.eq(work.address) for start in self.starts),
            self.bytes.eq(Mux(work.output == isa.Output.INT32, work.n << 2, work.n)),
            *(count.eq(work[f"count{i + 1}"]) for i, count in enumerate(self.counts)),
            *(stride.eq(work[f"stride{i + 1}"]) for i, stride in enumerate(self.strides)),
        ]

    def _fold(self, m):
        """Folds the innermost loop if that is possible; gives the register with the length of all of its rows together."""
        fits = (self.bytes <= self.config.acc_bytes) & (self.counts[0] <= self.config.acc_words)
        length = self.bytes[: ceil_log2(self.config.acc_bytes) + 1]
        count = self.counts[0][: ceil_log2(self.config.acc_words) + 1]
        product = Signal(len(length) + len(count), reset_less=True)
        m.d.sync += [product.eq(length * count), *(left.eq(count) for left, count in zip(self.left, self.counts))]
        with m.If(Cat(count == 1 for count in self.counts).all()):
            m.next = "WALK"
        with m.Elif(self.counts[0] == 1):
            self._drop_loop(m)
        with m.Elif((self.strides[0] == self.bytes) & fits):
            m.next = "FOLDED"
        with m.Else():
            m.next = "WALK"
        return product

    def _drop_loop(self, m):
        """The second loop becomes the innermost; a loop of one row comes in from outside."""
        m.d.sync += [now.eq(outer) for now, outer in zip(self.counts, [*self.counts[1:], 1])]
        m.d.sync += [now.eq(outer) for now, outer in zip(self.strides, self.strides[1:])]

    def _walk(self, m):
        """A segment a step. ``starts[i]`` is the address of the current iteration of loop i + 1: the innermost loop that is not
        done moves it by its stride, and the loops inside that one start there."""
        done = Cat(left == 1 for left in self.left)
        origin, stride, following = Signal.like(self.starts[0]), Signal(signed(32)), Signal.like(self.starts[0])
        for loop in reversed(range(isa.STORE_DIMS)):
            with m.If(~done[loop]):  # the innermost comes last, so it wins
                m.d.comb += [origin.eq(self.starts[loop]), stride.eq(self.strides[loop])]
        segment = self.segments.payload
        m.d.comb += [
            following.eq(origin + stride),
            self.segments.valid.eq(1),
            segment.address.eq(self.starts[0]),
            segment.bytes.eq(self.bytes),
            segment.last.eq(done.all()),
        ]
        with m.If(self.segments.ready):
            for loop in range(isa.STORE_DIMS):
                left = self.left[loop]
                with m.If(done[:loop].all() if loop else 1):
                    m.d.sync += [left.eq(Mux(done[loop], self.counts[loop], left - 1)), self.starts[loop].eq(following)]
            with m.If(done.all()):
                m.next = "IDLE"
