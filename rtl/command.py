"""The command processor."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.account import CycleAccount, account_layout
from hwacc.rtl.decode import INDEX_BITS, layout, packed, work_layout
from hwacc.rtl.dispatch import ENGINES, EngineQueue
from hwacc.rtl.fetch import DescriptorFetch
from hwacc.rtl.interfaces import fault_layout, read_port, write_port

QUEUE_DEPTH = 8
QUIET_CYCLES = 3
"""Cycles without any activity that rule out a hand-over in flight."""

LOAD_STAGES = 4
"""Cycles from a descriptor's start in LOAD to its first read: so long, the reads of the one before come out."""

ENGINE_OPS = {op.engine: op for op in isa.OPS if op.engine in ENGINES}


def counter_layout() -> data.StructLayout:
    """The counters of the completion record beside the causes, as their widths stand in :data:`hwacc.isa.COMPLETION`."""
    return data.StructLayout({f.name: f.bits for f in isa.COMPLETION if f.name in ("cycles", "bytes_read", "bytes_written")})


class CommandProcessor(wiring.Component):
    """Fetches descriptors, hands them to the engines' queues, and ends submissions.

    Descriptors are dispatched in order, one a cycle at best; a full queue holds up those behind it. They are read before what
    LOAD asks for while no more work waits for LOAD or for COMPUTE (``fetch_first``); else in the gaps of its reads. END waits
    until all engines are idle, writes the completion record and raises ``completed``.

    A fault aborts all engines, drops queues and tokens, skips to END and reports there. Faults are: those of the engines, an
    unknown opcode, a deadlock (every engine that has work waits for a token and nothing more can be dispatched), and the limit of
    cycles. If a descriptor cannot be read or the record cannot be written, there is no record: ``completed`` and
    ``last_status`` tell, and the ring is dropped, as it is by ``reset``: its head becomes its tail.
    """

    def __init__(self, config: ArrayConfig, *, queue_depth: int = QUEUE_DEPTH):
        self.config = config
        self.queue_depth = queue_depth
        members = {
            "ring_base": In(config.address_bits),
            "ring_log2": In(5),
            "ring_tail": In(16),
            "ring_head": Out(16),
            "time_limit": In(32),
            "reset": In(1),
            "completed": Out(1),
            "last_status": Out(8),
            "submissions": Out(32),
            "cycles": Out(64),
            "running": Out(1),
            "fetch_memory": Out(read_port(config)),
            "fetch_first": Out(1),
            "record_memory": Out(write_port(config)),
            "writes_record": Out(1),
            "abort": Out(1),
            "account": Out(account_layout()),
            "array_busy": In(1),
            "executing": In(1),
            "read_bytes": In(8),
            "written_bytes": In(8),
        }
        for engine, op in ENGINE_OPS.items():
            name = engine.name.lower()
            members |= {
                f"{name}_work": Out(stream.Signature(work_layout(op))),
                f"{name}_push": In(len(ENGINES)),
                f"{name}_busy": In(1),
                f"{name}_fault_valid": In(1),
                f"{name}_fault": In(fault_layout()),
            }
        super().__init__(members)

    def _of(self, engine, member):
        return getattr(self, f"{engine.name.lower()}_{member}")

    def elaborate(self, platform):
        m = Module()
        m.submodules.fetch = fetch = DescriptorFetch(self.config)
        wiring.connect(m, wiring.flipped(self.fetch_memory), fetch.memory)
        m.submodules.account = account = CycleAccount()
        queues = {engine: EngineQueue(op, depth=self.queue_depth) for engine, op in ENGINE_OPS.items()}
        for engine, queue in queues.items():
            m.submodules[f"{engine.name.lower()}_queue"] = queue
            wiring.connect(m, wiring.flipped(self._of(engine, "work")), queue.work)
            m.d.comb += [queue.push.eq(self._of(engine, "push")), queue.clear.eq(self.abort | self.writes_record)]

        out_of_work = Signal(LOAD_STAGES)
        m.d.sync += out_of_work.eq(Cat(queues[isa.Engine.LOAD].empty, out_of_work))
        starves = out_of_work.all() | queues[isa.Engine.COMPUTE].empty
        m.d.comb += self.fetch_first.eq(starves & ~fetch.enough)

        descriptor = fetch.descriptor.payload
        index = Signal(INDEX_BITS)
        at_end = Signal()
        accepted = Signal()  # by an engine's queue
        full = Signal()
        unknown = Signal()
        m.d.comb += [
            fetch.base.eq(self.ring_base),
            fetch.log2.eq(self.ring_log2),
            fetch.tail.eq(self.ring_tail),
            fetch.head_to.eq(self.ring_tail),
        ]
        m.d.comb += self.ring_head.eq(fetch.head)

        quiet_for = Signal(range(QUIET_CYCLES + 1))
        any_busy = Cat(self._of(engine, "busy") for engine in ENGINES).any()
        all_empty = Cat(queue.empty for queue in queues.values()).all()
        all_stopped = Cat(queue.empty | queue.blocked for queue in queues.values()).all()
        quiet = quiet_for == QUIET_CYCLES
        m.d.sync += quiet_for.eq(Mux(any_busy | ~all_stopped | accepted, 0, Mux(quiet, quiet_for, quiet_for + 1)))

        status = Signal(isa.Status)
        culprit = Signal(isa.Engine)
        fault_index = Signal(INDEX_BITS)
        end = Signal(layout(isa.END), reset_less=True)
        counters = Signal(counter_layout())
        record_cycles = Signal(16)  # spent on the record, which cannot count them itself
        started = Signal()  # from the doorbell, or the previous completion, on
        in_time = (self.time_limit == 0) | ~started | (self.cycles < self.time_limit)
        reset_waits = Signal()  # for the record that is being written, or for the ring that is being dropped
        reset = self.reset | reset_waits

        def fault(reason, engine, where):
            m.d.sync += [status.eq(reason), culprit.eq(engine), fault_index.eq(where)]
            m.next = "ABORT"

        with m.If(self.reset):
            m.d.sync += reset_waits.eq(1)
        with m.FSM() as fsm:
            with m.State("RUN"):
                m.d.sync += [status.eq(isa.Status.OK), culprit.eq(isa.Engine.CONTROL), fault_index.eq(0)]
                with m.If(fetch.descriptor.valid & ~fetch.error):
                    self._dispatch(m, queues, descriptor, index, accepted, full, at_end, unknown)
                m.d.comb += fetch.descriptor.ready.eq(accepted)
                with m.If(accepted):
                    m.d.sync += index.eq(index + 1)
                with m.If(at_end & all_empty & ~any_busy & in_time):
                    m.d.sync += end.eq(packed(isa.END, descriptor))
                    m.d.comb += fetch.descriptor.ready.eq(1)
                    m.next = "RECORD"
                with m.If((at_end | full) & ~all_empty & quiet):
                    for engine in reversed(ENGINES):
                        with m.If(queues[engine].blocked):
                            fault(isa.Status.DEADLOCK, engine, queues[engine].work.payload.index)
                with m.If(~in_time):
                    fault(isa.Status.TIME_LIMIT, isa.Engine.CONTROL, index)
                with m.If(unknown):
                    fault(isa.Status.BAD_OPCODE, isa.Engine.CONTROL, index)
                with m.If(fetch.descriptor.valid & fetch.error):
                    fault(isa.Status.READ_ERROR, isa.Engine.CONTROL, index)
                for engine in reversed(ENGINES):
                    with m.If(self._of(engine, "fault_valid")):
                        fault(self._of(engine, "fault").status, engine, self._of(engine, "fault").index)
                with m.If(reset):
                    m.next = "RESET"
            with m.State("ABORT"):
                m.d.comb += self.abort.eq(1)
                with m.If(quiet):
                    m.next = "SKIP"
                with m.If(reset):
                    m.next = "RESET"
            with m.State("SKIP"):
                m.d.comb += fetch.descriptor.ready.eq(1)
                m.d.sync += end.eq(packed(isa.END, descriptor))
                with m.If(fetch.descriptor.valid & (descriptor[:8] == isa.END.code)):
                    m.next = "RECORD"
                with m.If(fetch.descriptor.valid & fetch.error):
                    m.next = "DROP"
                with m.If(reset):
                    m.next = "RESET"
            with m.State("RECORD"):
                self._write_record(m, end, status, culprit, fault_index, counters)
            with m.State("DROP"):
                m.d.comb += fetch.clear.eq(1)
                with m.If(fetch.idle):
                    m.d.comb += self.completed.eq(1)
                    m.next = "RUN"
            with m.State("RESET"):
                m.d.comb += [self.abort.eq(1), fetch.clear.eq(1)]
                m.d.sync += [index.eq(0), started.eq(0), reset_waits.eq(0)]
                with m.If(quiet & fetch.idle):
                    m.next = "RUN"
        with m.If(self.completed):
            m.d.sync += [index.eq(0), self.submissions.eq(self.submissions + 1), self.last_status.eq(status)]

        pending = fetch.head != self.ring_tail
        m.d.comb += self.running.eq(started | pending | any_busy | ~all_empty | ~fsm.ongoing("RUN") | reset_waits)
        self._count(m, counters, account, record_cycles, started, fsm)
        m.d.comb += [account.ends.eq(~fsm.ongoing("RUN")), account.at_end.eq(at_end)]
        self._charge(m, account, queues)
        return m

    def _dispatch(self, m, queues, descriptor, index, accepted, full, at_end, unknown):
        """Offers ``descriptor`` to the queue of its engine."""
        with m.Switch(descriptor[:8]):
            for engine, queue in queues.items():
                with m.Case(ENGINE_OPS[engine].code):
                    payload = Cat(packed(ENGINE_OPS[engine], descriptor), index)
                    m.d.comb += [
                        queue.queue.payload.eq(payload),
                        queue.queue.valid.eq(1),
                        accepted.eq(queue.queue.ready),
                        full.eq(~queue.queue.ready),
                    ]
            with m.Case(isa.END.code):
                m.d.comb += at_end.eq(1)
            with m.Default():
                m.d.comb += unknown.eq(1)

    def _write_record(self, m, end, status, culprit, fault_index, counters):
        """Writes the completion record; the state ends with its response."""
        width = self.config.bus_bytes * 8
        beats = isa.COMPLETION_BYTES // self.config.bus_bytes
        values = {
            "tag": end.tag,
            "status": status,
            "engine": culprit,
            "descriptor": fault_index,
            **{name: counters[name] for name in counter_layout().members},
            **{name: self.account[name] for name in account_layout().members},
        }
        record = Signal(isa.COMPLETION_BYTES * 8)
        fields = [Signal(field.bits, name=f"record_{field.name}") for field in isa.COMPLETION]
        m.d.comb += [signal.eq(values[field.name]) for signal, field in zip(fields, isa.COMPLETION)]
        m.d.comb += record.eq(Cat(fields))

        memory = self.record_memory
        address_sent = Signal()
        beat = Signal(range(beats + 1))
        m.d.comb += [
            self.writes_record.eq(1),
            memory.aw.valid.eq(~address_sent),
            memory.aw.payload.addr.eq(end.address & -isa.COMPLETION_BYTES),  # else the burst could cross 4 KiB
            memory.aw.payload.len.eq(beats - 1),
            memory.w.valid.eq(beat != beats),
            memory.w.payload.data.eq(Array(record.word_select(i, width) for i in range(beats))[beat]),
            memory.w.payload.strb.eq((1 << self.config.bus_bytes) - 1),
            memory.w.payload.last.eq(beat == beats - 1),
            memory.b.ready.eq(1),
        ]
        with m.If(memory.aw.valid & memory.aw.ready):
            m.d.sync += address_sent.eq(1)
        with m.If(memory.w.valid & memory.w.ready):
            m.d.sync += beat.eq(beat + 1)
        with m.If(memory.b.valid):
            m.d.sync += [address_sent.eq(0), beat.eq(0)]
            with m.If(memory.b.payload.error):
                m.d.sync += status.eq(isa.Status.WRITE_ERROR)
                m.next = "DROP"
            with m.Else():
                m.d.comb += self.completed.eq(1)
                m.next = "RUN"

    def _count(self, m, counters, account, record_cycles, started, fsm):
        """Counters: they start with the doorbell, or the previous completion, and stand still in the record. ``cycles`` goes
        on until the record's last beat is on the bus."""
        starts = ~started & (self.ring_head != self.ring_tail) & fsm.ongoing("RUN")
        counts = started & ~fsm.ongoing("RECORD")
        m.d.comb += [account.clear.eq(starts), account.count.eq(counts), self.account.eq(account.account)]
        with m.If(starts):
            m.d.sync += [counters.eq(0), record_cycles.eq(0), started.eq(1)]
        with m.Elif(counts):
            m.d.sync += [
                counters.cycles.eq(counters.cycles + 1),
                counters.bytes_read.eq(counters.bytes_read + self.read_bytes),
                counters.bytes_written.eq(counters.bytes_written + self.written_bytes),
            ]
        with m.If(self.completed):
            m.d.sync += started.eq(0)
        with m.If(self.record_memory.w.valid):
            m.d.sync += record_cycles.eq(record_cycles + 1)
        m.d.comb += self.cycles.eq(counters.cycles + record_cycles)

    def _charge(self, m, account, queues):
        """Tells the cycle account what happens."""
        compute = queues[isa.Engine.COMPUTE]
        m.d.comb += [
            account.fed.eq(self.array_busy),
            account.executing.eq(self.executing | compute.work.valid),
            account.missing.eq(compute.missing),
            account.full.eq(Cat(queues[engine].queue.valid & ~queues[engine].queue.ready for engine in ENGINES)),
            account.working.eq(Cat(self._of(engine, "busy") | ~queues[engine].empty for engine in ENGINES)),
            account.beat.eq(self.read_bytes.any()),
        ]
