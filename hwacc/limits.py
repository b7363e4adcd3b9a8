"""The least cycles that a product can take on an array of given size, buffers and bus: what measurements are held against.

For C [M, N] = A [M, K] · B [K, N], int8 operands, on ``rows`` × ``cols`` cells with a bus that reads and writes ``bus_bytes`` a cycle
each and memory that answers at once. Nothing is warm: the first operand has to come, and the last result has to leave.

Computing takes the better of two dataflows, every tile right behind the one before::

    output-stationary   ceil(M / rows) · ceil(N / cols) · K           the sums stay, K streams
    weight-stationary   ceil(K / rows) · ceil(N / cols) · max(M, rows)   the weights stay, M streams

Memory traffic is the least of any tiling whose operands and sums fit on chip; each result is written once. A product cannot end before

- the first operand of each lane is there, everything is computed, the last sums have crossed the array, and the last tile is written;
- everything is read, the last sums have crossed the array, and the last tile is written;
- the first operands are there, one tile is computed, its sums have crossed the array, and everything is written;
- the bus has moved all operands in, and all results out.

The formula is the usual roofline of a systolic array (compute and traffic as SCALE-Sim's output- and weight-stationary models
count them, but with the skew of successive tiles overlapped), extended by both ends of a cold start.
"""

from __future__ import annotations

from collections.abc import Iterator

from hwacc.config import INT32_BYTES, ArrayConfig

DOUBLE = 2
"""Buffers of what changes while the array works: one at work, one being filled or drained."""
SLICE = 16
"""Steps of K that a streamed operand keeps on chip at a time."""


def limit_cycles(m: int, k: int, n: int, out_bytes: int, config: ArrayConfig, *, groups: int = 1, operand_bytes: int | None = None) -> int:
    """Cycles from the first request to the last written byte of M×K×N, all at least 1; ``out_bytes`` is 1 (int8) or 4 (int32).

    Of ``groups`` such products one after the other. ``operand_bytes`` are those of all operands where they are not m·k + k·n of each:
    those of a convolution, whose windows share their input; each is then taken to be read once.
    """
    rows, cols, bus = config.rows, config.cols, config.bus_bytes
    computing = groups * min(_tiles(m, rows) * _tiles(n, cols) * k, _tiles(k, rows) * _tiles(n, cols) * max(m, rows))
    reads = groups * least_reads(m, k, n, config) if operand_bytes is None else operand_bytes
    reading, writing = _tiles(reads, bus), _tiles(groups * m * n * out_bytes, bus)
    used_rows, used_cols = min(m, rows), min(n, cols)
    first = _tiles(used_rows + used_cols, bus)
    across = used_rows + used_cols - 2
    last = _tiles(_last(m, rows) * _last(n, cols) * out_bytes, bus)
    return max(
        first + computing + across + last,
        reading + across + last,
        first + k + across + writing,
        computing,
        reading,
        writing,
    )


def least_reads(m: int, k: int, n: int, config: ArrayConfig) -> int:
    """Least bytes of operands that have to be read, over all tilings; each operand once where no tiling fits."""
    return min(_reads(m, k, n, config), default=m * k + k * n)


def _reads(m: int, k: int, n: int, config: ArrayConfig) -> Iterator[int]:
    """Bytes read, for each way of keeping operands on chip that fits."""
    west, north = m * k, k * n
    for height in _extents(m, config.rows):
        for width in _extents(n, config.cols):
            panels, columns = _tiles(m, height), _tiles(n, width)
            sums = height * width * INT32_BYTES * (DOUBLE if panels * columns > 1 else 1)
            if sums > config.acc_bytes:
                continue
            steps = min(k, SLICE)
            west_slice, north_slice = DOUBLE * height * steps, DOUBLE * width * steps
            west_panel = height * k * (DOUBLE if panels > 1 else 1)
            north_panel = width * k * (DOUBLE if columns > 1 else 1)
            ways = (
                (west_slice + north_slice, west * columns + north * panels),  # both stream
                (west_panel + north_slice, west + north * panels),
                (west_slice + north_panel, west * columns + north),
                (west + north_panel, west + north),  # all of one stays, a panel of the other
                (west_panel + north, west + north),
            )
            yield from (read for held, read in ways if held <= config.spm_bytes)


def _extents(size: int, unit: int) -> list[int]:
    """Heights or widths of a panel: multiples of ``unit``, one for each number of panels that ``size`` can be cut into."""
    units = _tiles(size, unit)
    return [min(tiles * unit, size) for tiles in sorted({_tiles(units, parts) for parts in range(1, units + 1)})]


def _tiles(size: int, unit: int) -> int:
    return -(-size // unit)


def _last(size: int, unit: int) -> int:
    """What is left for the last tile."""
    return size - (_tiles(size, unit) - 1) * unit
