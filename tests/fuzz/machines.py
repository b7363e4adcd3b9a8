"""Three ways to run a case: the reference, the functional model, the RTL; the same memory, every byte compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc import isa
from hwacc.driver.completion import Completion
from hwacc.driver.device import Device
from hwacc.driver.submission import Submission
from hwacc.errors import DeviceError, HwaccError, SubmissionError
from hwacc.rtl.command import QUEUE_DEPTH
from hwacc.stream import Stream
from tests.fuzz.case import Case
from tests.fuzz.reference import UNDEFINED, Reference

MEMORY_BYTES = 1 << 18
LARGE_MEMORY_BYTES = 1 << 20
MOST_CYCLES = 4_000_000
"""Of a submission, held by the device: far more than any random stream takes."""
HANG_CYCLES = 2 * MOST_CYCLES
"""Without an answer after as many the device hangs, and the driver raises."""

UNBALANCED = "the causes of its cycle account do not sum to its cycles"

Ending = tuple[isa.Status, int]
"""How a submission ended, and at which descriptor."""


def problem(case: Case, only: str | None = None) -> str | None:
    """Runs ``case`` on new devices, or on the ``only`` one with this name; what is wrong in words, or None."""
    if only is not None:
        assert case.intruder is None
        with {"model": open_model, "sim": open_sim}[only](case) as device:
            return _run(case, device)[0]
    with open_model(case) as model, open_sim(case) as sim:
        if case.intruder is not None:
            found = _intrude(case, case.intruder, (model, sim))
            if found is not None:
                return found
        outcomes = []
        for device in (model, sim):
            found, memory = _run(case, device)
            if found is not None:
                return found
            outcomes.append(memory)
    return _difference("model", outcomes[0], "sim", outcomes[1])


def open_model(case: Case) -> Device:
    """The functional model with the case's configuration, and its ring."""
    return Device.open("model", case.config, memory_bytes=_memory_bytes(case), ring_log2=case.surroundings.ring_log2)


def open_sim(case: Case) -> Device:
    """The RTL with the case's surroundings."""
    around = case.surroundings
    options: dict[str, Any] = {"memory_latency": around.latency, "stalls": around.stalls, "ring_log2": around.ring_log2}
    device = Device.open("sim", case.config, memory_bytes=_memory_bytes(case), **options)
    device.set_time_limit(MOST_CYCLES)
    return device


def ending(device: Device, stream: Stream, contents: Sequence[NDArray[np.uint8]]) -> tuple[Ending, str]:
    """Runs ``stream`` unverified on new buffers: how it ends, and the driver's words for that.

    Raises :class:`hwacc.errors.DeviceTimeoutError` if the device hangs, :class:`DeviceError` if its cycle account is wrong.
    """
    buffers = [device.place(content) for content in contents]
    try:
        submission = device.submit(stream, buffers, verify=False)
        try:
            found: tuple[Ending, str] = (submission.wait(max_cycles=HANG_CYCLES).status, 0), ""
        except SubmissionError as error:
            found = (isa.Status(error.status), error.descriptor), str(error)
        if not _balanced(device, submission):
            raise DeviceError(UNBALANCED)
        return found
    finally:
        for buffer in buffers:
            buffer.free()


def _intrude(case: Case, stream: Stream, devices: tuple[Device, Device]) -> str | None:
    endings = []
    for device in devices:
        try:
            endings.append(ending(device, stream, case.contents))
        except DeviceError as error:
            return f"{device.name} on the invalid stream: {error}"
    (model, model_words), (sim, sim_words) = endings
    return None if _alike(stream, model, sim) else f"the invalid stream ends on the model {model}: {model_words}; on sim {sim}: {sim_words}"


