"""The command processor: each descriptor to its engine as :mod:`hwacc.isa` says, and the record as AXI says."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.hdl._ast import AnySeq

from hwacc import isa
from hwacc.config import TINY, ArrayConfig
from hwacc.rtl import command
from hwacc.rtl.command import CommandProcessor
from hwacc.rtl.dispatch import ENGINES
from hwacc.rtl.fetch import DescriptorFetch
from tests.formal.bursts import inside_a_page
from tests.formal.fifo import Plant
from tests.formal.harness import Harness
from tests.formal.inside import Inside

INPUTS = ("ring_base", "ring_log2", "ring_tail", "time_limit", "reset", "array_busy", "read_bytes", "written_bytes")
RUN = 0
"""The first state, in which descriptors are dispatched."""


class AnyFetch(DescriptorFetch):
    """In place of the fetcher: any descriptor in any cycle. What the fetcher really does is proved in :mod:`tests.formal.fetch`."""

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        for output in (
            self.descriptor.valid,
            self.descriptor.payload,
            self.error,
            self.head,
            self.idle,
            self.memory.ar.valid,
            self.memory.ar.payload.as_value(),
            self.memory.r.ready,
        ):
            m.d.comb += output.eq(AnySeq(len(output)))
        return m


class CommandHarness(Harness):
    """:class:`CommandProcessor` with any descriptors, engines and memory. ``self.offered``, ``self.descriptor``: what the fetcher has."""

    def __init__(self, config: ArrayConfig = TINY, *, plant: Plant | None = None) -> None:
        self.config = config
        self.plant = plant
        super().__init__()

    def describe(self, m: Module) -> None:
        processor = m.submodules.command = self.processor = CommandProcessor(self.config, queue_depth=2)
        with patch.object(command, "DescriptorFetch", AnyFetch):
            self.inside = inside = Inside(processor)
        if self.plant:
            self.plant(inside)
        self.fetch = inside.raw("fetch")
        self.queues = {engine: inside.part(f"{engine.name.lower()}_queue") for engine in ENGINES}
        self._drive(m, processor)
        self.offered = self.fetch.descriptor.valid & ~self.fetch.error
        self.descriptor = self.fetch.descriptor.payload
        self.running = inside["fsm_state"] == RUN
        self.stays(
            "a descriptor", self.fetch.descriptor.valid, self.fetch.descriptor.ready, [self.descriptor, self.fetch.error], given=True
        )
        self.claim(m)

    def claim(self, m: Module) -> None:
        """Adds what is claimed."""
        raise NotImplementedError

    def _drive(self, m: Module, processor: Any) -> None:
        """Every input takes any value."""
        names = [*INPUTS, *(f"{e.name.lower()}_{s}" for e in ENGINES for s in ("push", "busy", "fault_valid", "fault"))]
        for name in names:
            value = Value.cast(getattr(processor, name))
            m.d.comb += value.eq(AnySeq(len(value)))
        for engine in ENGINES:
            m.d.comb += getattr(processor, f"{engine.name.lower()}_work").ready.eq(AnySeq(1))
        record = processor.record_memory
        m.d.comb += [record.aw.ready.eq(AnySeq(1)), record.w.ready.eq(AnySeq(1)), record.b.payload.error.eq(AnySeq(1))]
        self.confirms = self.anything(1, "confirms")
        m.d.comb += record.b.valid.eq(self.confirms)


class DescriptorsReachTheirEngine(CommandHarness):
    """The decoder: for every one of the 2^512 descriptors, in every state of the processor."""

    def claim(self, m: Module) -> None:
        opcode = self.descriptor[: isa.HEADER[0].bits]
        dispatches = self.running & self.offered
        ops = {engine: command.ENGINE_OPS[engine] for engine in ENGINES}
        for engine, op in ops.items():
            queue = self.queues[engine].component.queue
            mine = dispatches & (opcode == op.code)
            self.always(f"{op.name} is offered to {engine.name} when it is dispatched, and nothing else is", queue.valid == mine)
            self._fields(engine, op, mine)
            self.reached(f"a {op.name} is accepted by its queue", queue.valid & queue.ready)
        self.always("a descriptor goes to one engine at most", sum(part.component.queue.valid for part in self.queues.values()) <= 1)
        accepted = Cat(part.component.queue.valid & part.component.queue.ready for part in self.queues.values()).any()
        end = opcode == isa.END.code
        leaves = self.fetch.descriptor.valid & self.fetch.descriptor.ready
        self.always("a descriptor leaves the fetcher when a queue accepts it, or it is END", ~self.running | ~leaves | accepted | end)
        self.always("a descriptor that a queue accepts leaves the fetcher", ~accepted | leaves)
        self._unknown(m, opcode, dispatches)

    def _fields(self, engine: Any, op: Any, mine: Any) -> None:
        """Bits of the fields, counted here from the table, not from the decoder's layout."""
        to_queue, to_engine = self.queues[engine].component.queue.payload, self.queues[engine].component.work.payload
        stored, place = self.queues[engine].component.work.payload.as_value(), 0
        for field in op.fields:
            low = op.offset(field.name)
            bits = self.descriptor[low : low + field.bits]
            value = bits.as_signed() if field.signed else bits
            self.always(f"{op.name}.{field.name} has the bits that the format says", ~mine | (Value.cast(to_queue[field.name]) == value))
            kept = stored[place : place + field.bits]
            place += field.bits
            expected = kept.as_signed() if field.signed else kept
            out = Value.cast(to_engine[field.name])
            self.always(
                f"{op.name}.{field.name} reaches {engine.name} as it was queued", (out == expected) & (out.shape().signed == field.signed)
            )
        self.always(f"{op.name} carries its index", ~mine | (to_queue.index == self.inside["index"]))

    def _unknown(self, m: Module, opcode: Any, dispatches: Any) -> None:
        known = Cat(opcode == op.code for op in isa.OPS).any()
        unknown = dispatches & ~known
        faults = Cat(getattr(self.processor, f"{engine.name.lower()}_fault_valid") for engine in ENGINES).any()
        reset = self.processor.reset | self.inside["reset_waits"]
        refused = self.before(unknown & ~faults & ~reset, "refused")
        right = (self.inside["status"] == isa.Status.BAD_OPCODE) & (
            self.inside["fault_index"] == self.before(self.inside["index"], "index_before")
        )
        self.always("an unknown opcode is refused, by its index", ~refused | (self.processor.abort & right))
        halted = self.before(unknown, "unknown_before")
        self.always("nothing is dispatched after an unknown opcode", ~halted | self.processor.abort)
        self.reached("an unknown opcode is refused", refused)


