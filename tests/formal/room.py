"""Queues whose producer does not ask for room: it kept room before, so nothing is dropped."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data
from amaranth.lib.wiring import In

from hwacc import isa
from hwacc.config import TINY, ArrayConfig
from hwacc.rtl.drain import Drain, tile_layout
from hwacc.rtl.interfaces import ACC_READ_LATENCY, ACC_UPDATE_CYCLES
from hwacc.rtl.pack import appended_bytes
from hwacc.rtl.store_format import WordFormatter
from hwacc.rtl.store_queue import WordQueue
from hwacc.rtl.store_reader import OUTPUT_BYTES, read_layout
from tests.formal.fifo import Plant
from tests.formal.harness import Harness
from tests.formal.inside import Inside

CYCLES_TO_SWAP = 4


class AnsweredWordsHaveRoom(Harness):
    """:class:`WordFormatter`: a word that the accumulator answers finds room, as do those that come out of the requantiser.

    *Given*: a read is accepted only where ``room`` says so; a word joins the one before, of the same output, if that one's columns
    are more than the array's, and no other word does.
    """

    def __init__(self, config: ArrayConfig = TINY, *, plant: Plant | None = None) -> None:
        self.config = config
        self.plant = plant
        super().__init__({"accepted": In(1), "read": In(read_layout(config)), "ready": In(1)})

    def describe(self, m: Module) -> None:
        formatter = m.submodules.formatter = WordFormatter(self.config)
        inside = Inside(formatter)
        if self.plant:
            self.plant(inside)
        order = inside.fifo("order")
        requantiser = inside.part("requantiser")
        m.d.comb += [formatter.accepted.eq(self.accepted), formatter.read.eq(self.read), formatter.slices.ready.eq(self.ready)]
        self.given("a read is accepted only where there is room", ~self.accepted | formatter.room.bit_select(self.read.format.output, 1))
        levels = 0
        self._given_joins(m)
        for output in isa.Output:
            name = output.name.lower()
            queue, taken = inside.part(name), inside[f"taken_{name}"]
            first = queue.fifo("first")
            stages = [self._under_way(inside, stage, output) for stage in range(1, ACC_READ_LATENCY + 1)]
            if output is isa.Output.INT8:
                stages += list(requantiser.component._valid[1:])
            begun = self._begun(inside, queue.component, output)
            self.always(f"an {name} word finds room", ~first.port.w_en | first.port.w_rdy)
            self.always(f"the {name} words counted are those there and those under way", taken == first.port.level + begun + sum(stages))
            self.always(f"no more {name} words are counted than fit", taken <= first.port.depth)
            self.always(f"the pointers of {name} are as far apart as the words are many", first.consistent())
            if self.config is TINY:
                self.reached(f"{name} is full or on its way to be", taken == first.port.depth)
            if queue.component.pieces > 1:
                self._others(queue.fifo("others"), first, begun, name)
            levels += taken
        if not any(inside.raw(output.name.lower()).pieces > 1 for output in isa.Output):
            self.always("the order of every word is known", order.port.level == levels)
        self.always("the order of a read finds room", ~self.accepted | self.read.joins | order.port.w_rdy)

    def _given_joins(self, m: Module) -> None:
        """Words that join are as the reader gives them."""
        output, columns = self.read.format.output, self.read.columns
        expected, expected_output = Signal(), Signal()
        with m.If(self.accepted):
            m.d.sync += [expected.eq(columns > self.config.cols), expected_output.eq(output)]
        may = {kind: appended_bytes(self.config, size) // size for kind, size in OUTPUT_BYTES.items()}
        most = Mux(output == isa.Output.INT32, may[isa.Output.INT32], may[isa.Output.INT8])
        self.given("a word has columns, and no more of the next one than may join", (columns != 0) & (columns <= self.config.cols + most))
        self.given("a word joins one that has columns of it", ~self.accepted | (self.read.joins == expected))
        self.given("a word that joins has columns of its own only", ~self.read.joins | (columns <= most))
        self.given("a word is of the output of the one that it joins", ~(self.accepted & expected) | (output == expected_output))

    def _begun(self, inside: Any, queue: WordQueue, output: isa.Output) -> Any:
        """Whether the first piece of the oldest word is gone and the others are not."""
        return (inside["piece"] != 0) & (inside["is_int32"] == (output is isa.Output.INT32)) if queue.pieces > 1 else Const(0)

    def _others(self, others: Any, first: Any, begun: Any, name: str) -> None:
        self.always(f"other pieces of {name} find room", ~others.port.w_en | others.port.w_rdy)
        self.always(f"no more {name} words have other pieces than are there", others.port.level <= first.port.level + begun)
        self.always(f"other pieces of {name} are there when they leave", ~others.port.r_en | others.port.r_rdy)
        self.always(f"first pieces of {name} are there when they leave", ~first.port.r_en | first.port.r_rdy)
        self.reached(f"a word joins another of {name}", first.port.r_en & (begun != 0))

    def _under_way(self, inside: Any, stage: int, output: isa.Output) -> Any:
        """Whether a word of this kind was accepted ``stage`` cycles ago."""
        form = data.View(read_layout(self.config), inside[f"read_{stage}"]).format
        return inside[f"answered_{stage}"] & (form.output == output)


class TilesHaveRoom(Harness):
    """:class:`Drain`: a tile that is given finds room until its rows move, and until they leave.

    *Given*: tiles are at least so many cycles apart as an accumulator word needs between updates (:mod:`hwacc.rtl.compute` walks no
    tile for less).
    """

    def __init__(self, *, plant: Plant | None = None) -> None:
        self.plant = plant
        super().__init__({"tile_valid": In(1), "tile": In(tile_layout(TINY)), "clear": In(1)})

    def describe(self, m: Module) -> None:
        drain = m.submodules.drain = Drain(TINY, cycles_to_swap=CYCLES_TO_SWAP)
        inside = Inside(drain)
        if self.plant:
            self.plant(inside)
        line = inside["line"]
        m.d.comb += [drain.tile_valid.eq(self.tile_valid), drain.tile.eq(self.tile), drain.clear.eq(self.clear)]
        apart = ACC_UPDATE_CYCLES - 1
        self.given("tiles are as far apart as the shortest", ~self.tile_valid | (line[:apart] == 0))
        for low in range(len(line) - apart):
            self.always(f"of the tiles since cycle {low} at most one is in {apart + 1} cycles", sum(line[low : low + apart + 1]) <= 1)
        for what, name, end in (("leave", "waiting", "to_rows"), ("move", "low", "to_shift")):
            queue, cycles = inside.fifo(name).port, inside.value(end)
            self.always(f"the tiles that wait to {what} are those whose rows do not yet", queue.level == sum(line[: cycles - 1]))
            self.always(f"a tile to {what} finds room", ~queue.w_en | queue.w_rdy | self.clear)
            self.always(f"a tile is there when its rows {what}", ~queue.r_en | queue.r_rdy)
        self.reached("tiles follow each other without a gap", Cat(line[apart], line[2 * apart + 1]).all())
