"""Faults to plant: each adds a statement to an elaborated module, after its own, so that it wins."""

from __future__ import annotations

from amaranth.lib import data

from hwacc import isa
from hwacc.isa import Engine
from hwacc.rtl.decode import work_layout
from tests.formal.inside import Inside


def always_ready(fifo: Inside) -> None:
    """A FIFO that takes words when it is full."""
    fifo.module.d.comb += fifo.component.w_rdy.eq(1)


def writes_one_place(fifo: Inside) -> None:
    """A FIFO that keeps all words in one place."""
    fifo.module.d.comb += fifo["w_port__addr"].eq(0)


def asks_always(fetch: Inside) -> None:
    """A fetcher that asks whether there is room or not."""
    fetch.module.d.comb += fetch.component.memory.ar.valid.eq(~fetch.component.clear & (fetch["asked"] != fetch.component.tail))


def drops_faulty_beats(fetch: Inside) -> None:
    """A fetcher that forgets beats with an error."""
    with fetch.module.If(fetch.component.memory.r.payload.error):
        fetch.module.d.comb += fetch.raw("beats").w_en.eq(0)


def never_full(window: Inside) -> None:
    """A window that holds nothing back."""
    window.module.d.comb += window.component.full.eq(0)


def always_has_room(formatter: Inside) -> None:
    """A formatter that lets the accumulator be read at any time."""
    formatter.module.d.comb += formatter.component.room.eq(-1)


def counts_twice(queue: Inside) -> None:
    """A queue that takes a token of COMPUTE for two."""
    with queue.module.If(queue.component.push[Engine.COMPUTE] & ~queue.component.clear):
        queue.module.d.sync += queue["tokens_compute"].eq(queue["tokens_compute"] + 2)


def starts_early(queue: Inside) -> None:
    """A queue that does not wait for tokens."""
    queue.module.d.comb += queue.component.work.valid.eq(~queue.component.empty & ~queue.component.clear)


def signals_each_part(queue: Inside) -> None:
    """A queue that leaves every part the signal for STORE."""
    whole = data.View(work_layout(queue.component.op), queue.raw("queue").r_data)
    queue.module.d.comb += queue.component.work.payload.signal_store.eq(whole.signal_store)


def spares_tokens(queue: Inside) -> None:
    """A queue that takes LOAD's token with the last part alone."""
    with queue.module.If(~queue.raw("parts").last):
        queue.module.d.comb += queue["take"][Engine.LOAD].eq(0)


def withdraws_response(registers: Inside) -> None:
    """A register port that shows a write response for one cycle."""
    with registers.module.If(registers.component.bus.bvalid):
        registers.module.d.sync += registers.component.bus.bvalid.eq(0)


def changes_address(arbiter: Inside) -> None:
    """An arbiter that follows LOAD's address while it waits."""
    axi = arbiter.component.axi
    with arbiter.module.If(axi.arvalid & ~axi.arready):
        arbiter.module.d.sync += axi.araddr.eq(arbiter.component.load.ar.payload.addr)


def ends_early(channel: Inside) -> None:
    """A write channel whose bursts end after two beats."""
    with channel.module.If(channel["sent"] == 1):
        channel.module.d.comb += channel["ends"].eq(1)


def forgets_last(command: Inside) -> None:
    """A record whose last beat is not marked."""
    command.module.d.comb += command.component.record_memory.w.payload.last.eq(0)


def lengthens(splitter: Inside) -> None:
    """A splitter whose last burst has a beat too many."""
    with splitter.module.If(splitter["fits"]):
        splitter.module.d.comb += splitter["length"].eq(splitter["left"].more + 1)


def keeps_second_half(fetch: Inside) -> None:
    """A fetcher that leaves a short descriptor the second half of the long one before."""
    with fetch.module.If(fetch["starts"]):
        fetch.module.d.sync += fetch["second"].eq(fetch["second"])


def ends_at_first_entry(fetch: Inside) -> None:
    """A fetcher that takes every descriptor for a short one."""
    fetch.module.d.comb += fetch.component.descriptor.valid.eq((fetch["count"] >= fetch.value("beats")) & ~fetch.component.clear)


def ignores_page(splitter: Inside) -> None:
    """A splitter that cuts at as many beats as a page has, wherever it began."""
    splitter.module.d.comb += splitter["fits"].eq(splitter["left"].more < 1 << splitter.component.index_bits)


def takes_unknown(command: Inside) -> None:
    """A decoder that gives one unknown opcode to LOAD."""
    with command.module.If(command.raw("fetch").descriptor.valid & (command["descriptor"][:8] == max(isa.OP_BY_CODE) + 1)):
        command.module.d.comb += command.raw("load_queue").queue.valid.eq(1)


def swaps_fields(command: Inside) -> None:
    """A decoder that takes a COMPUTE's m from where its n is."""
    low = isa.COMPUTE.offset("n")
    command.module.d.comb += command.raw("compute_queue").queue.payload.m.eq(command["descriptor"][low : low + 16])
