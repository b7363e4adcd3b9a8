"""Bytes into beats: places slices of bytes at any byte address of a wide bus."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hwacc.config import INT32_BYTES, ArrayConfig


def appended_bytes(config: ArrayConfig, element_bytes: int) -> int:
    """Most bytes that go along with a whole beat, at the end of a row of such elements: less than a beat, where a word has several."""
    return config.bus_bytes - element_bytes if config.cols * element_bytes > config.bus_bytes else 0


def slice_bytes(config: ArrayConfig) -> int:
    """Most bytes of a slice, for int8 and int32."""
    return config.bus_bytes + max(appended_bytes(config, element) for element in (1, INT32_BYTES))


def slice_layout(config: ArrayConfig) -> data.StructLayout:
    """The next ``bytes`` (1 to :func:`slice_bytes`) of a segment, in the low lanes of ``data``."""
    return data.StructLayout({"data": slice_bytes(config) * 8, "bytes": range(slice_bytes(config) + 1)})


def span_layout(config: ArrayConfig, byte_bits: int) -> data.StructLayout:
    """Where a segment lies: the lane of its first byte, and how many bytes it has (``byte_bits`` wide, at least 1)."""
    return data.StructLayout({"lane": ceil_log2(config.bus_bytes), "bytes": byte_bits})


def beat_layout(config: ArrayConfig) -> data.StructLayout:
    """A beat and the lanes that count."""
    return data.StructLayout({"data": config.bus_bytes * 8, "strb": config.bus_bytes})


class BytePacker(wiring.Component):
    """Turns slices into full beats, a slice and a beat a cycle.

    ``spans`` says how the stream of slices is cut into segments: runs of consecutive addresses. Within one, slices are
    joined; at its end an unfinished beat goes out, with strobes for its bytes only. A slice must not reach over the end of its
    segment.

    A slice is rotated to its lanes, and a register holds the result; then it joins the bytes carried over. What a slice has
    beyond a whole beat is rotated by as much and lands behind it. Latency: one cycle from the slice that completes a beat;
    one more, in which no slice passes, for each further beat that it completes or that the end of a segment leaves
    unfinished. ``beats`` comes from logic: register it.

    Not handled: addresses above the lane; bursts.
    """

    def __init__(self, config: ArrayConfig, byte_bits: int):
        self.bus_bytes = config.bus_bytes
        self.appends = slice_bytes(config) > config.bus_bytes
        self.byte_bits = byte_bits
        super().__init__(
            {
                "spans": In(stream.Signature(span_layout(config, byte_bits))),
                "slices": In(stream.Signature(slice_layout(config))),
                "beats": Out(stream.Signature(beat_layout(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        self._valid, self._taken = Signal(), Signal()
        self._rotate(m)
        self._join(m)
        return m

    def _rotate(self, m):
        """First stage: follows the segment, rotates the slice, and says which lanes of this and the next beat it fills."""
        size = self.bus_bytes
        fresh = Signal(init=1)
        next_lane, bytes_left = Signal.like(self.spans.payload.lane), Signal(self.byte_bits)
        lane, left = Signal.like(next_lane), Signal(self.byte_bits)
        past, ends, moves = Signal(range(3 * size)), Signal(), Signal()
        piece = self.slices.payload
        m.d.comb += [
            lane.eq(Mux(fresh, self.spans.payload.lane, next_lane)),
            left.eq(Mux(fresh, self.spans.payload.bytes, bytes_left)),
            past.eq(lane + piece.bytes),
            ends.eq(left == piece.bytes),
            self.slices.ready.eq(self.spans.valid & (~self._valid | self._taken)),
            moves.eq(self.slices.valid & self.slices.ready),
            self.spans.ready.eq(moves & ends),
        ]
        self._rotated, self._appended = Signal(size * 8, reset_less=True), Signal(size * 8, reset_less=True)
        self._low, self._high, self._beyond = (Signal(size, name=name, reset_less=True) for name in ("low", "high", "beyond"))
        self._full, self._double, self._ends = (Signal(name=name, reset_less=True) for name in ("full", "double", "ends"))
        with m.If(moves):
            m.d.sync += [
                fresh.eq(ends),
                next_lane.eq(past),
                bytes_left.eq(left - piece.bytes),
                self._rotated.eq(_rotate_lanes(piece.data[: size * 8], lane)),
                self._low.eq(Cat((i >= lane) & (i < past) for i in range(size))),
                self._high.eq(Cat(i + size < past for i in range(size))),
                self._full.eq(past >= size),
                self._ends.eq(ends),
                self._valid.eq(1),
            ]
            if self.appends:
                appended = piece.data[size * 8 :]
                m.d.sync += [
                    self._appended.eq(_rotate_lanes(Cat(appended, Const(0, size * 8 - len(appended))), lane)),
                    self._beyond.eq(Cat(i + 2 * size < past for i in range(size))),
                    self._double.eq(past >= 2 * size),
                ]
        with m.Elif(self._taken):
            m.d.sync += self._valid.eq(0)

    def _join(self, m):
        """Second stage: the rotated slice joins the carried bytes; ``tail`` marks carried bytes that must go out alone, ``second``
        a whole beat of them, behind which the slice has more."""
        size = self.bus_bytes
        carried, mask, tail, second = Signal(size * 8, reset_less=True), Signal(size), Signal(), Signal()
        joined, joined_mask, behind = Signal(size * 8), Signal(size), Signal(size * 8)
        for lane in range(size):
            old, new, appended = (bytes_.word_select(lane, 8) for bytes_ in (carried, self._rotated, self._appended))
            m.d.comb += joined.word_select(lane, 8).eq(Mux(mask[lane], old, new))
            m.d.comb += behind.word_select(lane, 8).eq(Mux(self._low[lane] | second, appended, new) if self.appends else new)
        completes = self._full | self._ends
        first_of_two, moves = self._double & ~second, Signal()
        left = Mux(second, self._beyond, self._high)
        m.d.comb += [
            joined_mask.eq(Mux(tail, mask, mask | self._low)),
            self.beats.payload.data.eq(joined),
            self.beats.payload.strb.eq(joined_mask),
            self.beats.valid.eq(tail | (self._valid & completes)),
            moves.eq(self._valid & ~tail & (self.beats.ready | ~completes)),
            self._taken.eq(moves & ~first_of_two),
        ]
        with m.If(tail & self.beats.ready):
            m.d.sync += [tail.eq(0), mask.eq(0)]
        with m.Elif(moves):
            m.d.sync += [
                second.eq(first_of_two),
                tail.eq(self._ends & left.any() & ~first_of_two),
                mask.eq(Mux(completes, left, joined_mask)),
                carried.eq(Mux(completes, behind, joined)),
            ]


def _rotate_lanes(value, lanes):
    """``value`` with its byte 0 in lane ``lanes``, the top ones coming round to lane 0; one multiplexer for each bit of ``lanes``."""
    for bit in range(len(lanes)):
        value = Mux(lanes[bit], value.rotate_left(8 << bit), value)
    return value
