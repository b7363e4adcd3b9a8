"""A stream on its way through a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwacc import isa
from hwacc.driver.buffers import DeviceBuffer
from hwacc.driver.completion import Completion
from hwacc.errors import DeviceError, SubmissionError
from hwacc.stream import format_descriptor

DEFAULT_MAX_CYCLES = 1_000_000_000
DEFAULT_SECONDS = 900.0

if TYPE_CHECKING:
    from hwacc.driver.queue import SubmissionQueue


class Submission:
    """Made by :meth:`Device.submit`; ends with :meth:`wait`.

    tag
        What the device writes into the completion record.
    descriptors
        What was submitted, with memory addresses, without END.
    """

    def __init__(self, queue: SubmissionQueue, tag: int, descriptors: tuple[isa.Descriptor, ...], record: DeviceBuffer) -> None:
        self._queue = queue
        self.tag = tag
        self.descriptors = descriptors
        self.record = record
        self._completion: Completion | None = None
        self._dropped = False

    def wait(self, *, max_cycles: int | None = None, seconds: float | None = None) -> Completion:
        """Waits for the end; a second call returns the same completion.

        Raises :class:`SubmissionError` if the device reports a fault, :class:`hwacc.errors.DeviceTimeoutError` after
        ``max_cycles`` of the device or ``seconds`` of the host (the defaults are generous, and there is always one).
        """
        if self._dropped:
            raise DeviceError(f"submission {self.tag} was dropped when the device was reset; submit it again")
        if self._completion is None:
            self._completion = self._queue.wait(
                self,
                DEFAULT_MAX_CYCLES if max_cycles is None else max_cycles,
                DEFAULT_SECONDS if seconds is None else seconds,
            )
        if self._completion.status is not isa.Status.OK:
            raise self._fault(self._completion)
        return self._completion

    def drop(self) -> None:
        """Marks it as lost in a reset."""
        self._dropped = True

    def _fault(self, completion: Completion) -> SubmissionError:
        index = completion.descriptor
        where = f"descriptor {index}"
        if index < len(self.descriptors):
            where += f" ({format_descriptor(self.descriptors[index]).replace('        ', ' ')})"
        else:
            where += " (END)" if index == len(self.descriptors) else ""
        meaning = isa.STATUS_MEANING[completion.status]
        text = f"submission {self.tag} ended at {where}, engine {completion.engine.name}: {meaning}"
        return SubmissionError(text, completion.status, index)
