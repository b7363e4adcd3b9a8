"""A second reading of the descriptor format: one descriptor after the other, one run, line or row after the other.

Written from the text of :mod:`hwacc.isa` and nothing else; arithmetic is that of :mod:`hwacc.reference`. It knows no
engines: a verified stream may be executed in its own order, which is one of those that its tokens allow. What the
text leaves open, columns beyond n of a COMPUTE's result, is filled with a value of the caller's choice.
Whoever asks is told which bytes each descriptor reads and writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hwacc import isa, reference
from hwacc.config import INT32_BYTES, PARAMETER_BYTES, ArrayConfig
from hwacc.footprint import MEMORY

Bytes = NDArray[np.uint8]
UNDEFINED = 0x5A5A5A5A
"""What columns beyond n hold."""


@dataclass
class Use:
    """Bytes of each space that a descriptor reads and writes."""

    reads: dict[int, set[int]] = field(default_factory=dict)
    writes: dict[int, set[int]] = field(default_factory=dict)


class Reference:
    """An accelerator's buffers, all zero at first, and ``memory`` from address 0.

    ``undefined`` fills what is not specified. With ``traced``, :attr:`uses` gets an entry for each descriptor.
    """

    def __init__(self, config: ArrayConfig, memory: Bytes, *, undefined: int = UNDEFINED, traced: bool = False) -> None:
        self.config = config
        self.undefined = undefined
        self.traced = traced
        self.uses: list[Use] = []
        self.spaces: dict[int, Bytes] = {
            isa.Target.WEST: np.zeros(config.operand_bytes, np.uint8),
            isa.Target.NORTH: np.zeros(config.operand_bytes, np.uint8),
            isa.Target.ACCUMULATOR: np.zeros(config.acc_bytes, np.uint8),
            isa.Target.PARAMETERS: np.zeros(config.parameter_buffer_bytes, np.uint8),
            MEMORY: memory,
        }
        self.wild_shifts = False
        """Whether a per-channel shift outside 2 to 62 was used: what then happens is not specified."""

    def execute(self, descriptors: Sequence[isa.Descriptor]) -> None:
        """One submission, whose tokens must allow this order and be taken."""
        tokens = dict.fromkeys(((a, b) for a in isa.Engine for b in isa.Engine), 0)
        for d in descriptors:
            for other in _exchanged(d, "wait"):
                tokens[other, d.op.engine] -= _taken(d, other)
                assert tokens[other, d.op.engine] >= 0, f"a {d.op.name} waits for a token that nobody has pushed"
            self.uses.append(Use())
            {isa.LOAD: self._load, isa.COMPUTE: self._compute, isa.STORE: self._store}[d.op](d)
            for other in _exchanged(d, "signal"):
                tokens[d.op.engine, other] += _pushed(d)
        assert not any(tokens.values()), "tokens are left"

    def _load(self, d: isa.Descriptor) -> None:
        for i in _iterations(d, isa.LOAD_DIMS):
            address = d["address"] + sum(d[f"stride{loop}"] * i[loop] for loop in i)
            local = d["local"] + sum(d[f"local_stride{loop}"] * i[loop] for loop in i)
            if d["bounded"]:
                self._load_bounded(d, i, address, local)
                continue
            first, end = address, address + d["run"]
            while _cut_is_aligned(d, i[4], "start") and first % self.config.bus_bytes:
                first += 1
            while _cut_is_aligned(d, i[4], "end") and end % self.config.bus_bytes:
                end += 1
            self._write(d["target"], local + first - address, self._read(MEMORY, self._wrapped(first), end - first))

    def _load_bounded(self, d: isa.Descriptor, i: dict[int, int], address: int, local: int) -> None:
        x = d["x0"] + i[1] * d["stride1"] + i[3] * d["stride3"]
        y = d["y0"] + i[2] * d["y_step2"] + i[4] * d["y_step4"]
        in_row = 0 <= y < d["y_limit"]
        inside = range(max(0, -x), min(d["run"], d["x_limit"] - x)) if in_row else range(0)
        values = np.full(d["run"], d["pad"] % 256, np.uint8)
        if len(inside):
            values[inside.start : inside.stop] = self._read(MEMORY, self._wrapped(address + inside.start), len(inside))
        self._write(d["target"], local, values)

    def _compute(self, d: isa.Descriptor) -> None:
        for part, first_k in enumerate(range(0, d["k"], d["k_step"] or d["k"])):
            k = min(d["k_step"] or d["k"], d["k"] - first_k)
            west, north = ((d[side] + part * d[f"{side}_step"]) % 2**20 for side in ("west", "north"))
            panels = self._operand(d, "west", west, d["m"], k), self._operand(d, "north", north, d["n"], k)
            self._multiply(d, *panels, isa.Addend.ACCUMULATE if part else isa.Addend(d["addend"]))

    def _multiply(self, d: isa.Descriptor, west: NDArray[np.int8], north: NDArray[np.int8], addend: isa.Addend) -> None:
        """The panels are [m, k] and [n, k]."""
        n, tiles = d["n"], -(-d["n"] // self.config.cols)
        stride = d["acc_stride"] or tiles
        assert stride >= tiles, "the rows of a result overlap"
        total = reference.gemm(west, north.T).astype(np.int64)
        for row in range(d["m"]):
            word = d["acc"] + row * stride
            values = np.full(tiles * self.config.cols, self.undefined, np.int32)
            values[:n] = reference.wrap32(total[row] + self._addend(d, addend, word))
            self._write(isa.Target.ACCUMULATOR, word * self.config.acc_word_bytes, values.astype("<i4").view(np.uint8))

    def _addend(self, d: isa.Descriptor, addend: isa.Addend, word: int) -> NDArray[np.int32]:
        """What is added to a row of the result that goes to ``word``."""
        if addend is isa.Addend.NONE:
            return np.zeros(d["n"], np.int32)
        return self._columns(d["bias"] if addend is isa.Addend.BIAS else word, d["n"])

    def _store(self, d: isa.Descriptor) -> None:
        n, stride = d["n"], d["acc_stride"] or -(-d["n"] // self.config.cols)
        for row, i in enumerate(_iterations(d, isa.STORE_DIMS)):
            address = d["address"] + sum(d[f"stride{loop}"] * i[loop] for loop in i)
            values = self._columns(d["acc"] + row * stride, n)
            encoded = values.astype("<i4") if d["output"] == isa.Output.INT32 else self._requantised(d, values)
            self._write(MEMORY, self._wrapped(address), encoded.view(np.uint8))

    def _requantised(self, d: isa.Descriptor, values: NDArray[np.int32]) -> NDArray[np.int8]:
        multiplier: NDArray[np.int64] = np.full(len(values), d["multiplier"], np.int64)
        shift: NDArray[np.int64] = np.full(len(values), d["shift"], np.int64)
        if d["per_channel"]:
            record = d["parameters"] * self.config.cols * PARAMETER_BYTES
            table = self._read(isa.Target.PARAMETERS, record, len(values) * PARAMETER_BYTES).reshape(-1, PARAMETER_BYTES)
            multiplier = np.ascontiguousarray(table[:, :4]).view("<i4").reshape(-1).astype(np.int64)
            shift = table[:, 4].astype(np.int64)
            if shift.min() < 2 or shift.max() > 62:
                self.wild_shifts = True
                shift = np.clip(shift, 2, 62)
        limits = {name: d[name] for name in ("zero_point", "clamp_min", "clamp_max")}
        return reference.requantise(values, multiplier, shift, double_round=bool(d["double_round"]), **limits)

    def _operand(self, d: isa.Descriptor, side: str, first: int, size: int, k: int) -> NDArray[np.int8]:
        """The panel from byte ``first`` on, [size, k]."""
        contiguous = d[f"{side}_k_contiguous"]
        lines, length = (size, k) if contiguous else (k, size)
        space = isa.Target.WEST if side == "west" else isa.Target.NORTH
        panel = [self._read(space, first + line * d[f"{side}_stride"], length) for line in range(lines)]
        stacked = np.stack(panel).view(np.int8)
        return stacked if contiguous else np.ascontiguousarray(stacked.T)

    def _columns(self, word: int, n: int) -> NDArray[np.int32]:
        """The first ``n`` columns from accumulator word ``word`` on."""
        return self._read(isa.Target.ACCUMULATOR, word * self.config.acc_word_bytes, n * INT32_BYTES).view("<i4")

    def _wrapped(self, address: int) -> int:
        return address % (1 << self.config.address_bits)

    def _read(self, space: int, first: int, size: int) -> Bytes:
        self._note(space, first, size, "reads")
        return self.spaces[space][first : first + size].copy()

    def _write(self, space: int, first: int, values: Bytes) -> None:
        self._note(space, first, values.size, "writes")
        self.spaces[space][first : first + values.size] = values

    def _note(self, space: int, first: int, size: int, how: str) -> None:
        end = self.spaces[space].size
        assert first >= 0 and first + size <= end, f"{how} bytes {first} to {first + size - 1} of space {space}, which has {end}"
        if self.traced:
            getattr(self.uses[-1], how).setdefault(space, set()).update(range(first, first + size))


def _exchanged(d: isa.Descriptor, verb: str) -> list[isa.Engine]:
    """The engines whose token ``d`` takes, or to which it pushes one."""
    return [engine for engine in (isa.Engine.LOAD, isa.Engine.COMPUTE, isa.Engine.STORE) if d[f"{verb}_{engine.name.lower()}"]]


def _taken(d: isa.Descriptor, other: isa.Engine) -> int:
    """How many tokens of ``other`` a descriptor takes that waits for it."""
    in_parts = d.op is isa.COMPUTE and d["k_step"] and other is isa.Engine.LOAD
    return -(-d["k"] // d["k_step"]) if in_parts else 1


def _pushed(d: isa.Descriptor) -> int:
    """How many tokens a descriptor pushes to an engine that it signals to."""
    return d["count4"] if d.op is isa.LOAD and d["signal_each"] else 1


def _cut_is_aligned(d: isa.Descriptor, iteration: int, which: str) -> bool:
    """Whether the runs in this ``iteration`` of loop 4 have their "start" or "end" at a multiple of the bus width."""
    outermost = iteration == (0 if which == "start" else d["count4"] - 1)
    between = d["signal_each"] and not outermost
    return bool(d["align_between"] if between else d[f"align_{which}"])


def _iterations(d: isa.Descriptor, loops: int) -> Iterator[dict[int, int]]:
    """The counter of each loop, by its number, in the order of execution."""

    def nest(loop: int) -> Iterator[dict[int, int]]:
        if loop == 0:
            yield {}
            return
        for outer in range(d[f"count{loop}"]):
            for inner in nest(loop - 1):
                yield {**inner, loop: outer}

    return nest(loops)
