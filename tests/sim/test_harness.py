"""The C++ loop and its memory model, with a device that only copies."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hwacc.errors import DeviceError
from hwacc.sim.simulator import Memory, Simulator, Stalls, Stop, Traffic
from tests.sim.copier import (
    BURSTS,
    CHANGING_ADDRESS,
    CLEAR,
    CONFIG,
    EARLY_INTERRUPT,
    EARLY_WLAST,
    FALLING_VALID,
    FIRST_ADDRESS,
    FIRST_BEAT,
    LAST_ANSWER,
    LAST_READ,
    LAST_WRITE,
    MISSING,
    WORST,
    copier,
    copy,
    start,
)

BUS = CONFIG.bus_bytes
SLVERR, DECERR = 2, 3


def fill(device: Simulator, start: int, size: int, seed: int = 5) -> NDArray[np.uint8]:
    values = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    device.memory[start : start + size] = values
    return values


@pytest.mark.parametrize("latency", [1, 7, 32, 300])
def test_the_first_beat_follows_its_address_by_the_read_latency(latency: int) -> None:
    with copier(Memory(size=2**20, read_latency=latency)) as device:
        copy(device, 0, 0x8000)
        assert device.csr_read(FIRST_BEAT) - device.csr_read(FIRST_ADDRESS) == latency


@pytest.mark.parametrize("latency", [1, 7, 32, 300])
def test_the_response_follows_the_last_beat_by_the_write_latency(latency: int) -> None:
    with copier(Memory(size=2**20, write_latency=latency)) as device:
        copy(device, 0, 0x8000, beats=3)
        assert device.csr_read(LAST_ANSWER) - device.csr_read(LAST_WRITE) == latency


def test_a_latency_of_zero_acts_as_one() -> None:
    with copier(Memory(size=2**20, read_latency=0, write_latency=0)) as device:
        copy(device, 0, 0x8000)
        assert device.csr_read(FIRST_BEAT) - device.csr_read(FIRST_ADDRESS) == 1
        assert device.csr_read(LAST_ANSWER) - device.csr_read(LAST_WRITE) == 1


@pytest.mark.parametrize("beats", [1, 5, 16, 256])
def test_bursts_that_follow_one_another_stream_without_a_bubble(beats: int) -> None:
    with copier() as device:
        bursts = 32 if beats < 256 else 3
        copy(device, 0, 0x8000, bursts=bursts, beats=beats)
        assert device.csr_read(LAST_READ) - device.csr_read(FIRST_BEAT) == bursts * beats - 1


def test_the_stopwatch_runs_from_the_doorbell_to_the_interrupt() -> None:
    with copier() as device:
        assert device.doorbell_to_irq is None
        copy(device, 0, 0x8000, beats=4)
        # address 1, first beat 32 later, 3 more beats, written 1 later, answered 32 later, interrupt 1 later
        assert device.doorbell_to_irq == 1 + 32 + 3 + 1 + 32 + 1


def test_bytes_arrive_and_traffic_counts_them() -> None:
    with copier() as device:
        values = fill(device, 0x1230, 7 * 16 * BUS)
        copy(device, 0x1230, 0x9000, bursts=7 * 16, beats=1)
        assert np.array_equal(device.memory[0x9000 : 0x9000 + values.size], values)
        assert device.traffic == Traffic(values.size, values.size, values.size)
        device.clear_traffic()
        assert device.traffic == Traffic(0, 0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_back_pressure_on_every_channel_changes_no_byte(seed: int) -> None:
    stalls = Stalls(ar=0.5, aw=0.7, w=0.4, r=0.6, b=0.8, seed=seed)
    with copier(Memory(size=2**20, stalls=stalls)) as device:
        values = fill(device, 0, 20 * 16 * BUS, seed)
        copy(device, 0, 0x9000, bursts=20, beats=16)
        assert np.array_equal(device.memory[0x9000 : 0x9000 + values.size], values)


def test_the_same_seed_takes_the_same_cycles() -> None:
    def cycles(seed: int) -> int:
        with copier(Memory(size=2**20, stalls=Stalls(r=0.5, w=0.5, seed=seed))) as device:
            copy(device, 0, 0x9000, bursts=20, beats=16)
            return device.cycles

    assert cycles(3) == cycles(3) != cycles(4)


def test_a_write_is_in_memory_no_sooner_than_its_response() -> None:
    with copier() as device:
        values = fill(device, 0, BUS)
        copy(device, 0, 0x8000, inject=EARLY_INTERRUPT)
        assert not device.memory[0x8000 : 0x8000 + BUS].any()
        device.step(100)
        assert np.array_equal(device.memory[0x8000 : 0x8000 + BUS], values)


def test_the_memory_may_begin_at_another_address() -> None:
    with copier(Memory(size=2**16, base=0x4000_0000)) as device:
        values = fill(device, 0, BUS)
        copy(device, 0x4000_0000, 0x4000_8000)
        assert device.csr_read(WORST) == 0
        assert np.array_equal(device.memory[0x8000 : 0x8000 + BUS], values)


@pytest.mark.parametrize(("source", "destination"), [(2**20, 0), (0, 2**20), (2**20 - BUS, 0xFFFF_F000)])
def test_addresses_outside_memory_answer_decerr(source: int, destination: int) -> None:
    with copier() as device:
        copy(device, source, destination)
        assert device.csr_read(WORST) == DECERR


@pytest.mark.parametrize(("address", "answer"), [(0x7000 - BUS, 0), (0x7000, SLVERR), (0x7FF0, SLVERR), (0x8000, 0)])
def test_the_error_range_answers_slverr_and_keeps_its_content(address: int, answer: int) -> None:
    with copier(Memory(size=2**20, error_start=0x7000, error_bytes=0x1000)) as device:
        values = fill(device, 0, BUS)
        copy(device, 0, address)
        assert device.csr_read(WORST) == answer
        assert np.array_equal(device.memory[address : address + BUS], values) == (answer == 0)


@pytest.mark.parametrize(
    ("arguments", "stalls", "message"),
    [
        ({"source": 0x0FF0, "beats": 2}, Stalls(), "read burst of 2 beats at 0xff0 crosses a 4 KiB boundary"),
        ({"destination": 0x2FF0, "beats": 2}, Stalls(), "write burst of 2 beats at 0x2ff0 crosses a 4 KiB boundary"),
        ({"source": 8}, Stalls(), "read burst of 1 beats at 0x8 is not aligned to a beat"),
        ({"beats": 4, "inject": EARLY_WLAST}, Stalls(), "wlast came on the wrong beat"),
        ({"bursts": 9, "inject": CHANGING_ADDRESS}, Stalls(ar=0.9), "ar payload changed while it waited"),
        ({"bursts": 9, "inject": FALLING_VALID}, Stalls(ar=0.9), "arvalid fell before arready came"),
    ],
)
def test_a_broken_rule_is_told_in_words(arguments: dict[str, int], stalls: Stalls, message: str) -> None:
    sentence = rf"^the simulated device broke a bus rule: {message} \(cycle \d+\)$"
    with copier(Memory(size=2**20, stalls=stalls)) as device, pytest.raises(DeviceError, match=sentence):
        copy(device, **{"source": 0, "destination": 0x8000, **arguments})


def test_a_register_error_names_verb_and_offset() -> None:
    with (
        copier() as device,
        pytest.raises(DeviceError, match=r"^register read at 0xfc: the bus answered DECERR; there is no such register$"),
    ):
        device.csr_read(MISSING)


def test_run_stops_at_its_limit_and_goes_on_later() -> None:
    with copier() as device:
        start(device, 0, 0x8000)
        assert device.run(10) is Stop.CYCLES
        assert device.run(1000) is Stop.INTERRUPT
        cycles = device.cycles
        assert device.run(1000) is Stop.INTERRUPT
        assert device.cycles == cycles, "the interrupt was high already"


def test_reset_forgets_bursts_in_flight() -> None:
    with copier() as device:
        start(device, 0, 0x8000, bursts=8, beats=16)
        device.step(50)
        device.reset()
        values = fill(device, 0, 4 * BUS)
        copy(device, 0, 0x9000, beats=4)
        assert np.array_equal(device.memory[0x9000 : 0x9000 + values.size], values)


def test_two_devices_do_not_disturb_each_other() -> None:
    with copier() as one, copier() as other:
        values = fill(one, 0, BUS)
        start(one, 0, 0x8000)
        other.step(500)
        other.csr_write(BURSTS, 9)
        assert not one.irq and not other.irq
        assert one.run(1000) is Stop.INTERRUPT
        one.csr_write(CLEAR, 1)
        assert not one.irq
        assert np.array_equal(one.memory[0x8000 : 0x8000 + BUS], values)
        assert not other.memory.any()


def test_a_closed_device_says_so_and_keeps_its_memory() -> None:
    device = copier()
    fill(device, 0, BUS)
    device.close()
    device.close()
    assert device.memory[:BUS].any()
    with pytest.raises(DeviceError, match=r"^the simulated device is closed; open it again$"):
        device.step()


def test_memory_sizes_are_whole_pages() -> None:
    with pytest.raises(DeviceError, match=r"^memory size must be a multiple of 4096, not 1000$"):
        Memory(size=1000)


def test_a_latency_is_not_negative() -> None:
    with pytest.raises(DeviceError, match=r"^memory read_latency must be at least 0 cycles, not -1$"):
        Memory(read_latency=-1)


def test_stall_probabilities_are_below_one() -> None:
    with pytest.raises(DeviceError, match=r"^stall probability w must be from 0 to below 1, not 1$"):
        Stalls(w=1)
