"""What a descriptor touches: memory and on-chip buffers, as intervals of bytes.

Derived from the meaning of the fields in :mod:`hwacc.isa`. An interval is the
smallest that holds every byte touched; :func:`touched` says exactly which.

A run whose cuts are aligned begins and ends where the bus says, and so where its buffer
lies, which is not known before launch. It counts as touching all that it may touch
in any place: its own bytes, and up to a beat less one byte behind an aligned end.
That lies in the bytes of the neighbour, of which only the start is aligned, and counts there
from the cut on: what precedes the cut is not among its bytes, so it may still be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from math import gcd, prod

import numpy as np
from numpy.typing import NDArray

from hwacc import isa
from hwacc.config import INT32_BYTES, PARAMETER_BYTES, ArrayConfig
from hwacc.parts import parts

MEMORY = len(isa.Target)
"""The space of memory, beside those of :class:`hwacc.isa.Target`."""
MOST_RUNS = 1 << 14
MOST_BYTES = 1 << 22
"""Runs and bytes that :func:`touched` lists; what has more counts as touching its whole interval."""


class Moment(IntEnum):
    """When an access is over: with the tokens that mean "operands read" or with those that mean "done"."""

    READ = 0
    DONE = 1


@dataclass(frozen=True)
class Access:
    """Bytes ``low`` to ``high`` (exclusive) of ``space``: a :class:`hwacc.isa.Target` or :data:`MEMORY`.

    In memory the bytes count from the start of the descriptor's buffer and may be negative.
    """

    space: int
    low: int
    high: int
    writes: bool
    moment: Moment

    def meets(self, other: Access) -> bool:
        """Whether the two intervals overlap and one of them is written."""
        return self.space == other.space and self.low < other.high and other.low < self.high and (self.writes or other.writes)


def accesses(descriptor: isa.Descriptor, config: ArrayConfig) -> list[Access]:
    """Everything that ``descriptor`` touches, part after part, provided that its counts are not 0; END touches nothing."""
    makers = {isa.Engine.LOAD: _load, isa.Engine.COMPUTE: _compute, isa.Engine.STORE: _store}
    maker = makers.get(descriptor.op.engine)
    return [access for part in parts(descriptor) for access in maker(part, config)] if maker is not None else []


def touched(descriptor: isa.Descriptor, access: Access, config: ArrayConfig) -> NDArray[np.int64] | None:
    """The bytes of one of its accesses, sorted; None if these are all bytes of the interval, or too many to list.

    ``descriptor`` is plain: it has no parts.
    """
    if _is_result(descriptor, access):
        return _result_bytes(descriptor, config)
    if descriptor.op is isa.COMPUTE:
        return _panel_bytes(descriptor, access)
    if descriptor.op is isa.STORE:
        return _rows_bytes(descriptor) if access.space == MEMORY else None
    return _runs_bytes(descriptor, access, config)


def comb(descriptor: isa.Descriptor, access: Access, config: ArrayConfig) -> tuple[int, int, int]:
    """Teeth that hold every byte of one of its accesses: ``length`` bytes each, at ``first`` and at whole pitches from there.

    ``descriptor`` is plain. Returns first, pitch, length; a pitch of 0 means a single tooth.
    """
    d = descriptor
    if _is_result(d, access):
        pitch = row_stride(d, config) if _rows(d) > 1 else 0
        return access.low, pitch * config.acc_word_bytes, column_tiles(d["n"], config) * config.acc_word_bytes
    if d.op is isa.COMPUTE and access.space in (isa.Target.WEST, isa.Target.NORTH):
        side, size = ("west", d["m"]) if access.space == isa.Target.WEST else ("north", d["n"])
        lines, length = _lines(d, side, size)
        return access.low, d[f"{side}_stride"] if lines > 1 else 0, length
    if d.op is isa.LOAD:
        name, first = ("stride", signed_address(d)) if access.space == MEMORY else ("local_stride", d["local"])
        return first, _pitch(d, name), _longest_run(d, config)
    if d.op is isa.STORE and access.space == MEMORY:
        return signed_address(d), _pitch(d, "stride"), _row_bytes(d)
    return access.low, 0, access.high - access.low


def apart(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    """Whether the teeth of two :func:`comb` pass between one another, wherever these begin and end."""
    (first, pitch, length), (others_first, others_pitch, others_length) = one, other
    common = gcd(pitch, others_pitch)
    if not common:
        return False
    distance = (others_first - first) % common
    return length <= distance and distance + others_length <= common


def extent(counts: Sequence[int], strides: Sequence[int]) -> tuple[int, int]:
    """Lowest and highest offset that nested loops reach."""
    steps = [(count - 1) * stride for count, stride in zip(counts, strides)]
    return sum(min(step, 0) for step in steps), sum(max(step, 0) for step in steps)


def column_tiles(n: int, config: ArrayConfig) -> int:
    """Accumulator words of a row of ``n`` columns."""
    return -(-n // config.cols)


def row_stride(descriptor: isa.Descriptor, config: ArrayConfig) -> int:
    """Accumulator words from one row of a COMPUTE's result, or of what a STORE reads, to the next."""
    return descriptor["acc_stride"] or column_tiles(descriptor["n"], config)


