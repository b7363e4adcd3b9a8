"""Submissions on their way through a device: launched, waited for, lost and dropped."""

from __future__ import annotations

import time
from collections.abc import Sequence

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.driver.buffers import Allocator, DeviceBuffer
from hwacc.driver.completion import Completion
from hwacc.driver.registers import Registers
from hwacc.driver.ring import DescriptorRing
from hwacc.driver.submission import Submission
from hwacc.driver.transport import Transport
from hwacc.errors import DeviceError, DeviceTimeoutError, SubmissionError

FEED_CYCLES = 1_000
"""Cycles between two looks at the ring while descriptors wait on the host."""
WATCH_CYCLES = 100_000
"""Cycles between two looks at the host's clock."""
RESET_CYCLES = 10_000
"""Cycles that a device may take to finish what its bus owes after a reset."""
_TAGS = 1 << 32
_SUBMISSIONS = 1 << 32
"""The register counts modulo this."""


class SubmissionQueue:
    """Runs submissions in the order in which they were launched.

    ``name`` is the device's, for messages.
    """

    def __init__(
        self, transport: Transport, registers: Registers, allocator: Allocator, config: ArrayConfig, *, ring_log2: int, name: str
    ) -> None:
        self._transport = transport
        self._registers = registers
        self._allocator = allocator
        self._name = name
        self._ring = DescriptorRing(transport, registers, allocator, config, ring_log2)
        self._outstanding: list[Submission] = []
        self._next_tag = 1
        self._accounted = registers["SUBMISSIONS"].read()
        self._broken = False
        registers["IRQ_ENABLE"].write_field("completion", 1)

    def launch(self, descriptors: Sequence[isa.Descriptor]) -> Submission:
        """Gives the device ``descriptors`` and an END of their own; raises :class:`DeviceError` if it is out of service."""
        if self._broken:
            raise DeviceError(f"device {self._name!r} did not come back from its reset; open it again")
        record = DeviceBuffer(self._transport, self._allocator, isa.COMPLETION_BYTES)
        record.write(bytes(isa.COMPLETION_BYTES))
        submission = Submission(self, self._next_tag, tuple(descriptors), record)
        end = isa.describe(isa.END, address=record.address, tag=submission.tag)
        self._next_tag = (self._next_tag + 1) % _TAGS
        self._outstanding.append(submission)
        self._ring.push([*descriptors, end])
        return submission

    def wait(self, submission: Submission, max_cycles: int, seconds: float) -> Completion:
        """Lets the device run until ``submission`` has its record, then forgets it.

        After ``max_cycles`` or ``seconds`` raises :class:`DeviceTimeoutError`; if the device ended it without a record,
        :class:`SubmissionError`. In both cases the device has been reset and everything outstanding is dropped.
        """
        deadline = time.monotonic() + seconds
        left = max_cycles
        while (completion := self._record(submission)) is None:
            if self._lost_one():
                raise self._loss(submission)
            if left <= 0:
                raise self._timeout(submission, f"{max_cycles} cycles")
            if time.monotonic() > deadline:
                raise self._timeout(submission, f"{seconds:g} seconds")
            left -= self._advance(left)
        self._retire(submission)
        launched_last = submission.tag == (self._next_tag - 1) % _TAGS
        return completion.until(self._last_cycles()) if launched_last else completion

    def _last_cycles(self) -> int:
        """Cycles of the last submission, its record included: only the registers can tell."""
        return self._registers["CYCLES_LO"].read() | self._registers["CYCLES_HI"].read() << 32

    def reset(self) -> bool:
        """Resets the device and drops everything outstanding; whether the device came back."""
        self._registers["CONTROL"].write_field("reset", 1)
        if self._registers["STATUS"].field("busy"):
            self._transport.advance(RESET_CYCLES)
        self._broken = bool(self._registers["STATUS"].field("busy"))
        for submission in list(self._outstanding):
            submission.drop()
            self._retire(submission)
        if not self._broken:
            self._registers["IRQ_STATUS"].write_field("completion", 1)
            self._accounted = self._registers["SUBMISSIONS"].read()
            self._ring.restart()
        return not self._broken

    def _advance(self, left: int) -> int:
        """One step of the device; the cycles that it took, or may have taken."""
        self._ring.feed()
        step = min(left, FEED_CYCLES if self._ring.waiting else WATCH_CYCLES)
        before = self._transport.cycles
        if self._transport.advance(step):
            self._registers["IRQ_STATUS"].write_field("completion", 1)
        after = self._transport.cycles
        return step if before is None or after is None else max(1, after - before)

    def _record(self, submission: Submission) -> Completion | None:
        completion = Completion.from_bytes(self._transport.read_memory(submission.record.address, isa.COMPLETION_BYTES))
        if completion is not None and completion.tag != submission.tag:
            raise DeviceError(f"the device answered submission {submission.tag} with tag {completion.tag}; reset it")
        return completion

    def _retire(self, submission: Submission) -> None:
        self._outstanding.remove(submission)
        submission.record.free()
        self._accounted = (self._accounted + 1) % _SUBMISSIONS

    def _lost_one(self) -> bool:
        """Whether the device ended a submission without a record.

        That is so when it could not read a descriptor or write a record. It has then dropped what its ring held, and nobody
        who waits would otherwise learn of it.
        """
        ended = (self._registers["SUBMISSIONS"].read() - self._accounted) % _SUBMISSIONS
        return ended > sum(self._record(submission) is not None for submission in self._outstanding)

    def _loss(self, submission: Submission) -> SubmissionError:
        status = isa.Status(self._registers["LAST_STATUS"].field("status"))
        text = f"submission {submission.tag} ended without a completion record: {isa.STATUS_MEANING[status]}"
        return SubmissionError(f"{text}; device {self._name!r} {self._reset_in_words()}", status, -1)

    def _timeout(self, submission: Submission, limit: str) -> DeviceTimeoutError:
        return DeviceTimeoutError(
            f"submission {submission.tag} of {len(submission.descriptors)} descriptors did not finish within {limit}; "
            f"device {self._name!r} {self._reset_in_words()}"
        )

    def _reset_in_words(self) -> str:
        return "was reset and serves again" if self.reset() else "did not come back from its reset; open it again"
