"""A descriptor stream as a value and as a file: versioned, self-contained, relocatable.

File layout, little-endian: ``HWST``, ISA version u32, configuration hash u32,
counts of buffers, descriptors and relocations u32 each; then for each buffer
its size u64 and its name (u16 length, UTF-8); the descriptors, short or long;
the relocations, each the index of a descriptor and of a buffer, u32 each.

A relocation says that the descriptor's ``address`` is an offset into that
buffer: the driver adds the buffer's base, modulo 2⁴⁰. A stream holds no END;
whoever submits it adds that.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from hwacc import isa
from hwacc.errors import EncodingError, StreamError

MAGIC = b"HWST"
_HEADER = struct.Struct("<4s5I")
_BUFFER = struct.Struct("<QH")
_RELOCATION = struct.Struct("<2I")
COUNTS_AT = _HEADER.size - 2 * 4
"""Where in a file the number of descriptors stands, and behind it that of relocations."""
RELOCATION_BYTES = _RELOCATION.size


@dataclass(frozen=True)
class Slot:
    """A memory buffer that a stream refers to: its name and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class Stream:
    """Descriptors without END; ``relocations[i]`` is the slot of descriptor ``i``, or None."""

    config_hash: int
    slots: tuple[Slot, ...]
    descriptors: tuple[isa.Descriptor, ...]
    relocations: tuple[int | None, ...]

    def to_bytes(self) -> bytes:
        """The file's content."""
        pairs = [(i, slot) for i, slot in enumerate(self.relocations) if slot is not None]
        parts = [_HEADER.pack(MAGIC, isa.VERSION, self.config_hash, len(self.slots), len(self.descriptors), len(pairs))]
        for slot in self.slots:
            name = slot.name.encode()
            parts += [_BUFFER.pack(slot.size, len(name)), name]
        parts += [descriptor.encode() for descriptor in self.descriptors]
        parts += [_RELOCATION.pack(*pair) for pair in pairs]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes, where: str = "stream") -> Stream:
        """Inverse of :meth:`to_bytes`; raises :class:`StreamError` naming ``where`` and the fault."""
        try:
            return cls._parse(data, where)
        except struct.error:
            raise StreamError(f"{where}: cut short after {len(data)} bytes; compile the model again") from None

    @classmethod
    def _parse(cls, data: bytes, where: str) -> Stream:
        magic, version, config_hash, slot_count, descriptor_count, relocation_count = _HEADER.unpack_from(data)
        if magic != MAGIC:
            raise StreamError(f"{where}: not a descriptor stream (it begins with {magic!r}, not {MAGIC!r})")
        if version != isa.VERSION:
            raise StreamError(f"{where}: descriptor format {version}, this is {isa.VERSION}; compile the model again")
        position = _HEADER.size
        slots = []
        for _ in range(slot_count):
            size, length = _BUFFER.unpack_from(data, position)
            position += _BUFFER.size
            name = data[position : position + length]
            slots.append(Slot(name.decode(errors="replace"), size))
            position += length
        descriptors = []
        for index in range(descriptor_count):
            size = isa.size_of(data[position : position + 2])
            try:
                descriptors.append(isa.decode(data[position : position + size]))
            except EncodingError as error:
                raise StreamError(f"{where}: descriptor {index}: {error}") from None
            position += size
        relocations: list[int | None] = [None] * descriptor_count
        for _ in range(relocation_count):
            index, slot = _RELOCATION.unpack_from(data, position)
            if index >= descriptor_count or slot >= slot_count:
                raise StreamError(f"{where}: relocation of descriptor {index} to buffer {slot}, which is not there")
            relocations[index] = slot
            position += _RELOCATION.size
        if position != len(data):
            raise StreamError(f"{where}: {len(data) - position} bytes too many at the end")
        return cls(config_hash, tuple(slots), tuple(descriptors), tuple(relocations))

    def relocated(self, bases: Sequence[int]) -> list[isa.Descriptor]:
        """The descriptors with memory addresses, for buffers at ``bases``, one for each slot."""
        if len(bases) != len(self.slots):
            raise StreamError(f"the stream has {len(self.slots)} buffers, not {len(bases)}")
        placed = []
        for descriptor, slot in zip(self.descriptors, self.relocations):
            if slot is not None:
                descriptor = descriptor.replace(address=(descriptor["address"] + bases[slot]) % (1 << isa.ADDRESS_BITS))
            placed.append(descriptor)
        return placed

    def text(self) -> str:
        """A listing, one descriptor a line, as ``hwacc disasm`` prints it."""
        size = sum(descriptor.size for descriptor in self.descriptors)
        lines = [f"; configuration {self.config_hash:#010x}, {len(self.descriptors)} descriptors, {size} bytes"]
        lines += [f"; buffer {i} {slot.name}: {slot.size} bytes" for i, slot in enumerate(self.slots)]
        for index, (descriptor, slot) in enumerate(zip(self.descriptors, self.relocations)):
            lines.append(f"{index:5} {format_descriptor(descriptor, self.slots[slot].name if slot is not None else None)}")
        return "\n".join(lines)


def sizes_at(slots: Sequence[Slot]) -> list[int]:
    """Where in a file the size of each slot stands."""
    before = accumulate((_BUFFER.size + len(slot.name.encode()) for slot in slots), initial=_HEADER.size)
    return list(before)[:-1]


def load_stream(path: Path) -> Stream:
    """Reads a stream file; raises :class:`StreamError`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StreamError(f"{path}: {error.strerror}") from None
    return Stream.from_bytes(data, str(path))


def format_descriptor(descriptor: isa.Descriptor, buffer: str | None = None) -> str:
    """One line for a descriptor: opcode, tokens, and the fields that are not at their default."""
    values = descriptor.values
    tokens = [field.name for field in isa.HEADER if field.name.startswith(("wait_", "signal_")) and values[field.name]]
    fields = []
    for field in descriptor.op.own_fields:
        value = values[field.name]
        if field.name == "address":
            signed = value - (1 << isa.ADDRESS_BITS) if value >> (isa.ADDRESS_BITS - 1) else value
            fields.append(f"address={buffer}{signed:+d}" if buffer is not None else f"address={value:#x}")
        elif value != field.default:
            fields.append(f"{field.name}={value}")
    return " ".join([f"{descriptor.op.name:8}", *(f"[{token.replace('_', ' ')}]" for token in tokens), *fields])