def _alike(stream: Stream, model: Ending, sim: Ending) -> bool:
    """The same; but of several descriptors that wait for ever the model may name one that full queues hold back from its engine."""
    if model == sim:
        return True
    before = Counter(descriptor.op.engine for descriptor in stream.descriptors[: model[1]])
    held_back = max(before.values(), default=0) > QUEUE_DEPTH
    return model[0] is sim[0] is isa.Status.DEADLOCK and sim[1] < model[1] and held_back


def _run(case: Case, device: Device) -> tuple[str | None, NDArray[np.uint8]]:
    """What is wrong, if anything, and the memory after all submissions, but for the ring and the records."""
    memory = device.transport.memory
    assert memory is not None
    buffers = [device.place(content) for content in case.contents]
    expected = memory.copy()
    reference = Reference(case.config, expected)
    try:
        submissions = [device.submit(stream, buffers) for stream in case.streams]
        for submission in submissions:
            submission.wait(max_cycles=HANG_CYCLES)
    except HwaccError as error:
        return f"{device.name} on a valid stream: {error}", memory
    for stream in case.streams:
        reference.execute(stream.relocated([buffer.address for buffer in buffers]))
    if not all(_balanced(device, submission) for submission in submissions):
        return f"{device.name}: {UNBALANCED}", memory
    found = memory.copy()
    for first, size in _driver_bytes(device, submissions):
        found[first : first + size] = expected[first : first + size] = 0
    return _difference("reference", expected, device.name, found), found


def _balanced(device: Device, submission: Submission) -> bool:
    """Whether the causes of the submission's cycle account, as its record has them, sum to its cycles."""
    record = device.transport.read_memory(submission.record.address, isa.COMPLETION_BYTES)
    completion = Completion.from_bytes(record)
    return completion is None or sum(completion.account.values()) == completion.cycles


def _driver_bytes(device: Device, submissions: Sequence[Submission]) -> list[tuple[int, int]]:
    """Where the driver and the command processor write: the ring and the completion records."""
    ring = device.registers["RING_BASE_LO"].read() | device.registers["RING_BASE_HI"].read() << 32
    entries = 1 << device.registers["RING_LOG2"].read()
    places = [(ring, entries * device.config.entry_bytes)] + [
        (submission.record.address, isa.COMPLETION_BYTES) for submission in submissions
    ]
    return [(address - device.transport.memory_base, size) for address, size in places]


def defined_memory(case: Case, trials: Sequence[int] = (UNDEFINED, ~UNDEFINED, 0, 12_345)) -> NDArray[np.uint8] | None:
    """What the reference leaves in the buffers, one after the other; None if that depends on what the format leaves open.

    ``trials`` are the values that columns beyond n are given in turn.
    """
    bases = [0]
    for content in case.contents[:-1]:
        bases.append(-(-(bases[-1] + content.size) // 64) * 64)
    outcomes = []
    for undefined in trials:
        memory = np.zeros(bases[-1] + case.contents[-1].size, np.uint8)
        for base, content in zip(bases, case.contents):
            memory[base : base + content.size] = content
        reference = Reference(case.config, memory, undefined=undefined)
        for stream in case.streams:
            reference.execute(stream.relocated(bases))
        outcomes.append(memory)
        if reference.wild_shifts:
            return None
    return outcomes[0] if all(np.array_equal(outcomes[0], outcome) for outcome in outcomes) else None


def _difference(one: str, left: NDArray[np.uint8], other: str, right: NDArray[np.uint8]) -> str | None:
    """Where two memories differ, in words; None if nowhere."""
    where = np.flatnonzero(left != right)
    if not where.size:
        return None
    first = int(where[0])
    return f"{where.size} bytes of memory differ, the first at {first:#x}: {one} {left[first]:#04x}, {other} {right[first]:#04x}"


def _memory_bytes(case: Case) -> int:
    """Room for two sets of buffers, the ring and the records; small, since all of it is compared."""
    wanted = 2 * sum(content.size for content in case.contents) + MEMORY_BYTES // 2
    return MEMORY_BYTES if wanted <= MEMORY_BYTES else LARGE_MEMORY_BYTES
