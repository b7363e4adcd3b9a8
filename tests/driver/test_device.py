"""The driver on every transport: one body of tests for the model and the RTL."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hwacc import csr, isa
from hwacc.chain import chained
from hwacc.config import TINY, ArrayConfig
from hwacc.driver.buffers import DeviceBuffer
from hwacc.driver.device import Device
from hwacc.driver.transports.model import ModelTransport
from hwacc.errors import ConfigError, DeviceError, DeviceTimeoutError, StreamError, SubmissionError
from hwacc.stream import Slot, Stream
from tests.driver.conftest import MEMORY_BYTES, OpenDevice
from tests.driver.streams import PIECE, copy_stream, lone

UNKNOWN = isa.Op("UNKNOWN", 0x77, isa.Engine.LOAD, "No such operation.", ())


def copy(device: Device, pieces: int, seed: int = 0, *, long: bool = False) -> None:
    """Copies random data through the device and compares."""
    source = np.random.default_rng(seed).integers(-(2**31), 2**31, size=pieces * PIECE, dtype=np.int32)
    with device.place(source) as read, device.allocate(source.nbytes) as written:
        device.run(copy_stream(pieces, long=long), [read, written])
        np.testing.assert_array_equal(written.read(np.int32, source.shape), source)


def test_open_reads_the_configuration_from_the_device(open_device: OpenDevice) -> None:
    device = open_device()
    assert device.config == TINY
    assert {name: device.registers[name].read() for name in csr.constants(TINY)} == csr.constants(TINY)


def test_a_stream_moves_data_from_its_first_buffer_to_its_second(open_device: OpenDevice) -> None:
    copy(open_device(), pieces=3)


@pytest.mark.parametrize("ring_log2", [1, 2, 3])
def test_a_stream_longer_than_the_ring_is_fed_in_pieces(open_device: OpenDevice, ring_log2: int) -> None:
    device = open_device(ring_log2=ring_log2)
    copy(device, pieces=11, seed=ring_log2)
    copy(device, pieces=11, seed=ring_log2, long=True)


@pytest.mark.parametrize("ring_log2", [0, 16])
def test_a_ring_that_cannot_hold_a_long_descriptor_or_tell_full_from_empty_is_refused(open_device: OpenDevice, ring_log2: int) -> None:
    with pytest.raises(DeviceError, match=f"ring_log2 must be from 1 to 15, not {ring_log2}"):
        open_device(ring_log2=ring_log2)


def test_submissions_wrap_around_the_ring(open_device: OpenDevice) -> None:
    device = open_device(ring_log2=3)
    for seed in range(8):
        copy(device, pieces=2, seed=seed)
        copy(device, pieces=1, seed=seed, long=True)


def test_head_and_tail_wrap_after_65536_entries(open_device: OpenDevice) -> None:
    device = open_device(ring_log2=13)
    # What follows an unknown opcode is taken from the ring and skipped, which makes this quick.
    skipped = (isa.describe(UNKNOWN), *(isa.describe(isa.LOAD, run=1),) * 19_999)
    stream = replace(lone(skipped[0]), descriptors=skipped, relocations=(None,) * 20_000)
    for _ in range(4):
        with pytest.raises(SubmissionError):
            device.run(stream, [], verify=False)
    assert device.registers["RING_HEAD"].read() == 4 * 20_001 % 65536
    copy(device, pieces=3)


def test_two_submissions_may_be_outstanding_and_waited_for_in_any_order(open_device: OpenDevice) -> None:
    device = open_device()
    data = np.arange(-PIECE, PIECE, dtype=np.int32)
    first, second, third = device.place(data), device.allocate(data.nbytes), device.allocate(data.nbytes)
    one = device.submit(copy_stream(2), [first, second])
    two = device.submit(copy_stream(2), [second, third])
    assert two.wait().tag == two.tag
    assert one.wait().tag == one.tag
    np.testing.assert_array_equal(third.read(np.int32, data.shape), data)


def test_the_causes_of_every_submission_sum_to_its_cycles_in_whichever_order_they_are_waited_for(open_device: OpenDevice) -> None:
    device = open_device()
    data = np.arange(PIECE, dtype=np.int32)
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        submissions = [device.submit(copy_stream(1), [device.place(data), device.allocate(data.nbytes)]) for _ in order]
        for i in order:
            completion = submissions[i].wait()
            assert sum(completion.account.values()) == completion.cycles
            assert (completion.cycles > 0) == device.counts_cycles


def test_waiting_twice_gives_the_same_completion(open_device: OpenDevice) -> None:
    device = open_device()
    submission = device.submit(lone(isa.describe(isa.LOAD, run=5)), [], verify=False)
    assert submission.wait() is submission.wait()


def test_a_finished_submission_gives_its_memory_back(open_device: OpenDevice) -> None:
    device = open_device()
    before = device.free_bytes
    for _ in range(3):
        copy(device, pieces=1)
    assert device.free_bytes == before


FAULTS = {
    "an unknown opcode": (isa.describe(UNKNOWN), isa.Status.BAD_OPCODE, "CONTROL", "the opcode is unknown"),
    "an address outside memory": (
        isa.describe(isa.LOAD, address=MEMORY_BYTES, run=9),
        isa.Status.READ_ERROR,
        "LOAD",
        "the memory answered a read with an error",
    ),
    "a write outside memory": (
        isa.describe(isa.STORE, address=MEMORY_BYTES + 64, n=3, output=isa.Output.INT32),
        isa.Status.WRITE_ERROR,
        "STORE",
        "the memory answered a write with an error",
    ),
    "an on-chip address outside the buffer": (
        isa.describe(isa.LOAD, address=0, run=64, local=TINY.operand_bytes),
        isa.Status.BAD_LOCAL_ADDRESS,
        "LOAD",
        "an on-chip address lies outside its buffer",
    ),
    "a token that never arrives": (
        isa.describe(isa.COMPUTE, m=3, n=2, k=5, wait_load=1),
        isa.Status.DEADLOCK,
        "COMPUTE",
        "every engine waits for a token that nobody will push",
    ),
    "a field that the hardware does not support": (
        isa.describe(isa.COMPUTE, m=3, n=2, k=5, addend=3),
        isa.Status.BAD_FIELD,
        "COMPUTE",
        "a field is outside what the hardware supports",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_names_the_descriptor_and_the_next_submission_is_served(open_device: OpenDevice, name: str) -> None:
    bad, status, engine, meaning = FAULTS[name]
    device = open_device()
    good = isa.describe(isa.LOAD, address=0, run=3)
    stream = replace(lone(bad), descriptors=(good, bad), relocations=(None, None))
    with pytest.raises(SubmissionError) as caught:
        device.run(stream, [], verify=False)
    assert (caught.value.status, caught.value.descriptor) == (status, 1)
    text = str(caught.value)
    assert text.startswith(f"submission 1 ended at descriptor 1 ({bad.op.name}") and text.endswith(f"), engine {engine}: {meaning}")
    copy(device, pieces=3)


def test_a_fault_in_a_stream_longer_than_the_ring_is_reported_and_the_next_is_served(open_device: OpenDevice) -> None:
    device = open_device(ring_log2=2)
    good = isa.describe(isa.LOAD, address=0, run=3)
    stream = replace(lone(good), descriptors=(good,) * 9 + (isa.describe(UNKNOWN),) + (good,) * 20, relocations=(None,) * 30)
    with pytest.raises(SubmissionError, match="ended at descriptor 9"):
        device.run(stream, [], verify=False)
    copy(device, pieces=3)


@pytest.mark.parametrize(("limit", "words"), [({"max_cycles": 0}, "0 cycles"), ({"seconds": 0.0}, "0 seconds")])
def test_a_wait_past_its_limit_resets_the_device_which_serves_the_next(
    open_device: OpenDevice, limit: dict[str, float], words: str
) -> None:
    device = open_device()
    data = np.arange(30 * PIECE, dtype=np.int32)
    buffers = [device.place(data), device.allocate(data.nbytes)]
    submission = device.submit(copy_stream(30), buffers)
    with pytest.raises(DeviceTimeoutError) as caught:
        submission.wait(**limit)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"submission 1 of 60 descriptors did not finish within {words}; device {device.name!r} was reset and serves again"
    )
    with pytest.raises(DeviceError, match="submission 1 was dropped when the device was reset; submit it again"):
        submission.wait()
    copy(device, pieces=3)


def test_a_stream_for_another_configuration_is_refused(open_device: OpenDevice) -> None:
    device = open_device()
    other = replace(copy_stream(1), config_hash=ArrayConfig().hash)
    with pytest.raises(ConfigError, match=r"the stream was compiled for configuration 0x.* \(4×4\); compile it for this device"):
        device.submit(other, [])


def test_a_buffer_that_is_too_small_is_refused(open_device: OpenDevice) -> None:
    device = open_device()
    with pytest.raises(DeviceError, match="buffer 'target' of the stream needs 192 bytes, not 64"):
        device.submit(copy_stream(3), [device.allocate(192), device.allocate(64)])


def test_a_buffer_that_the_stream_writes_must_not_be_another_one_of_it(open_device: OpenDevice) -> None:
    device = open_device()
    both = device.place(np.arange(3 * PIECE, dtype=np.int32))
    sentence = "the stream writes buffer 'target', which overlaps its buffer 'source'; give it one of its own"
    for verify in (True, False):
        with pytest.raises(DeviceError, match=f"^{sentence}$"):
            device.submit(copy_stream(3), [both, both], verify=verify)
    assert both.read(np.int32, (3 * PIECE,)).tolist() == list(range(3 * PIECE))
    copy(device, pieces=2)


def test_buffers_that_take_turns_may_share_bytes_where_that_is_said(open_device: OpenDevice) -> None:
    device = open_device()
    data = np.arange(3 * PIECE, dtype=np.int32)
    size = data.nbytes
    chain, _ = chained([copy_stream(3)] * 3, [(0, 1), (1, 2), (2, 3)])
    with device.place(data) as source, device.allocate(2 * size) as arena, device.allocate(size) as target:
        first, second = arena.part(0, size), arena.part(size, size)
        device.run(chain, [source, first, second, target], shared=True)
        assert target.read(np.int32, data.shape).tolist() == data.tolist()
        target.write(0 * data)
        turns = [source, first, second, arena.part(0, size)]
        with pytest.raises(DeviceError, match="the stream writes buffer 'target', which overlaps its buffer 'target'"):
            device.run(chain, turns)
        for _ in range(2):
            device.run(chain, turns, shared=True)
            assert first.read(np.int32, data.shape).tolist() == data.tolist()


def test_a_race_for_shared_bytes_is_refused_wherever_they_lie(open_device: OpenDevice) -> None:
    """Two copies that nothing orders: sound with memory of their own, a race where one writes what the other reads."""
    device = open_device()
    load = isa.describe(isa.LOAD, run=4, target=isa.Target.ACCUMULATOR, signal_store=1)
    store = isa.describe(isa.STORE, n=1, output=isa.Output.INT32, wait_load=1)
    slots = tuple(Slot(name, 4) for name in ("a", "b", "c", "d"))
    stream = Stream(TINY.hash, slots, (load, store, load.replace(local=64), store.replace(acc=4)), (0, 1, 2, 3))
    with device.allocate(4 * 64) as memory:
        device.run(stream, [memory.part(64 * number, 4) for number in range(4)], shared=True)
        for _ in range(2):
            with pytest.raises(StreamError, match=r"descriptor 2 .* reads bytes of buffer 'b\+c' .* no token orders them"):
                device.run(stream, [memory.part(64 * place, 4) for place in (0, 1, 1, 3)], shared=True)


def test_a_buffer_that_is_only_read_may_be_there_twice(open_device: OpenDevice) -> None:
    device = open_device()
    stream = copy_stream(2)
    twice = replace(stream, slots=(*stream.slots, stream.slots[0]), relocations=(0, 1, 2, 1))
    source, target = device.place(np.arange(2 * PIECE, dtype=np.int32)), device.allocate(8 * PIECE)
    device.run(twice, [source, target, source])
    assert target.read(np.int32, (2 * PIECE,)).tolist() == list(range(2 * PIECE))


def test_a_freed_buffer_and_one_of_another_device_are_refused(open_device: OpenDevice) -> None:
    device, other = open_device(), open_device()
    source, target = device.allocate(64), device.allocate(64)
    target.free()
    with pytest.raises(DeviceError, match=r"^buffer 'target' of the stream has been freed$"):
        device.submit(copy_stream(1), [source, target])
    with pytest.raises(DeviceError, match=r"^buffer 'source' of the stream is in the memory of another device than '(model|sim)'$"):
        device.submit(copy_stream(1), [other.allocate(64), device.allocate(64)])
    copy(device, pieces=1)


def test_more_memory_than_the_machine_has_is_refused(transport: str) -> None:
    with pytest.raises(DeviceError, match=f"^this machine cannot hold {2**56} bytes of device memory; ask for less$"):
        Device.open(transport, TINY, memory_bytes=2**56)


@pytest.mark.parametrize("size", [0, -4096])
def test_a_device_without_memory_is_refused(transport: str, size: int) -> None:
    with pytest.raises(DeviceError, match=f"{size}"):
        Device.open(transport, TINY, memory_bytes=size)


def test_a_wrong_number_of_buffers_is_refused(open_device: OpenDevice) -> None:
    device = open_device()
    with pytest.raises(StreamError, match="the stream has 2 buffers, not 1"):
        device.submit(copy_stream(1), [device.allocate(64)])


def test_views_share_memory_with_the_device(open_device: OpenDevice) -> None:
    device = open_device()
    source, target = device.allocate(4 * PIECE), device.allocate(4 * PIECE)
    source.view(np.int32, (PIECE,))[:] = np.arange(PIECE) * -7
    device.run(copy_stream(1), [source, target])
    np.testing.assert_array_equal(target.view(np.int32, (4, PIECE // 4)), np.arange(PIECE).reshape(4, -1) * -7)


def test_reset_keeps_memory_and_registers_of_the_ring(open_device: OpenDevice) -> None:
    device = open_device()
    held: DeviceBuffer = device.place(np.array([3, -4, 5], np.int8))
    copy(device, pieces=2)
    assert device.reset()
    assert device.registers["RING_HEAD"].read() == device.registers["RING_TAIL"].read()
    assert held.read(np.int8, (3,)).tolist() == [3, -4, 5]
    copy(device, pieces=2)


def test_the_driver_refuses_another_configuration_in_words() -> None:
    device = Device(ModelTransport(TINY, MEMORY_BYTES), "bench")
    with pytest.raises(
        ConfigError, match="device 'bench' has another configuration than wanted: rows 8 here, 4 there, channels 128 here, 64 there"
    ):
        device.require(replace(TINY, rows=8, channels=128))


def test_memory_beyond_the_reach_of_the_address_bits_is_refused() -> None:
    with pytest.raises(ConfigError, match="device 'model' has 20 address bits, too few for memory that ends at 0x200000; give it more"):
        Device.open("model", replace(TINY, address_bits=20), memory_bytes=2**21)


def test_unknown_device_lists_the_known_ones() -> None:
    with pytest.raises(DeviceError, match="unknown device 'fpga9'; known: sim, model"):
        Device.open("fpga9", TINY)


def test_unknown_option_lists_the_known_ones() -> None:
    with pytest.raises(DeviceError, match="device 'model' has no option 'trace'; it has memory_bytes"):
        Device.open("model", TINY, trace="x.fst")


class Corrupted(ModelTransport):
    """A device with one register that reads wrongly."""

    def __init__(self, name: str, value: int) -> None:
        super().__init__(TINY, MEMORY_BYTES)
        self._wrong = {name: value}

    def csr_read(self, name: str) -> int:
        """The wrong value, or the true one of other registers."""
        return self._wrong.get(name, super().csr_read(name))


def test_something_that_is_not_hwacc_is_refused() -> None:
    with pytest.raises(DeviceError, match="device 'x' is not HWACC: its ID register reads 0xdeadbeef, not 0x43434148"):
        Device(Corrupted("ID", 0xDEADBEEF), "x")


def test_another_descriptor_format_is_refused() -> None:
    with pytest.raises(ConfigError, match=f"device 'x' speaks descriptor format 99, this driver {isa.VERSION}; rebuild one of them"):
        Device(Corrupted("ISA_VERSION", 99), "x")


def test_a_hash_that_does_not_match_the_sizes_is_refused() -> None:
    with pytest.raises(ConfigError, match="device 'x' publishes sizes that do not match its hash 0x00000001; rebuild it"):
        Device(Corrupted("CONFIG_HASH", 1), "x")


def test_a_device_that_does_not_come_back_says_so() -> None:
    device = Device(Corrupted("STATUS", 1), "stuck")
    with pytest.raises(DeviceTimeoutError, match="device 'stuck' did not come back from its reset; open it again"):
        device.submit(lone(isa.describe(isa.LOAD, run=1)), [], verify=False).wait(max_cycles=0)
    with pytest.raises(DeviceError, match="device 'stuck' did not come back from its reset; open it again"):
        device.submit(lone(isa.describe(isa.LOAD, run=1)), [], verify=False)
