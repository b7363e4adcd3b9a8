"""LOAD, first stage: the four loops of a descriptor as a stream of runs."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.decode import INDEX_BITS, work_layout
from hwacc.rtl.interfaces import LOCAL_ADDRESS_BITS

LOCAL_BITS = LOCAL_ADDRESS_BITS + 2
"""A run starts at most one stride from a start that was found to be inside the buffer, or less than a beat before it, so two bits
more hold it, signed."""
X_BITS = 32
Y_BITS = 27
"""|y| < 2¹⁵ + 2 · 2¹⁶ · 2⁸."""
LENGTH_BITS = 16


def tag_layout() -> data.StructLayout:
    """What of a descriptor accompanies its bytes to the target; ``ends``: nothing of it comes after them."""
    return data.StructLayout({"target": 2, "pad": 8, "signal_compute": 1, "signal_store": 1, "ends": 1, "index": INDEX_BITS})


def run_layout(config: ArrayConfig) -> data.StructLayout:
    """``length`` bytes at ``address`` for ``local``, with the coordinates of the first one and their bounds.

    ``align_start``, ``align_end``: the run is cut there where a beat ends. ``bad_field``: it cannot be executed; the rest says
    nothing but ``tag``. ``last``: with its last byte the tokens are to be pushed, for here ends the descriptor, or an iteration
    of its outermost loop that signals.
    """
    return data.StructLayout(
        {
            "address": config.address_bits,
            "local": signed(LOCAL_BITS),
            "length": LENGTH_BITS,
            "bounded": 1,
            "x": signed(X_BITS),
            "x_limit": 20,
            "y": signed(Y_BITS),
            "y_limit": 16,
            "align_start": 1,
            "align_end": 1,
            "bad_field": 1,
            "last": 1,
            "tag": tag_layout(),
        }
    )


class RunWalker(wiring.Component):
    """Steps through the loops of LOAD descriptors: one run a cycle, and no gap between descriptors.

    For every loop the walker keeps the start of its current iteration; a step adds one stride to one of these starts, so
    there is one adder for each of address, local address, x and y, and no multiplier. Memory addresses are taken modulo
    2^address_bits, x modulo 2^32.

    Latency: the first run is there in the cycle after its descriptor was taken. ``drop`` discards what there is.

    Not handled: bounds, cuts, and local addresses outside the target; :class:`hwacc.rtl.load_clip.RunClipper` looks at them.
    """

    def __init__(self, config: ArrayConfig):
        self.config = config
        super().__init__(
            {
                "work": In(stream.Signature(work_layout(isa.LOAD))),
                "runs": Out(stream.Signature(run_layout(config))),
                "drop": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        self.job = Signal(work_layout(isa.LOAD), reset_less=True)
        self.take = Signal()
        self.step = Signal()
        active, bad_field, short = Signal(), Signal(reset_less=True), Signal(reset_less=True)
        done = self._count(m)
        last = Signal()
        m.d.comb += [
            last.eq(done.all() | bad_field),
            self.step.eq(active & self.runs.ready),
            self.work.ready.eq((~active | (self.step & last)) & ~self.drop),
            self.take.eq(self.work.valid & self.work.ready),
        ]
        with m.If(self.take):
            m.d.sync += [self.job.eq(self.work.payload), bad_field.eq(_has_zero(self.work.payload))]
            m.d.sync += short.eq(self.work.payload.run < self.config.bus_bytes)
        with m.If(self.drop):
            m.d.sync += active.eq(0)
        with m.Elif(self.take):
            m.d.sync += active.eq(1)
        with m.Elif(self.step & last):
            m.d.sync += active.eq(0)

        run, job = self.runs.payload, self.job
        m.d.comb += [
            self.runs.valid.eq(active),
            run.address.eq(self._walk_memory(m, done)),
            run.local.eq(self._walk_local(m, done)),
            run.x.eq(self._walk_x(m, done)),
            run.y.eq(self._walk_y(m, done)),
            *self._align(m, done),
            run.bad_field.eq(bad_field | (run.align_start & short) | ((run.align_start | run.align_end) & job.bounded)),
            run.last.eq(last | (job.signal_each & _through(done, isa.LOAD_DIMS - 1))),
            *(run[name].eq(job[name]) for name in ("bounded", "x_limit", "y_limit")),
            run.length.eq(job.run),
            *(run.tag[name].eq(job[name]) for name in tag_layout().members if name != "ends"),
            run.tag.ends.eq(last),
        ]
        return m

    def _count(self, m):
        """A bit for each loop: it is in its last iteration. Kept in registers, so that the adders start early."""
        done = Signal(isa.LOAD_DIMS, reset_less=True)
        single = Signal(isa.LOAD_DIMS, reset_less=True)
        for loop in range(isa.LOAD_DIMS):
            left = Signal(LENGTH_BITS, name=f"left{loop + 1}", reset_less=True)
            first, whole = self.work.payload[f"count{loop + 1}"], self.job[f"count{loop + 1}"]
            with m.If(self.take):
                m.d.sync += [left.eq(first), done[loop].eq(first == 1), single[loop].eq(first == 1)]
            with m.Elif(self.step & _through(done, loop + 1)):
                m.d.sync += [left.eq(whole), done[loop].eq(single[loop])]
            with m.Elif(self.step & _through(done, loop)):
                m.d.sync += [left.eq(left - 1), done[loop].eq(left == 2)]
        return done

    def _align(self, m, done):
        """Statements that say which cuts of the run are aligned: those inside a descriptor may differ from its first and last."""
        job, run, later = self.job, self.runs.payload, Signal(reset_less=True)
        with m.If(self.take):
            m.d.sync += later.eq(0)
        with m.Elif(self.step & _through(done, isa.LOAD_DIMS - 1)):
            m.d.sync += later.eq(1)
        return [
            run.align_start.eq(Mux(job.signal_each & later, job.align_between, job.align_start)),
            run.align_end.eq(Mux(job.signal_each & ~done[isa.LOAD_DIMS - 1], job.align_between, job.align_end)),
        ]

    def _walk_memory(self, m, done):
        strides = [self.job[f"stride{loop + 1}"] for loop in range(isa.LOAD_DIMS)]
        return self._walk(m, done, "address", self.config.address_bits, self.work.payload.address, strides)

    def _walk_local(self, m, done):
        strides = [self.job[f"local_stride{loop + 1}"] for loop in range(isa.LOAD_DIMS)]
        return self._walk(m, done, "local", signed(LOCAL_BITS), self.work.payload.local, strides)

    def _walk(self, m, done, name, shape, origin, strides):
        """Value that every loop moves by its stride; ``starts[i]`` is its value at the start of loop i's iteration."""
        starts = [Signal(shape, name=f"{name}{loop + 1}", reset_less=True) for loop in range(len(strides))]
        start, stride, following = Signal(shape), Signal(signed(32)), Signal(shape)
        for loop in reversed(range(len(strides))):
            with m.If(~done[loop]):  # the innermost unfinished loop comes last, so it wins
                m.d.comb += [start.eq(starts[loop]), stride.eq(strides[loop])]
        m.d.comb += following.eq(start + stride)
        for loop, register in enumerate(starts):
            with m.If(self.take):
                m.d.sync += register.eq(origin)
            with m.Elif(self.step & _through(done, loop)):
                m.d.sync += register.eq(following)
        return starts[0]

    def _walk_x(self, m, done):
        """Loops 1 and 3 move x; an iteration of loop 2 takes it back to where loop 3 put it, one of loop 4 to x0."""
        x, start3 = Signal(signed(X_BITS), reset_less=True), Signal(signed(X_BITS), reset_less=True)
        following = Signal(signed(X_BITS))
        with m.If(_through(done, 3)):
            m.d.comb += following.eq(self.job.x0)
        with m.Else():
            step3 = Mux(done[1], self.job.stride3, 0)
            m.d.comb += following.eq(Mux(done[0], start3, x) + Mux(done[0], step3, self.job.stride1))
        with m.If(self.take):
            m.d.sync += [x.eq(self.work.payload.x0), start3.eq(self.work.payload.x0)]
        with m.Elif(self.step):
            m.d.sync += x.eq(following)
            with m.If(_through(done, 2)):
                m.d.sync += start3.eq(following)
        return x

    def _walk_y(self, m, done):
        """Loops 2 and 4 move y; an iteration of loop 3 takes it back to where loop 4 put it."""
        y, start4 = Signal(signed(Y_BITS), reset_less=True), Signal(signed(Y_BITS), reset_less=True)
        following = Signal(signed(Y_BITS))
        step4 = Mux(done[2], self.job.y_step4, 0)
        m.d.comb += following.eq(Mux(done[1], start4, y) + Mux(done[1], step4, self.job.y_step2))
        with m.If(self.take):
            m.d.sync += [y.eq(self.work.payload.y0), start4.eq(self.work.payload.y0)]
        with m.Elif(self.step & done[0]):
            m.d.sync += y.eq(following)
            with m.If(_through(done, 3)):
                m.d.sync += start4.eq(following)
        return y


def _through(done, loops):
    """Whether the innermost ``loops`` loops are in their last iteration."""
    return done[:loops].all() if loops else Const(1)


def _has_zero(job):
    """Whether the run or one of the counts is zero."""
    counts = [job[f"count{loop + 1}"] for loop in range(isa.LOAD_DIMS)]
    return Cat(value == 0 for value in (job.run, *counts)).any()
