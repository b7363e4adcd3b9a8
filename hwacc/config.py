"""The parameters of one accelerator: the single source for hardware and software."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from hwacc.errors import ConfigError
from hwacc.isa import SHORT_BYTES, Dataflow

INT32_BYTES = 4
PARAMETER_BYTES = 8
"""Bytes of one channel's requantisation parameters in memory: int32 multiplier, uint8 shift, 3 unused."""
DATAFLOWS: dict[str, tuple[Dataflow, ...]] = {
    "both": tuple(Dataflow),
    **{flow.words: (flow,) for flow in Dataflow},
}
"""What :attr:`ArrayConfig.dataflows` may be, and which dataflows the hardware then has."""


@dataclass(frozen=True, kw_only=True)
class ArrayConfig:
    """Parameters of one accelerator. All sizes are powers of two.

    rows, cols
        Processing elements; ``rows`` compute output rows, ``cols`` output columns.
    bus_bytes
        Bytes of one AXI4 data beat.
    spm_bytes
        Scratchpad, split evenly into the *west* and the *north* operand buffer.
    acc_bytes
        Accumulator buffer of int32.
    channels
        Output channels whose requantisation parameters are held on chip.
    address_bits
        Width of an AXI4 address.
    dataflows
        Which dataflows a COMPUTE may name: a key of :data:`DATAFLOWS`. The hardware of the other one is left out.

    Raises :class:`ConfigError` for values that cannot be built.
    """

    rows: int = 16
    cols: int = 16
    bus_bytes: int = 16
    spm_bytes: int = 256 * 1024
    acc_bytes: int = 64 * 1024
    channels: int = 1024
    address_bits: int = 32
    dataflows: str = "both"

    def __post_init__(self) -> None:
        for name, low, high in (
            ("rows", 2, 64),
            ("cols", 2, 64),
            ("bus_bytes", 4, 64),
            ("spm_bytes", 2 * 64 * 2, 2 * 2**20),
            ("acc_bytes", 4 * 64 * 2, 2**20),
            ("channels", 64, 2**14),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= high or value & (value - 1):
                raise ConfigError(f"{name} must be a power of two from {low} to {high}, not {value!r}")
        if self.bus_bytes > self.acc_word_bytes:
            raise ConfigError(f"bus_bytes must be at most {self.acc_word_bytes}, four for each column, not {self.bus_bytes}")
        if not isinstance(self.address_bits, int) or not 20 <= self.address_bits <= 40:
            raise ConfigError(f"address_bits must be from 20 to 40, not {self.address_bits!r}")
        if not isinstance(self.dataflows, str) or self.dataflows not in DATAFLOWS:
            raise ConfigError(f"dataflows must be one of {', '.join(DATAFLOWS)}, not {self.dataflows!r}")

    @property
    def available_dataflows(self) -> tuple[Dataflow, ...]:
        """The dataflows that the hardware has."""
        return DATAFLOWS[self.dataflows]

    @property
    def entry_bytes(self) -> int:
        """Bytes of an entry of the descriptor ring: a short descriptor, or a beat where that is more."""
        return max(SHORT_BYTES, self.bus_bytes)

    def in_ring(self, descriptor: bytes) -> bytes:
        """An encoded descriptor as it lies in the ring: in whole entries, what it does not fill zero."""
        return descriptor + bytes(-len(descriptor) % self.entry_bytes)

    @property
    def west_window(self) -> int:
        """Bytes that COMPUTE reads from the west operand buffer a cycle: twice what a row of the array takes until it is served again."""
        return 2 * self.rows

    @property
    def north_window(self) -> int:
        """Bytes that COMPUTE reads from the north operand buffer a cycle: likewise, or a column's weights."""
        return max(2 * self.cols, self.rows)

    @property
    def operand_bytes(self) -> int:
        """Bytes of each of the two operand buffers."""
        return self.spm_bytes // 2

    @property
    def acc_word_bytes(self) -> int:
        """Bytes of one accumulator word: one int32 for each column."""
        return self.cols * INT32_BYTES

    @property
    def acc_words(self) -> int:
        """Words of the accumulator buffer."""
        return self.acc_bytes // self.acc_word_bytes

    @property
    def parameter_words(self) -> int:
        """Words of the parameter buffer: one holds the parameters of ``cols`` channels."""
        return self.channels // self.cols

    @property
    def parameter_buffer_bytes(self) -> int:
        """Bytes that a load can address in the parameter buffer."""
        return self.channels * PARAMETER_BYTES

    @property
    def max_k(self) -> int:
        """Longest reduction of int8 products that cannot leave int32: K · (-128)² < 2³¹."""
        return (2**31 - 1) // (128 * 128)

    @property
    def macs_per_cycle(self) -> int:
        """Peak multiply-accumulates a cycle."""
        return self.rows * self.cols

    @property
    def hash(self) -> int:
        """32-bit identity that streams carry and that the device publishes."""
        text = json.dumps(asdict(self), sort_keys=True)
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")

    def to_dict(self) -> dict[str, int | str]:
        """The parameters by name, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ArrayConfig:
        """Inverse of :meth:`to_dict`; raises :class:`ConfigError` for an unknown name."""
        known = {field.name for field in fields(cls)}
        for name in values:
            if name not in known:
                raise ConfigError(f"unknown parameter {name!r}; known: {', '.join(sorted(known))}")
        return cls(**values)

    def difference(self, other: ArrayConfig) -> str:
        """Words for what differs from ``other``, such as ``rows 16 here, 4 there``."""
        mine, theirs = asdict(self), asdict(other)
        return ", ".join(f"{k} {mine[k]} here, {theirs[k]} there" for k in mine if mine[k] != theirs[k])


TINY = ArrayConfig(rows=4, cols=4, spm_bytes=16 * 1024, acc_bytes=4096, channels=64)
"""A 4×4 array with small buffers, for fast tests."""
