"""Queues whose producer does not ask for room: it kept room before, so nothing is dropped."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Module
from amaranth.lib import data
from amaranth.lib.wiring import In

from hwacc import isa
from hwacc.config import TINY
from hwacc.rtl.drain import Drain, tile_layout
from hwacc.rtl.interfaces import ACC_READ_LATENCY, ACC_UPDATE_CYCLES
from hwacc.rtl.store_format import WordFormatter
from hwacc.rtl.store_reader import read_layout
from tests.formal.fifo import Plant
from tests.formal.harness import Harness
from tests.formal.inside import Inside

CYCLES_TO_SWAP = 4


class AnsweredWordsHaveRoom(Harness):
    """:class:`WordFormatter`: a word that the accumulator answers finds room, as do those that come out of the requantiser.

    *Given*: a read is accepted only where ``room`` says so.
    """

    def __init__(self, *, plant: Plant | None = None) -> None:
        self.plant = plant
        super().__init__({"accepted": In(1), "read": In(read_layout(TINY)), "ready": In(1)})

    def describe(self, m: Module) -> None:
        formatter = m.submodules.formatter = WordFormatter(TINY)
        inside = Inside(formatter)
        if self.plant:
            self.plant(inside)
        order = inside.fifo("order")
        requantiser = inside.part("requantiser")
        m.d.comb += [formatter.accepted.eq(self.accepted), formatter.read.eq(self.read), formatter.slices.ready.eq(self.ready)]
        self.given("a read is accepted only where there is room", ~self.accepted | formatter.room.bit_select(self.read.format.output, 1))
        levels = 0
        for output in isa.Output:
            name = output.name.lower()
            queue, taken = inside.fifo(name), inside[f"taken_{name}"]
            stages = [self._under_way(inside, stage, output) for stage in range(1, ACC_READ_LATENCY + 1)]
            if output is isa.Output.INT8:
                stages += list(requantiser.component._valid[1:])
            self.always(f"an {name} word finds room", ~queue.port.w_en | queue.port.w_rdy)
            self.always(f"the {name} words counted are those there and those under way", taken == queue.port.level + sum(stages))
            self.always(f"no more {name} words are counted than fit", taken <= queue.port.depth)
            self.always(f"the pointers of {name} are as far apart as the words are many", queue.consistent())
            self.reached(f"{name} is full or on its way to be", taken == queue.port.depth)
            levels += taken
        self.always("the order of every word is known", order.port.level == levels)
        self.always("the order of a read finds room", ~self.accepted | order.port.w_rdy)

    def _under_way(self, inside: Any, stage: int, output: isa.Output) -> Any:
        """Whether a word of this kind was accepted ``stage`` cycles ago."""
        form = data.View(read_layout(TINY), inside[f"read_{stage}"]).format
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
