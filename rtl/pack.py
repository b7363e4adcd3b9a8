"""Bytes into beats: places slices of bytes at any byte address of a wide bus."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hwacc.config import INT32_BYTES, ArrayConfig


def appended_bytes(config: ArrayConfig, element_bytes: int) -> int:
    """Most bytes that go along with the last whole beat of a row of such elements: less than a beat, and none where a word is no more
    than one, as then a word a cycle is the limit."""
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
        """First stage: follows the segment, rotates the slice, and says where it begins and ends, and how many beats it completes."""
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
        self._lane = Signal.like(lane, reset_less=True)
        self._rotated = Signal(size * 8, reset_less=True)
        self._appended = Signal(len(piece.data) - size * 8, reset_less=True)
        self._begun, self._over = (Signal(size, name=name, reset_less=True) for name in ("begun", "over"))
        self._full, self._double, self._ends = (Signal(name=name, reset_less=True) for name in ("full", "double", "last"))
        with m.If(moves):
            m.d.sync += [
                fresh.eq(ends),
                next_lane.eq(past),
                bytes_left.eq(left - piece.bytes),
                self._lane.eq(lane),
                self._rotated.eq(_rotate_lanes(piece.data[: size * 8], lane)),
                self._appended.eq(piece.data[size * 8 :]),
                self._begun.eq(Cat(i >= lane for i in range(size))),
                self._over.eq(Cat(i < past[: len(lane)] for i in range(size))),
                self._full.eq(past >= size),
                self._double.eq(past >= 2 * size),
                self._ends.eq(ends),
                self._valid.eq(1),
            ]
        with m.Elif(self._taken):
            m.d.sync += self._valid.eq(0)

    def _join(self, m):
        """Second stage: the rotated slice joins the carried bytes; ``tail`` marks carried bytes that must go out alone, ``second`` a
        whole beat of them that has the rest of the slice behind it."""
        size = self.bus_bytes
        carried, mask, tail, second = Signal(size * 8, reset_less=True), Signal(size), Signal(), Signal()
        joined, joined_mask = Signal(size * 8), Signal(size)
        moves, completes, splits = Signal(), self._full | self._ends, self._double & ~second
        appended = _rotate_lanes(_padded(self._appended, size), self._lane)
        for lane in range(size):
            old, new, more = (lanes.word_select(lane, 8) for lanes in (carried, self._rotated, appended))
            m.d.comb += joined.word_select(lane, 8).eq(Mux(mask[lane], old, new))
            with m.If(moves & (completes | ~mask[lane])):
                m.d.sync += old.eq(Mux(self._full & (self._begun[lane] | second), more, new) if len(self._appended) else new)
        m.d.comb += [
            joined_mask.eq(mask | Mux(tail, 0, self._begun & (self._over | self._full.replicate(size)))),
            self.beats.payload.data.eq(joined),
            self.beats.payload.strb.eq(joined_mask),
            self.beats.valid.eq(tail | (self._valid & completes)),
            moves.eq(self._valid & ~tail & (self.beats.ready | ~completes)),
            self._taken.eq(moves & ~splits),
        ]
        with m.If(tail & self.beats.ready):
            m.d.sync += [tail.eq(0), mask.eq(0)]
        with m.Elif(moves):
            m.d.sync += [second.eq(splits), tail.eq(self._ends & self._full & ~splits & self._over.any())]
            with m.If(splits):
                m.d.sync += mask.eq(~0)
            with m.Elif(completes):
                m.d.sync += mask.eq(Mux(self._full, self._over, 0))
            with m.Else():
                m.d.sync += mask.eq(joined_mask)


def _rotate_lanes(value, lanes):
    """``value`` with its byte 0 in lane ``lanes``, the top ones coming round to lane 0; one multiplexer for each bit of ``lanes``."""
    for bit in reversed(range(len(lanes))):
        value = Mux(lanes[bit], value.rotate_left(8 << bit), value)
    return value


def _padded(value, size):
    """``value`` and any bytes, as those in the other half, so that the first step of a rotation leaves them as they are."""
    missing = size * 8 - len(value)
    return Cat(value, value[size * 4 - missing : size * 4]) if len(value) else Const(0, missing)