def result_words(descriptor: isa.Descriptor, config: ArrayConfig) -> NDArray[np.int64]:
    """The accumulator words of these rows, [rows, column tiles]."""
    first = descriptor["acc"] + np.arange(_rows(descriptor), dtype=np.int64) * row_stride(descriptor, config)
    return first[:, None] + np.arange(column_tiles(descriptor["n"], config), dtype=np.int64)


def signed_address(descriptor: isa.Descriptor) -> int:
    """The address as an offset into a buffer, which may be negative where bounds keep its bytes from being read."""
    address = descriptor["address"]
    return address - (1 << isa.ADDRESS_BITS) if address >> (isa.ADDRESS_BITS - 1) else address


def loops(descriptor: isa.Descriptor, name: str) -> list[int]:
    """A field of every loop, such as ``count`` or ``stride``, innermost first."""
    dims = isa.LOAD_DIMS if descriptor.op is isa.LOAD else isa.STORE_DIMS
    return [descriptor[f"{name}{dim}"] for dim in range(1, dims + 1)]


def _pitch(d: isa.Descriptor, name: str) -> int:
    """Every iteration begins at a whole number of these from the first one."""
    return gcd(*(stride for count, stride in zip(loops(d, "count"), loops(d, name)) if count > 1))


def _longest_run(d: isa.Descriptor, config: ArrayConfig) -> int:
    """Bytes from the start of a run to the last end that it may have."""
    return d["run"] + (config.bus_bytes - 1) * d["align_end"]


def _load(d: isa.Descriptor, config: ArrayConfig) -> list[Access]:
    low, high = extent(loops(d, "count"), loops(d, "local_stride"))
    target = Access(d["target"], d["local"] + low, d["local"] + high + _longest_run(d, config), True, Moment.DONE)
    read = _bounded_extent(d) if d["bounded"] else _unbounded_extent(d, config)
    if read is None:
        return [target]
    address = signed_address(d)
    return [target, Access(MEMORY, address + read[0], address + read[1], False, Moment.DONE)]


def _unbounded_extent(d: isa.Descriptor, config: ArrayConfig) -> tuple[int, int]:
    low, high = extent(loops(d, "count"), loops(d, "stride"))
    return low, high + _longest_run(d, config)


def _bounded_extent(d: isa.Descriptor) -> tuple[int, int] | None:
    """Bytes read, relative to the address; None if all is padding.

    A byte's address is ``address - x0 + x + (strides of loops 2 and 4)``, so x and y can be looked at apart.
    """
    x, rows = _x_extent(d), _row_extent(d)
    if x is None or rows is None:
        return None
    return x[0] - d["x0"] + rows[0], x[1] - d["x0"] + rows[1]


