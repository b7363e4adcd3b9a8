"""The queue and the tokens in front of one engine."""

from amaranth.hdl import Cat, Const, Module, ResetInserter, Signal
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from hwacc import isa
from hwacc.rtl.decode import work_layout
from hwacc.rtl.parts import PartWalker

TOKEN_BITS = 16
ENGINES = (isa.Engine.LOAD, isa.Engine.COMPUTE, isa.Engine.STORE)


class EngineQueue(wiring.Component):
    """Holds descriptors for one engine until the tokens that they wait for are there.

    queue
        Descriptors from the command processor, in order.
    work
        The same to the engine; a COMPUTE part by part (:class:`hwacc.rtl.parts.PartWalker`). When one is taken, its tokens are taken
        as well. A descriptor leaves the queue with its last part.
    push
        A bit for each engine of :data:`ENGINES`: it pushes a token to this one. More than 65535 uncollected tokens are not
        handled; :data:`hwacc.isa.MOST_TOKENS` keeps streams below that.
    blocked
        A descriptor waits here for a token; ``missing`` has a bit for each engine whose token is not there. ``empty``: none is here.
        ``clear`` drops descriptors and tokens.
    """

    def __init__(self, op: isa.Op, *, depth: int):
        self.op = op
        self.depth = depth
        super().__init__(
            {
                "queue": In(stream.Signature(work_layout(op))),
                "work": Out(stream.Signature(work_layout(op))),
                "push": In(len(ENGINES)),
                "clear": In(1),
                "blocked": Out(1),
                "missing": Out(len(ENGINES)),
                "empty": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        layout = work_layout(self.op)
        queue = fifo.SyncFIFO(width=layout.size, depth=self.depth)
        m.submodules.queue = ResetInserter(self.clear)(queue)
        head, last = self._head(m, data.View(layout, queue.r_data))

        present = Signal(len(ENGINES))
        waits = Cat(head[f"wait_{engine.name.lower()}"] for engine in ENGINES)
        take = Signal(len(ENGINES))
        m.d.comb += take.eq((self.work.valid & self.work.ready).replicate(len(ENGINES)) & waits)
        for engine in ENGINES:
            tokens = Signal(TOKEN_BITS, name=f"tokens_{engine.name.lower()}")
            m.d.sync += tokens.eq(tokens + self.push[engine] - take[engine])
            with m.If(self.clear):
                m.d.sync += tokens.eq(0)
            m.d.comb += present[engine].eq(tokens != 0)

        satisfied = (waits & ~present) == 0
        m.d.comb += [
            queue.w_data.eq(self.queue.payload.as_value()),
            queue.w_en.eq(self.queue.valid),
            self.queue.ready.eq(queue.w_rdy),
            self.work.payload.eq(head),
            self.work.valid.eq(queue.r_rdy & satisfied & ~self.clear),
            queue.r_en.eq(self.work.ready & satisfied & last & ~self.clear),
            self.blocked.eq(queue.r_rdy & ~satisfied),
            self.missing.eq(queue.r_rdy.replicate(len(ENGINES)) & waits & ~present),
            self.empty.eq(~queue.r_rdy),
        ]
        return m

    def _head(self, m, descriptor):
        """What is to be done next of ``descriptor``, and whether it is all that is left of it."""
        if "k_step" not in work_layout(self.op).members:
            return descriptor, Const(1)
        m.submodules.parts = parts = PartWalker(self.op)
        m.d.comb += [parts.whole.eq(descriptor), parts.take.eq(self.work.valid & self.work.ready), parts.clear.eq(self.clear)]
        return parts.part, parts.last
