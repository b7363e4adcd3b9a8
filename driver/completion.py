"""The completion record as a value: how a submission ended and where its cycles went."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from hwacc import isa
from hwacc.errors import DeviceError


@dataclass(frozen=True)
class Completion:
    """One field for each of :data:`hwacc.isa.COMPLETION`, which says what they mean.

    On a device that does not count (``model``) cycles and counters are 0. What :meth:`Submission.wait` returns has
    ``cycles`` up to the written record, unless another submission was launched after it.
    """

    tag: int
    status: isa.Status
    engine: isa.Engine
    cycles: int
    descriptor: int
    array_busy: int
    fill_drain: int
    load_bandwidth: int
    load_latency: int
    store_wait: int
    descriptor_wait: int
    writeback: int
    completion: int
    bytes_read: int
    bytes_written: int

    @property
    def account(self) -> dict[str, int]:
        """Cycles of each cause of :data:`hwacc.isa.CAUSES`; they sum to ``cycles``, if that is below 2^32."""
        return {cause.name: getattr(self, cause.name) for cause in isa.CAUSES}

    def until(self, cycles: int) -> Completion:
        """The same with ``cycles`` that include what came after the record's content: the writing of the record."""
        return replace(self, cycles=cycles, completion=self.completion + cycles - self.cycles)

    @classmethod
    def from_bytes(cls, record: bytes) -> Completion | None:
        """Decodes a record; None while the device has not written it. Raises :class:`DeviceError` for a damaged one."""
        values = isa.unpack(isa.COMPLETION, record)
        if values["status"] == 0:
            return None
        try:
            status, engine = isa.Status(values["status"]), isa.Engine(values["engine"])
        except ValueError as error:
            raise DeviceError(f"the device wrote a completion record that makes no sense: {error}; reset it") from None
        known: dict[str, Any] = {field.name: values[field.name] for field in fields(cls)}
        return cls(**{**known, "status": status, "engine": engine})

    def to_bytes(self) -> bytes:
        """Inverse of :meth:`from_bytes`, for devices in software."""
        values = {field.name: int(getattr(self, field.name)) for field in fields(self)}
        return isa.pack(isa.COMPLETION, values, "completion", isa.COMPLETION_BYTES)
