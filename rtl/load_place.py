"""LOAD, last stage: beats and padding to their places in the on-chip buffers."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.interfaces import LOCAL_ADDRESS_BITS, fault_layout, local_write_port, read_beat_layout
from hwacc.rtl.load_clip import Kind, segment_layout
from hwacc.rtl.load_walk import tag_layout

TARGET_PORTS = {
    isa.Target.WEST: "west",
    isa.Target.NORTH: "north",
    isa.Target.ACCUMULATOR: "accumulator",
    isa.Target.PARAMETERS: "parameters",
}


def piece_layout(config: ArrayConfig) -> data.StructLayout:
    """Consecutive bytes for ``local``: the lanes ``keep`` of ``bytes``, still as the memory bus had them.

    ``turn`` lanes upwards is where the target wants them. ``last``: the last piece before tokens are to be pushed.
    """
    return data.StructLayout(
        {
            "local": LOCAL_ADDRESS_BITS,
            "bytes": config.bus_bytes * 8,
            "keep": config.bus_bytes,
            "turn": exact_log2(config.bus_bytes),
            "last": 1,
            "tag": tag_layout(),
        }
    )


class Placer(wiring.Component):
    """Writes the bytes of segments to their target, a beat or a beat's worth of padding a cycle.

    No state links two beats of a segment: a beat's bytes are turned to the lanes of the target and written at once, across
    the boundary of two words where need be. Segments follow one another without a gap.

    Latency: two cycles from a beat to its write. A target that is not ready stops the stage.
    ``signal_*`` pulse in the cycle in which the last write before them is taken, ``finished`` in the one after a descriptor's last.
    ``fault_valid`` pulses once; then ``faulted`` stays high, beats are taken and dropped, until ``drop``.
    While ``drop`` is high beats are taken and dropped; a write that is offered stays, and ``writing`` high, until it is taken.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__(
            {
                "segments": In(stream.Signature(segment_layout(config))),
                "beats": In(stream.Signature(read_beat_layout(config))),
                **{name: Out(local_write_port(config)) for name in TARGET_PORTS.values()},
                "drop": In(1),
                "finished": Out(1),
                "signal_compute": Out(1),
                "signal_store": Out(1),
                "fault_valid": Out(1),
                "fault": Out(fault_layout()),
                "faulted": Out(1),
                "writing": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        self.moving = Signal()  # the two stages behind the segments advance
        cut, turned = Signal(piece_layout(self.config), reset_less=True), Signal(piece_layout(self.config), reset_less=True)
        cut_valid, turned_valid = Signal(), Signal()
        piece, piece_valid = self._cut(m)
        with m.If(self.moving):
            m.d.sync += [cut.eq(piece), cut_valid.eq(piece_valid), turned.eq(cut), turned_valid.eq(cut_valid & ~self.drop)]
            m.d.sync += [turned.bytes.eq(_turn(m, cut.bytes, cut.turn, 8)), turned.keep.eq(_turn(m, cut.keep, cut.turn, 1))]
        with m.If(self.drop):
            m.d.sync += cut_valid.eq(0)
        self._write(m, turned, turned_valid)
        return m

    def _cut(self, m):
        """The next piece of the current segment, and whether it is there."""
        segment, active = Signal(segment_layout(self.config), reset_less=True), Signal()
        space, count = Signal(range(self.config.bus_bytes + 1)), Signal(range(self.config.bus_bytes + 1))
        ends, ready, go = Signal(), Signal(), Signal()
        reads = segment.kind == Kind.MEMORY
        free = self.drop | self.faulted
        m.d.comb += [
            space.eq(self.config.bus_bytes - segment.offset),
            ends.eq(segment.length <= space),
            count.eq(Mux(ends, segment.length, space)),
            ready.eq(active & self.moving & ~free),
            self.beats.ready.eq((ready & reads) | free),
            go.eq(ready & ((reads & self.beats.valid) | (segment.kind == Kind.PAD))),
            self.segments.ready.eq((~active | (go & ends)) & ~free),
        ]
        with m.If(go):
            m.d.sync += [segment.local.eq(segment.local + count), segment.length.eq(segment.length - count), segment.offset.eq(0)]
            with m.If(ends):
                m.d.sync += active.eq(0)
        with m.If(self.segments.valid & self.segments.ready):
            m.d.sync += [segment.eq(self.segments.payload), active.eq(1)]
        with m.If(self.drop):
            m.d.sync += active.eq(0)
        error = go & reads & self.beats.payload.error
        self._report(m, segment, active, error)
        return self._piece(m, segment, count, ends), go & ~error

    def _piece(self, m, segment, count, ends):
        """The first ``count`` bytes of the segment, from lane ``offset`` on."""
        piece = Signal(piece_layout(self.config))
        padding = segment.tag.pad.replicate(self.config.bus_bytes)
        m.d.comb += [
            piece.local.eq(segment.local),
            piece.bytes.eq(Mux(segment.kind == Kind.MEMORY, self.beats.payload.data, padding)),
            piece.keep.eq(Cat((lane >= segment.offset) & (lane < segment.offset + count) for lane in range(self.config.bus_bytes))),
            piece.turn.eq(segment.local - segment.offset),
            piece.last.eq(ends & segment.last),
            piece.tag.eq(segment.tag),
        ]
        return piece

    def _report(self, m, segment, active, error):
        """Raises the fault that the segment stands for, or that its beat brought."""
        m.d.sync += self.fault_valid.eq(0)
        causes = {
            isa.Status.READ_ERROR: error,
            isa.Status.BAD_FIELD: active & (segment.kind == Kind.BAD_FIELD),
            isa.Status.BAD_LOCAL_ADDRESS: active & (segment.kind == Kind.BAD_LOCAL_ADDRESS),
        }
        for status, cause in causes.items():
            with m.If(cause & ~self.faulted):
                m.d.sync += [self.fault_valid.eq(1), self.fault.status.eq(status), self.faulted.eq(1)]
                m.d.sync += self.fault.index.eq(segment.tag.index)
        with m.If(self.drop):
            m.d.sync += [self.fault_valid.eq(0), self.faulted.eq(0)]

    def _write(self, m, piece, valid):
        """Offers the turned piece to its target, and signals when it was the last."""
        taken = Signal()
        m.d.comb += [self.moving.eq(~valid | taken), self.writing.eq(valid)]
        for target, name in TARGET_PORTS.items():
            port = getattr(self, name)
            chosen = valid & (piece.tag.target == target)
            m.d.comb += [
                port.valid.eq(chosen),
                port.payload.address.eq(piece.local),
                port.payload.data.eq(piece.bytes),
                port.payload.mask.eq(piece.keep),
            ]
            with m.If(chosen & port.ready):
                m.d.comb += taken.eq(1)
        complete = taken & piece.last & ~self.drop
        m.d.sync += self.finished.eq(complete & piece.tag.ends)
        m.d.comb += [
            self.signal_compute.eq(complete & piece.tag.signal_compute),
            self.signal_store.eq(complete & piece.tag.signal_store),
        ]


def _turn(m, value, lanes, lane_bits):
    """``value`` rotated upwards by ``lanes`` lanes."""
    for bit in range(len(lanes)):
        turned = Signal(len(value))
        m.d.comb += turned.eq(Mux(lanes[bit], value.rotate_left(lane_bits << bit), value))
        value = turned
    return value
