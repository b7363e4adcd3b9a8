"""Cycles that descriptors take: what the planner believes, in one place.

The constants describe the engines of ``rtl/`` with a memory that answers after
32 cycles. They need not be exact: they rank plans and order descriptors.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import gcd

from hwacc import isa
from hwacc.compiler.emit.access import shortened
from hwacc.config import ArrayConfig
from hwacc.isa import Dataflow, Engine

MEMORY_LATENCY = 32
START = MEMORY_LATENCY + 8
"""From the doorbell until the first engine works: fetching the first descriptors."""
FETCHED_FIRST = 36
"""Beats of the descriptors that come before the first operands do."""
END = MEMORY_LATENCY + 8
"""From the last STORE's last beat until the completion record is on the bus."""

DESCRIPTOR_PRICE = 1
"""Cycles that a descriptor counts for in a choice, beside those in which the bus brings it: of two plans the simpler one is safer."""


def fetch_cycles(config: ArrayConfig) -> int:
    """Cycles in which the memory delivers a short descriptor and nothing else."""
    return -(-isa.SHORT_BYTES // config.bus_bytes)


def settle_cycles(producer: Engine, consumer: Engine, config: ArrayConfig) -> int:
    """From the cycle in which ``producer`` can begin its next descriptor until ``consumer`` gets the token of this one."""
    if producer is Engine.LOAD:
        return MEMORY_LATENCY + 8
    if producer is Engine.COMPUTE and consumer is Engine.STORE:
        return config.rows + config.cols + 12
    if producer is Engine.STORE and consumer is Engine.LOAD:
        return MEMORY_LATENCY + 16
    return 4


def load_cycles(fields: Mapping[str, int], config: ArrayConfig) -> int:
    """A LOAD with these fields: a cycle for each beat, of each run on its own; what padding saves is not counted.

    The second half of a long descriptor, which comes through the same bus, is.
    """
    bus = config.bus_bytes
    second = fetch_cycles(config) if bus < isa.LONG_BYTES and _is_long(fields) else 0
    runs, grid = 1, bus
    for count, stride in _LOOPS:
        if fields.get(count, 1) > 1:
            runs, grid = runs * fields[count], gcd(grid, fields.get(stride, 0))
    aligned = bool(fields.get("align_start", 0))
    times_bus = runs * _beats_times_bus(fields["run"], fields["address"] % grid, grid, bus, aligned)
    return second + -(-times_bus // bus)


def _is_long(fields: Mapping[str, int]) -> bool:
    return isa.LOAD.needs_long(fields) and isa.LOAD.needs_long(shortened(fields))


_LOOPS = tuple((f"count{dim}", f"stride{dim}") for dim in range(1, isa.LOAD_DIMS + 1))


def _beats_times_bus(run: int, offset: int, grid: int, bus: int, aligned: bool = False) -> int:
    """Mean beats of a run, times ``bus``: starts are at ``offset`` modulo ``grid``, else anywhere; ``aligned``: without the beat cut."""
    whole, rest = divmod(run, bus)
    return whole * bus + _beats_of_rest(rest, offset, grid, bus, aligned)


@cache
def _beats_of_rest(run: int, offset: int, grid: int, bus: int, aligned: bool) -> int:
    """The same of a run shorter than a beat: few there are, each asked for often."""
    starts = range(offset, bus, grid)
    return sum(-(-(start + run) // bus) - (aligned and start > 0) for start in starts) * bus // len(starts)


UPDATE_CYCLES = 4
"""The least that any tile takes."""


def weight_cycles(config: ArrayConfig) -> int:
    """The weights of a tile on their way in, and the least that a tile takes unless both operands lie across."""
    return max(config.rows, config.cols, UPDATE_CYCLES)


def idle_cycles(dataflow: Dataflow, config: ArrayConfig) -> int:
    """Cycles of a COMPUTE in which no tile is fed, if it does not follow the one before at once."""
    return weight_cycles(config) if dataflow is Dataflow.WEIGHT_STATIONARY else 0


READ_BACK = 2
"""Cycles until a COMPUTE may read what the one before it, on another panel, may just have written."""


def hides_weights(m: int, config: ArrayConfig, *, one_tile: bool = False) -> bool:
    """Whether so many rows, streaming through a tile, leave time for the weights of the next COMPUTE's first tile behind them.

    ``one_tile``: the COMPUTE has but this tile, so that the next one begins to be looked at a cycle later.
    """
    return m > weight_cycles(config) + one_tile


def fed_cycles(m: int, n: int, k: int, dataflow: Dataflow, config: ArrayConfig, *, across: bool = False) -> int:
    """Cycles in which the tiles of m × n × k are fed; ``across``: both operands lie so. What came before has no more rows than this."""
    if across and dataflow is Dataflow.OUTPUT_STATIONARY:
        whole, rest = divmod(m, config.rows)
        column = whole * max(k, config.rows, UPDATE_CYCLES) + (max(k, rest, UPDATE_CYCLES) if rest else 0)
        return -(-n // config.cols) * column
    tiled, streamed = (k, m) if dataflow is Dataflow.WEIGHT_STATIONARY else (m, k)
    return -(-n // config.cols) * -(-tiled // config.rows) * max(streamed, weight_cycles(config))


def store_cycles(rows: int, n: int, element: int, stride: int, config: ArrayConfig) -> int:
    """A STORE of ``rows`` × ``n`` elements, rows ``stride`` bytes apart: an accumulator word or a beat a cycle, whichever is slower."""
    length, bus = n * element, config.bus_bytes
    words = rows * -(-n // config.cols)
    if stride == length:
        return max(words, -(-rows * length // bus))
    return max(words, int(rows * (_beats_times_bus(length, 0, gcd(bus, stride), bus) / bus)))
