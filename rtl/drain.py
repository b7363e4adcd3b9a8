"""Where the drained rows of each tile go."""

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, fifo, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.rtl.accumulator import drain_layout
from hwacc.rtl.array import drain_latency, shift_latency
from hwacc.rtl.decode import INDEX_BITS
from hwacc.rtl.interfaces import ACC_READ_LATENCY, ACC_UPDATE_CYCLES, fault_layout
from hwacc.rtl.lines import ADDRESS_BITS


def tile_layout(config: ArrayConfig) -> data.StructLayout:
    """A tile: ``address`` of its first row, ``stride`` of its rows, how many ``rows`` it has, its bias word, and whether it is the
    last of a descriptor that wants a token for STORE (``signal``)."""
    return data.StructLayout(
        {
            "address": ADDRESS_BITS,
            "stride": 16,
            "rows": 16,
            "addend": isa.Addend,
            "bias": ADDRESS_BITS,
            "signal": 1,
            "index": INDEX_BITS,
        }
    )


class Drain(wiring.Component):
    """Turns tiles into ``shift`` for the array and ``drain`` for the accumulator, at the right cycles.

    ``tile`` is given ``cycles_to_swap`` cycles before the ``swap`` after which its rows leave the array; the next one comes no
    sooner than its rows have left, and than :data:`hwacc.rtl.interfaces.ACC_UPDATE_CYCLES`. The rows leave the array in order, a row a
    cycle. Output-stationary, that is the array's bottom row first.

    ``done`` pulses for a ``signal`` tile in the cycle after one of its rows was announced: the first one, or, of a longer tile, the
    one with which ``rows`` of the array are left. That row can be read two cycles later, and no token is at work sooner. Until
    they can be read as well, the rows after it are ``held``.

    An address outside the accumulator pulses ``fault_valid`` and is not written. ``clear`` forgets everything.
    """

    def __init__(self, config: ArrayConfig, *, cycles_to_swap: int):
        self.config = config
        self.cycles_to_swap = cycles_to_swap
        super().__init__(
            {
                "tile_valid": In(1),
                "tile": In(tile_layout(config)),
                "clear": In(1),
                "shift": Out(config.rows),
                "drain": Out(drain_layout()),
                "done": Out(1),
                "busy": Out(1),
                "fault_valid": Out(1),
                "fault": Out(fault_layout()),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        to_shift = self.cycles_to_swap + shift_latency(config)
        to_rows = self.cycles_to_swap + drain_latency(config) - ACC_READ_LATENCY
        line = Signal(max(to_shift, to_rows))  # bit i: a tile ended i + 1 cycles ago
        m.d.sync += line.eq(Mux(self.clear, 0, (line << 1) | self.tile_valid))

        # Only what counts moves: the rows above a low tile's stay, since the next tile's sums may be there already.
        in_array = Mux(self.tile.rows < config.rows, self.tile.rows, config.rows)
        shifts_left = Signal(range(config.rows + 1))
        m.submodules.low = low = self._queue(len(shifts_left), to_shift)
        m.d.comb += [low.w_data.eq(in_array), low.w_en.eq(self.tile_valid), low.r_en.eq(line[to_shift - 2])]
        with m.If(self.clear):
            m.d.sync += shifts_left.eq(0)
        with m.Elif(low.r_en):
            m.d.sync += shifts_left.eq(low.r_data)
        with m.Elif(shifts_left != 0):
            m.d.sync += shifts_left.eq(shifts_left - 1)
        m.d.comb += self.shift.eq(Cat(shifts_left > config.rows - row for row in range(config.rows)))

        layout = tile_layout(config)
        m.submodules.waiting = waiting = self._queue(layout.size, to_rows)
        tile = Signal(layout, reset_less=True)
        left = Signal(16)  # rows left of ``tile``
        address = Signal(ADDRESS_BITS, reset_less=True)
        arriving = data.View(layout, waiting.r_data)
        m.d.comb += [waiting.w_data.eq(self.tile.as_value()), waiting.w_en.eq(self.tile_valid), waiting.r_en.eq(line[to_rows - 2])]
        with m.If(self.clear):
            m.d.sync += left.eq(0)
        with m.Elif(waiting.r_en):
            m.d.sync += [tile.eq(arriving), left.eq(arriving.rows), address.eq(arriving.address)]
        with m.Elif(left != 0):
            m.d.sync += [left.eq(left - 1), address.eq(address + tile.stride)]

        wanted = left != 0
        first = left == tile.rows
        signals, last = Signal(), Signal(ADDRESS_BITS)
        last_before = Signal(ADDRESS_BITS, reset_less=True)
        m.d.comb += [
            signals.eq(wanted & tile.signal & ((left == config.rows) | (first & (left < config.rows)))),
            last.eq(Mux(signals, address + (tile.stride << ceil_log2(config.rows)) - tile.stride, last_before)),
        ]
        m.d.sync += last_before.eq(last)
        outside = (address >= config.acc_words) | ((tile.addend == isa.Addend.BIAS) & (tile.bias >= config.acc_words))
        m.d.comb += [
            self.drain.write.eq(wanted & ~outside),
            self.drain.first.eq(wanted & first),
            self.drain.held.eq(tile.signal & (left <= config.rows)),
            self.drain.last.eq(last),
            self.drain.addend.eq(tile.addend),
            self.drain.address.eq(address),
            self.drain.bias.eq(tile.bias),
            self.fault_valid.eq(wanted & outside),
            self.fault.status.eq(isa.Status.BAD_LOCAL_ADDRESS),
            self.fault.index.eq(tile.index),
        ]
        m.d.sync += self.done.eq(signals & ~outside & ~self.clear)
        finishing = Signal(ACC_READ_LATENCY + 1)
        m.d.sync += finishing.eq(Mux(self.clear, 0, (finishing << 1) | (left != 0)))
        m.d.comb += self.busy.eq(self.tile_valid | (line != Const(0)) | (left != 0) | (finishing != 0))
        return m

    def _queue(self, width, cycles):
        """A queue of something about each tile, which waits there for so many cycles."""
        return ResetInserter(self.clear)(fifo.SyncFIFO(width=width, depth=cycles // ACC_UPDATE_CYCLES + 2))
