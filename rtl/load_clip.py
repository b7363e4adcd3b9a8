"""LOAD, second stage: each run becomes padding, bytes to read, and padding."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.bursts import request_layout
from hwacc.rtl.interfaces import LOCAL_ADDRESS_BITS
from hwacc.rtl.load_walk import LENGTH_BITS, run_layout, tag_layout

CUT_BITS = LENGTH_BITS + 1
"""An aligned end may lie behind the longest run."""


class Kind(enum.Enum, shape=2):
    """What a segment is: bytes from memory, padding, or the news that the descriptor is at fault."""

    MEMORY = 0
    PAD = 1
    BAD_FIELD = 2
    BAD_LOCAL_ADDRESS = 3


def segment_layout(config: ArrayConfig) -> data.StructLayout:
    """``length`` bytes for ``local``, of one kind; ``offset`` is the lane of the first byte in its first beat."""
    return data.StructLayout(
        {
            "kind": Kind,
            "local": range(max(target_bytes(config).values())),
            "length": CUT_BITS,
            "offset": exact_log2(config.bus_bytes),
            "last": 1,
            "tag": tag_layout(),
        }
    )


def target_bytes(config: ArrayConfig) -> dict[isa.Target, int]:
    """Size of each on-chip buffer in bytes."""
    return {
        isa.Target.WEST: config.operand_bytes,
        isa.Target.NORTH: config.operand_bytes,
        isa.Target.ACCUMULATOR: config.acc_bytes,
        isa.Target.PARAMETERS: config.parameter_buffer_bytes,
    }


class RunClipper(wiring.Component):
    """Cuts runs at their bounds, or where beats end, and checks them.

    A run gives up to three segments (padding, memory, padding), one a cycle; a run that is all of one kind takes one
    cycle. So does an aligned run, of which the cuts move only place and length. What is to be read goes to ``reads``. A
    descriptor with a bad field, or a run that would write a byte outside its target, gives one segment that says so, and nothing
    after it until ``drop``.

    Latency: a run's first segment comes the cycle after the run.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__(
            {
                "runs": In(stream.Signature(run_layout(config))),
                "segments": Out(stream.Signature(segment_layout(config))),
                "reads": Out(stream.Signature(request_layout(config))),
                "drop": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        self.run = Signal(run_layout(self.config), reset_less=True)
        self.left, self.right = Signal(CUT_BITS, reset_less=True), Signal(CUT_BITS, reset_less=True)
        self.skip, self.more = (Signal(exact_log2(self.config.bus_bytes)) for _ in range(2))
        outside = Signal(reset_less=True)
        pending, part, halted = Signal(3), Signal(3), Signal()
        fault, final, taken = Signal(), Signal(), Signal()
        m.d.comb += [
            part.eq(pending & ~(pending << 1) & ~(pending << 2)),
            fault.eq(self.run.bad_field | outside),
            final.eq((pending == part) | fault),
            taken.eq(self._fork(m, pending.any() & ~halted, part[1] & ~fault)),
            self.runs.ready.eq((~pending.any() | (taken & final)) & ~halted),
        ]
        self._align(m)
        self._emit_segment(m, part, fault, final)
        self._emit_read(m)
        with m.If(taken):
            m.d.sync += [pending.eq(pending & ~part), halted.eq(fault)]
        with m.If(self.runs.valid & self.runs.ready):
            m.d.sync += [self.run.eq(self.runs.payload), outside.eq(self._leaves_target(m))]
            self._cut(m, pending)
        with m.If(self.drop):
            m.d.sync += [pending.eq(0), halted.eq(0)]
        return m

    def _fork(self, m, valid, reads):
        """Offers the segment and, if it ``reads``, its beats; whether both are taken. They may be in different cycles."""
        sent = Signal(2)
        done = Cat(sent[0] | self.segments.ready, sent[1] | self.reads.ready | ~reads)
        m.d.comb += [self.segments.valid.eq(valid & ~sent[0]), self.reads.valid.eq(valid & reads & ~sent[1])]
        with m.If(valid):
            m.d.sync += sent.eq(Mux(done.all(), 0, done))
        with m.If(self.drop):
            m.d.sync += sent.eq(0)
        return valid & done.all()

    def _align(self, m):
        """Bytes that the incoming run leaves out at its start, and takes in addition behind its end."""
        run = self.runs.payload
        with m.If(run.align_start):
            m.d.comb += self.skip.eq(-run.address)
        with m.If(run.align_end):
            m.d.comb += self.more.eq(-(run.address + run.length))

    def _leaves_target(self, m):
        """Whether the incoming run has a byte outside its buffer."""
        run, size = self.runs.payload, Signal(LOCAL_ADDRESS_BITS + 1)
        with m.Switch(run.tag.target):
            for target, count in target_bytes(self.config).items():
                with m.Case(target):
                    m.d.comb += size.eq(count)
        return (run.local + self.skip < 0) | (run.local + run.length + self.more > size)

    def _cut(self, m, pending):
        """Where the incoming run enters and leaves its bounds, and which of its three parts are not empty."""
        run = self.runs.payload
        ends_before, room = run.x + run.length <= 0, run.x_limit - run.x
        no_row = (run.y < 0) | (run.y >= run.y_limit)
        to_left = Mux(ends_before, run.length, -run.x)
        with m.If(run.bad_field | ~run.bounded):
            m.d.sync += [self.left.eq(self.skip), self.right.eq(run.length + self.more), pending.eq(0b010)]
        with m.Elif(no_row):
            m.d.sync += [self.left.eq(run.length), self.right.eq(run.length), pending.eq(0b001)]
        with m.Else():
            starts_before, cut_right = run.x < 0, room < run.length
            some = ~ends_before & (room > 0) & (run.x_limit != 0)
            m.d.sync += [
                self.left.eq(Mux(starts_before, to_left, 0)),
                self.right.eq(Mux(cut_right, Mux(room < 0, 0, room), run.length)),
                pending.eq(Cat(starts_before, some, cut_right)),
            ]

    def _emit_segment(self, m, part, fault, final):
        run, segment = self.run, self.segments.payload
        m.d.comb += [
            segment.kind.eq(Mux(part[1], Kind.MEMORY, Kind.PAD)),
            segment.local.eq(run.local + Mux(part[0], 0, Mux(part[1], self.left, self.right))),
            segment.length.eq(Mux(part[0], self.left, Mux(part[1], self.right, run.length) - Mux(part[1], self.left, self.right))),
            segment.offset.eq(Mux(part[1], run.address + self.left, 0)),
            segment.last.eq(run.last & final),
            segment.tag.eq(run.tag),
        ]
        with m.If(fault):
            m.d.comb += segment.kind.eq(Mux(run.bad_field, Kind.BAD_FIELD, Kind.BAD_LOCAL_ADDRESS))

    def _emit_read(self, m):
        """The beats from that of the first byte inside the bounds to that of the last one."""
        first = (self.run.address + self.left)[: self.config.address_bits]
        beat_bits = exact_log2(self.config.bus_bytes)
        last = (self.run.address + self.right - 1)[: self.config.address_bits]
        m.d.comb += [
            self.reads.payload.beat.eq(first >> beat_bits),
            self.reads.payload.more.eq(((last >> beat_bits) - (first >> beat_bits))[:LENGTH_BITS]),
        ]
