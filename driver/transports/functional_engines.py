"""What each engine does with one descriptor, in NumPy: the meaning of the ISA, without its timing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwacc import isa, reference
from hwacc.config import INT32_BYTES, PARAMETER_BYTES, ArrayConfig

Bytes = NDArray[np.uint8]
Index = NDArray[np.int64]

_BLOCK_BYTES = 1 << 20
"""Bytes that LOAD moves at once; bounds the memory that index arrays take."""
_EXACT_FLOAT32_K = 1024
"""Longest reduction of int8 products whose partial sums float32 holds exactly: 2¹⁰ · 2⁷ · 2⁷ = 2²⁴."""


class Fault(Exception):
    """The hardware would report ``status`` for this descriptor."""

    def __init__(self, status: isa.Status) -> None:
        super().__init__(isa.STATUS_MEANING[status])
        self.status = status


@dataclass
class Counts:
    """What a submission did: bytes of read beats, bytes written, multiply-accumulates."""

    bytes_read: int = 0
    bytes_written: int = 0
    macs: int = 0

    def add(self, other: Counts) -> None:
        """Adds ``other`` in place."""
        self.bytes_read += other.bytes_read
        self.bytes_written += other.bytes_written
        self.macs += other.macs


class State:
    """The on-chip buffers, all zero at first."""

    def __init__(self, config: ArrayConfig) -> None:
        self.config = config
        self.west = np.zeros(config.operand_bytes, np.uint8)
        self.north = np.zeros(config.operand_bytes, np.uint8)
        self.accumulator = np.zeros((config.acc_words, config.cols), np.int32)
        self.parameters = np.zeros(config.parameter_buffer_bytes, np.uint8)

    def target(self, target: isa.Target) -> Bytes:
        """The bytes that LOAD fills, a view."""
        views = {
            isa.Target.WEST: self.west,
            isa.Target.NORTH: self.north,
            isa.Target.ACCUMULATOR: self.accumulator.reshape(-1).view(np.uint8),
            isa.Target.PARAMETERS: self.parameters,
        }
        return views[target]


def load(state: State, memory: Bytes, descriptor: isa.Descriptor) -> Counts:
    """Executes a LOAD."""
    counts = [descriptor[f"count{dim}"] for dim in range(1, isa.LOAD_DIMS + 1)]
    _require(descriptor["run"] > 0 and min(counts) > 0, isa.Status.BAD_FIELD)
    _require(not descriptor["bounded"] or not (descriptor["align_start"] or descriptor["align_end"]), isa.Status.BAD_FIELD)
    _require(not descriptor["align_start"] or descriptor["run"] >= state.config.bus_bytes, isa.Status.BAD_FIELD)
    target = state.target(isa.Target(descriptor["target"]))
    read = 0
    for block in _blocks(int(np.prod(counts, dtype=object)), max(1, _BLOCK_BYTES // descriptor["run"])):
        read += _load_runs(state.config, memory, target, descriptor, np.stack(_unravel(block, counts)))
    return Counts(bytes_read=read)


def compute(state: State, memory: Bytes, descriptor: isa.Descriptor) -> Counts:
    """Executes a COMPUTE. The dataflow decides about cycles only."""
    m, n, k, addend = (descriptor[name] for name in ("m", "n", "k", "addend"))
    _require(min(m, n, k) > 0 and addend in list(isa.Addend), isa.Status.BAD_FIELD)
    _require(descriptor["dataflow"] in state.config.available_dataflows, isa.Status.BAD_FIELD)
    tiles = -(-n // state.config.cols)
    _require(not 0 < descriptor["acc_stride"] < tiles, isa.Status.BAD_FIELD)
    words = _rows(state, descriptor, m)
    west = _operand(state.config, state.west, descriptor, "west", m)
    north = _operand(state.config, state.north, descriptor, "north", n)
    total = _product(west, north.T)
    if addend == isa.Addend.ACCUMULATE:
        total += words
    if addend == isa.Addend.BIAS:
        _require(descriptor["bias"] + tiles <= state.config.acc_words, isa.Status.BAD_LOCAL_ADDRESS)
        total += state.accumulator[descriptor["bias"] : descriptor["bias"] + tiles].reshape(-1)[:n]
    words[:] = reference.wrap32(total)
    return Counts(macs=m * n * k)


def store(state: State, memory: Bytes, descriptor: isa.Descriptor) -> Counts:
    """Executes a STORE."""
    n, output = descriptor["n"], isa.Output(descriptor["output"])
    counts = [descriptor[f"count{dim}"] for dim in range(1, isa.STORE_DIMS + 1)]
    _require(n > 0 and min(counts) > 0, isa.Status.BAD_FIELD)
    rows = int(np.prod(counts, dtype=object))
    values = _rows(state, descriptor, rows)
    result = values if output is isa.Output.INT32 else _requantise(state, descriptor, values)
    encoded = np.ascontiguousarray(result).view(np.uint8).reshape(rows, -1)
    starts = sum(i * descriptor[f"stride{dim}"] for dim, i in enumerate(_unravel(np.arange(rows), counts), 1))
    addresses = _addresses(state.config, descriptor, np.asarray(starts), encoded.shape[1])
    _require(int(addresses.max()) < memory.size, isa.Status.WRITE_ERROR)
    memory[addresses] = encoded
    return Counts(bytes_written=encoded.size)


def _require(condition: bool, status: isa.Status) -> None:
    if not condition:
        raise Fault(status)


def _rows(state: State, descriptor: isa.Descriptor, rows: int) -> NDArray[np.int32]:
    """The rows in the accumulator of a COMPUTE's result, or that a STORE reads, [rows, n], a view."""
    first, n, cols = descriptor["acc"], descriptor["n"], state.config.cols
    tiles = -(-n // cols)
    stride = descriptor["acc_stride"] or tiles
    _require(first + (rows - 1) * stride + tiles <= state.config.acc_words, isa.Status.BAD_LOCAL_ADDRESS)
    return np.lib.stride_tricks.as_strided(state.accumulator[first:], (rows, n), (stride * state.config.acc_word_bytes, INT32_BYTES))


def _blocks(total: int, size: int) -> Iterator[Index]:
    for start in range(0, total, size):
        yield np.arange(start, min(start + size, total), dtype=np.int64)


def _unravel(index: Index, counts: list[int]) -> list[Index]:
    """Loop counters for a flat index, innermost loop first."""
    counters = []
    for count in counts:
        counters.append(index % count)
        index = index // count
    return counters


def _addresses(config: ArrayConfig, descriptor: isa.Descriptor, starts: Index, length: int) -> Index:
    """Memory address of each byte, [rows, length], modulo the address width."""
    bytes_ = descriptor["address"] + starts[:, None] + np.arange(length, dtype=np.int64)
    return np.asarray(bytes_ % (1 << config.address_bits), dtype=np.int64)


def _load_runs(config: ArrayConfig, memory: Bytes, target: Bytes, descriptor: isa.Descriptor, counters: Index) -> int:
    """Moves the runs with these loop counters, [loops, runs]; returns the bytes of the beats read."""

    def along(*names: str) -> Index:
        steps = np.array([descriptor[name] if name else 0 for name in names], dtype=np.int64)
        return steps @ counters

    run = descriptor["run"]
    offsets = np.arange(run + (config.bus_bytes - 1) * descriptor["align_end"])
    addresses = _addresses(config, descriptor, along("stride1", "stride2", "stride3", "stride4"), len(offsets))
    local = descriptor["local"] + along("local_stride1", "local_stride2", "local_stride3", "local_stride4")
    if descriptor["bounded"]:
        x = descriptor["x0"] + along("stride1", "", "stride3", "")
        y = descriptor["y0"] + along("", "y_step2", "", "y_step4")
        low, high = np.clip(-x, 0, run), np.clip(descriptor["x_limit"] - x, 0, run)
        high[(y < 0) | (y >= descriptor["y_limit"])] = 0
    else:
        low, high = _aligned(config, descriptor, addresses[:, 0])
    inside = (offsets >= low[:, None]) & (offsets < high[:, None])
    begin, end = (0, run) if descriptor["bounded"] else (low, high)
    leaves_target = (local + begin < 0) | (local + end > target.size)
    leaves_memory: NDArray[np.bool_] = np.any(inside & (addresses >= memory.size), axis=1)
    _require_runs({isa.Status.BAD_LOCAL_ADDRESS: leaves_target, isa.Status.READ_ERROR: leaves_memory})
    wanted, places = addresses[inside], local[:, None] + offsets
    if descriptor["bounded"]:
        values = np.full(addresses.shape, descriptor["pad"] & 0xFF, np.uint8)
        values[inside] = memory[wanted]
        target[places] = values
    else:
        target[places[inside]] = memory[wanted]
    return _beat_bytes(config, addresses[:, 0], low, high)


def _require_runs(faults: dict[isa.Status, NDArray[np.bool_]]) -> None:
    """Ends the LOAD as the first run does that has a fault; of one with several, the first of ``faults`` counts."""
    bad = np.logical_or.reduce(list(faults.values()))
    first = int(bad.argmax())
    for status, found in faults.items():
        _require(not found[first], status)


def _aligned(config: ArrayConfig, descriptor: isa.Descriptor, first: Index) -> tuple[Index, Index]:
    """Where the runs that begin at ``first`` are cut, counted from there."""
    run, nothing = descriptor["run"], np.zeros_like(first)
    low = -first % config.bus_bytes if descriptor["align_start"] else nothing
    high = run + (-(first + run) % config.bus_bytes if descriptor["align_end"] else nothing)
    return low, high


def _beat_bytes(config: ArrayConfig, first: Index, low: Index, high: Index) -> int:
    """Bytes of the bus beats that hold bytes ``low`` to ``high`` of the runs that begin at ``first``."""
    used = high > low
    begin = (first + low)[used] // config.bus_bytes
    end = ((first + high)[used] + config.bus_bytes - 1) // config.bus_bytes
    return int((end - begin).sum()) * config.bus_bytes


def _operand(config: ArrayConfig, buffer: Bytes, descriptor: isa.Descriptor, side: str, size: int) -> NDArray[np.int8]:
    """The panel of one side as int8 [size, k], a view."""
    k = descriptor["k"]
    contiguous = descriptor[f"{side}_k_contiguous"]
    lines, length = (size, k) if contiguous else (k, size)
    base, stride = descriptor[side], descriptor[f"{side}_stride"]
    _require(base + (lines - 1) * stride + length <= config.operand_bytes, isa.Status.BAD_LOCAL_ADDRESS)
    panel = np.lib.stride_tricks.as_strided(buffer[base:].view(np.int8), (lines, length), (stride, 1), writeable=False)
    return panel if contiguous else panel.T


def _product(west: NDArray[np.int8], north: NDArray[np.int8]) -> NDArray[np.int64]:
    """``west @ north``, exactly, through the float multiply that is fast and still exact."""
    kind = np.float32 if west.shape[1] <= _EXACT_FLOAT32_K else np.float64
    return np.asarray(west.astype(kind) @ north.astype(kind)).astype(np.int64)


def _requantise(state: State, descriptor: isa.Descriptor, values: NDArray[np.int32]) -> NDArray[np.int8]:
    multiplier, shift = _scale(state, descriptor, values.shape[1])
    clamp = {name: descriptor[name] for name in ("zero_point", "clamp_min", "clamp_max")}
    return reference.requantise(values, multiplier, shift, double_round=bool(descriptor["double_round"]), **clamp)


def _scale(state: State, descriptor: isa.Descriptor, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Multipliers and shifts, one for each column or one for all."""
    if not descriptor["per_channel"]:
        _require(2 <= descriptor["shift"] <= 62, isa.Status.BAD_FIELD)
        return np.array([descriptor["multiplier"]]), np.array([descriptor["shift"]])
    first, tiles = descriptor["parameters"], -(-n // state.config.cols)
    _require(first + tiles <= state.config.parameter_words, isa.Status.BAD_LOCAL_ADDRESS)
    start = first * state.config.cols * PARAMETER_BYTES
    table = state.parameters[start : start + n * PARAMETER_BYTES].reshape(n, PARAMETER_BYTES)
    multiplier = np.ascontiguousarray(table[:, :4]).view("<i4").reshape(-1)
    return multiplier.astype(np.int64), (table[:, 4] & 63).astype(np.int64)