class RecordIsWritten(CommandHarness):
    """The record's write port, in any order of address, beats and submissions.

    *Given*, of memory: it confirms once, when it has the address and all beats.
    """

    def claim(self, m: Module) -> None:
        memory, processor = self.processor.record_memory, self.processor
        beats = isa.COMPLETION_BYTES // self.config.bus_bytes
        goes, address_goes = memory.w.valid & memory.w.ready, memory.aw.valid & memory.aw.ready
        sent, named = Signal(range(beats + 2)), Signal()
        with m.If(goes):
            m.d.sync += sent.eq(sent + 1)
        with m.If(address_goes):
            m.d.sync += named.eq(1)
        with m.If(self.confirms):
            m.d.sync += [sent.eq(0), named.eq(0)]
        self.given("memory confirms the record when it has its address and its beats", ~self.confirms | (named & (sent == beats)))
        self.stays("the record's address", memory.aw.valid, memory.aw.ready, [memory.aw.payload])
        self.stays("a beat of the record", memory.w.valid, memory.w.ready, [memory.w.payload])
        writes = processor.writes_record
        self.always("the record is offered only while it is written", writes | ~(memory.aw.valid | memory.w.valid))
        self.always("the record's address goes once", memory.aw.valid == (writes & ~named))
        self.always("the record has all its beats and no more", memory.w.valid == (writes & (sent != beats)))
        self.always("the last beat of the record is marked", ~memory.w.valid | (memory.w.payload.last == (sent == beats - 1)))
        self.always("every byte of the record is written", ~memory.w.valid | (memory.w.payload.strb == (1 << self.config.bus_bytes) - 1))
        self.always("the record stays in its page", ~memory.aw.valid | inside_a_page(self.config, memory.aw.payload))
        self.always("the record's burst is as long as the record", ~memory.aw.valid | (memory.aw.payload.len == beats - 1))
        self.always("a record ends with its response", ~self.before(writes & ~self.confirms, "went_on") | writes)
        self.always("nothing is owed between records", writes | ((sent == 0) & ~named))
        self.always("the processor counts the beats", ~writes | (self.inside["beat"] == sent))
        self.always("the processor knows whether the address went", self.inside["address_sent"] == named)
        self.always("the count of beats begins at zero", writes | (self.inside["beat"] == 0))
        self._quiet(m, writes)
        self.reached("a record is confirmed", self.confirms & writes)

    def _quiet(self, m: Module, writes: Any) -> None:
        """A record without a fault begins only when all is over; so STORE has nothing on the bus."""
        processor = self.processor
        busy = Cat(getattr(processor, f"{engine.name.lower()}_busy") for engine in ENGINES).any()
        queued = Cat(~queue.component.empty for queue in self.queues.values()).any()
        offers = Cat(getattr(processor, f"{engine.name.lower()}_work").valid for engine in ENGINES).any()
        began = writes & ~self.before(writes, "wrote") & self.before(self.running, "ran")
        self.always("no work is offered in the cycle before a record", ~began | ~self.before(offers, "offered_before"))
        self.always("no descriptor is queued in the cycle before a record", ~began | ~self.before(queued, "queued_before"))
        self.always("no engine was busy in the cycle before a record", ~began | ~self.before(busy, "busy_before"))
        for cycles in range(1, 1 + command.QUIET_CYCLES):
            busy = self.before(busy, f"busy_{cycles}")
            counted = self.inside["quiet_for"] >= cycles
            self.always(f"quiet for {cycles} cycles means that no engine was busy {cycles} cycles ago", ~counted | ~busy)
        self.reached("a record without a fault begins", began)
