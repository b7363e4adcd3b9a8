"""Writes a stream file (:mod:`hwacc.stream`) at run time: header, descriptors, relocations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hwacc import isa
from hwacc.compiler.writer.descriptor import write_descriptor
from hwacc.compiler.writer.numbers import Number, Numbers
from hwacc.config import INT32_BYTES
from hwacc.isa import SHORT_BYTES
from hwacc.stream import COUNTS_AT, RELOCATION_BYTES, Slot, Stream, sizes_at


class StreamFile:
    """A file of so many ``descriptors``, all short, and ``relocations``, for buffers called ``slots``."""

    def __init__(self, body: Numbers, slots: Sequence[str], descriptors: Number, relocations: Number) -> None:
        self._body = body
        self._slots = tuple(Slot(name, 0) for name in slots)
        self._counts = descriptors, relocations
        self._descriptors_at = len(self._header(0))
        self._relocations_at = body.add(body.mul(descriptors, SHORT_BYTES), self._descriptors_at)
        self.bytes = body.add(self._relocations_at, body.mul(relocations, RELOCATION_BYTES))

    def begin(self, config_hash: int, sizes: Mapping[str, Number]) -> None:
        """Writes the header, with the ``sizes`` of the buffers, and gets ready for the first descriptor. Not to be made in loops."""
        body = self._body
        for offset, byte in enumerate(self._header(config_hash)):
            body.store(byte, "%out", offset, 8)
        for number, count in enumerate(self._counts):
            body.store(count, "%out", COUNTS_AT + number * INT32_BYTES, 32)
        for slot, offset in zip(self._slots, sizes_at(self._slots)):
            body.store(sizes[slot.name], "%out", offset)
        self._written, self._relocated = body.variable(), body.variable()

    def add(self, op: isa.Op, values: Mapping[str, Number], buffer: str = "") -> None:
        """Writes the next descriptor; where it has an address, that counts from the start of ``buffer``."""
        body = self._body
        number = body.load(self._written)
        write_descriptor(body, op, values, "%out", body.add(body.mul(number, SHORT_BYTES), self._descriptors_at))
        body.store(body.add(number, 1), self._written, 0)
        if buffer:
            count = body.load(self._relocated)
            place = body.add(body.mul(count, RELOCATION_BYTES), self._relocations_at)
            slot = [slot.name for slot in self._slots].index(buffer)
            body.store(number, "%out", place, 32)
            body.store(slot, "%out", body.add(place, INT32_BYTES), 32)
            body.store(body.add(count, 1), self._relocated, 0)

    def _header(self, config_hash: int) -> bytes:
        """What precedes the descriptors, with sizes and counts of 0."""
        return Stream(config_hash, self._slots, (), ()).to_bytes()
