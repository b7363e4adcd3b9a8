"""Cycles that descriptors take: what the planner believes, in one place.

The constants describe the engines of ``rtl/`` with a memory that answers after
32 cycles. They need not be exact: they rank plans and order descriptors.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
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
    second = fetch_cycles(config) if config.bus_bytes < isa.LONG_BYTES and isa.LOAD.needs_long(shortened(fields)) else 0
    dims = range(1, isa.LOAD_DIMS + 1)
    counts = [fields.get(f"count{dim}", 1) for dim in dims]
    runs = counts[0] * counts[1] * counts[2] * counts[3]
    strides = [fields.get(f"stride{dim}", 0) for dim, count in zip(dims, counts) if count > 1]
    grid = gcd(config.bus_bytes, *strides)
    aligned = bool(fields.get("align_start", 0))
    times_bus = runs * _beats_times_bus(fields["run"], fields["address"] % grid, grid, config.bus_bytes, aligned)
    return second + -(-times_bus // config.bus_bytes)


@lru_cache(maxsize=4096)
def _beats_times_bus(run: int, offset: int, grid: int, bus: int, aligned: bool = False) -> int:
    """Mean beats of a run, times ``bus``: starts are at ``offset`` modulo ``grid``, else anywhere; ``aligned``: without the beat cut."""
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