def _x_extent(d: isa.Descriptor) -> tuple[int, int] | None:
    """Lowest x inside the bounds, and the one after the highest."""
    limit, run = d["x_limit"], d["run"]
    (inner, step), (outer, outer_step) = sorted(((d["count1"], d["stride1"]), (d["count3"], d["stride3"])), reverse=True)
    found = []
    for i in range(outer):
        start = d["x0"] + i * outer_step
        if step < 0:
            start += (inner - 1) * step
        stride = abs(step) or 1
        count = inner if step else 1
        first = max(0, (-start - run) // stride + 1)  # the first run that ends above 0
        last = min(count - 1, -(-(limit - start) // stride) - 1)  # the last run that begins below the limit
        if first < count and last >= 0:
            low, high = max(0, start + first * stride), min(limit, start + last * stride + run)
            if low < high:
                found.append((low, high))
    return (min(low for low, _ in found), max(high for _, high in found)) if found else None


def _row_extent(d: isa.Descriptor) -> tuple[int, int] | None:
    """Lowest and highest byte offset of loops 2 and 4 among the rows inside the bounds."""
    found = []
    for i in range(d["count4"]):
        y, offset, step = d["y0"] + i * d["y_step4"], i * d["stride4"], d["y_step2"]
        first, last = 0, d["count2"] - 1
        if step:
            first, last = max(first, -(y // step)), min(last, (d["y_limit"] - 1 - y) // step)
        elif not 0 <= y < d["y_limit"]:
            continue
        if first <= last:
            found += [offset + first * d["stride2"], offset + last * d["stride2"]]
    return (min(found), max(found)) if found else None


def _compute(d: isa.Descriptor, config: ArrayConfig) -> list[Access]:
    tiles, word = column_tiles(d["n"], config), config.acc_word_bytes
    found = [_panel(d, "west", d["m"], isa.Target.WEST), _panel(d, "north", d["n"], isa.Target.NORTH)]
    found.append(Access(isa.Target.ACCUMULATOR, *_result(d, config), True, Moment.DONE))
    if d["addend"] == isa.Addend.BIAS:
        found.append(Access(isa.Target.ACCUMULATOR, d["bias"] * word, (d["bias"] + tiles) * word, False, Moment.DONE))
    return found


def _panel(d: isa.Descriptor, side: str, size: int, space: int) -> Access:
    lines, length = _lines(d, side, size)
    return Access(space, d[side], d[side] + (lines - 1) * d[f"{side}_stride"] + length, False, Moment.READ)


def _rows(d: isa.Descriptor) -> int:
    """Rows of a COMPUTE's result, or of what a STORE reads."""
    return d["m"] if d.op is isa.COMPUTE else prod(loops(d, "count"))


def _result(d: isa.Descriptor, config: ArrayConfig) -> tuple[int, int]:
    """First byte of these rows in the accumulator, and the one after the last."""
    words = (_rows(d) - 1) * row_stride(d, config) + column_tiles(d["n"], config)
    return d["acc"] * config.acc_word_bytes, (d["acc"] + words) * config.acc_word_bytes


def _is_result(d: isa.Descriptor, access: Access) -> bool:
    """Whether an access is that to these rows: LOAD has none, and COMPUTE reads its bias elsewhere."""
    return access.space == isa.Target.ACCUMULATOR and (d.op is isa.STORE or (d.op is isa.COMPUTE and access.writes))


def _lines(d: isa.Descriptor, side: str, size: int) -> tuple[int, int]:
    """Lines of a panel, and bytes of a line."""
    return (size, d["k"]) if d[f"{side}_k_contiguous"] else (d["k"], size)


def _store(d: isa.Descriptor, config: ArrayConfig) -> list[Access]:
    low, high = extent(loops(d, "count"), loops(d, "stride"))
    address = signed_address(d)
    found = [
        Access(isa.Target.ACCUMULATOR, *_result(d, config), False, Moment.READ),
        Access(MEMORY, address + low, address + high + _row_bytes(d), True, Moment.DONE),
    ]
    if d["output"] == isa.Output.INT8 and d["per_channel"]:
        tiles, size = column_tiles(d["n"], config), config.cols * PARAMETER_BYTES
        found.append(Access(isa.Target.PARAMETERS, d["parameters"] * size, (d["parameters"] + tiles) * size, False, Moment.READ))
    return found


def _row_bytes(d: isa.Descriptor) -> int:
    return d["n"] * (INT32_BYTES if d["output"] == isa.Output.INT32 else 1)


def _offsets(counts: Sequence[int], strides: Sequence[int]) -> NDArray[np.int64]:
    """Offset of each iteration of nested loops."""
    offsets = np.zeros(1, np.int64)
    for count, stride in zip(counts, strides):
        offsets = (offsets[:, None] + np.arange(count, dtype=np.int64) * stride).reshape(-1)
    return offsets


def _listed(starts: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    return np.unique(starts[:, None] + np.arange(length, dtype=np.int64))


def _panel_bytes(d: isa.Descriptor, access: Access) -> NDArray[np.int64] | None:
    if access.space == isa.Target.ACCUMULATOR:
        return None  # the bias
    side, size = ("west", d["m"]) if access.space == isa.Target.WEST else ("north", d["n"])
    lines, length = _lines(d, side, size)
    if lines > MOST_RUNS or lines * length > MOST_BYTES:
        return None
    return _listed(access.low + _offsets([lines], [d[f"{side}_stride"]]), length)


def _result_bytes(d: isa.Descriptor, config: ArrayConfig) -> NDArray[np.int64] | None:
    rows, tiles, word = _rows(d), column_tiles(d["n"], config), config.acc_word_bytes
    if rows == 1 or row_stride(d, config) <= tiles or rows > MOST_RUNS or rows * tiles * word > MOST_BYTES:
        return None
    return _listed(result_words(d, config)[:, 0] * word, tiles * word)


def _rows_bytes(d: isa.Descriptor) -> NDArray[np.int64] | None:
    if _rows(d) > MOST_RUNS or _rows(d) * _row_bytes(d) > MOST_BYTES:
        return None
    return _listed(signed_address(d) + _offsets(loops(d, "count"), loops(d, "stride")), _row_bytes(d))


def _runs_bytes(d: isa.Descriptor, access: Access, config: ArrayConfig) -> NDArray[np.int64] | None:
    counts, run = loops(d, "count"), _longest_run(d, config)
    runs = counts[0] * counts[1] * counts[2] * counts[3]
    if runs > MOST_RUNS or runs * run > MOST_BYTES:
        return None
    if access.space != MEMORY:
        return _listed(d["local"] + _offsets(counts, loops(d, "local_stride")), run)
    bytes_ = signed_address(d) + _offsets(counts, loops(d, "stride"))[:, None] + np.arange(run, dtype=np.int64)
    if not d["bounded"]:
        return np.unique(bytes_)
    x = d["x0"] + _offsets(counts, [d["stride1"], 0, d["stride3"], 0])[:, None] + np.arange(run, dtype=np.int64)
    y = d["y0"] + _offsets(counts, [0, d["y_step2"], 0, d["y_step4"]])[:, None]
    return np.unique(bytes_[(x >= 0) & (x < d["x_limit"]) & (y >= 0) & (y < d["y_limit"])])
