"""Device memory: blocks never overlap, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwacc.arena import ALIGNMENT
from hwacc.config import TINY
from hwacc.driver.buffers import Allocator
from hwacc.driver.device import Device
from hwacc.errors import DeviceError

BASE, SIZE = 1000, 40_000


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6_000)), max_size=60))
def test_blocks_are_aligned_apart_and_inside_and_all_memory_comes_back(steps: list[tuple[bool, int]]) -> None:
    allocator = Allocator(BASE, SIZE)
    held: dict[int, int] = {}
    for is_free, number in steps:
        if is_free and held:
            address = sorted(held)[number % len(held)]
            allocator.free(address)
            del held[address]
        elif number <= allocator.largest_bytes:
            address = allocator.allocate(number)
            assert address % ALIGNMENT == 0 and address >= BASE and address + number <= BASE + SIZE
            assert all(address + max(number, 1) <= other or other + size <= address for other, size in held.items())
            held[address] = max(number, 1)
    for address in held:
        allocator.free(address)
    assert allocator.free_bytes == allocator.largest_bytes == allocator.size


def test_out_of_memory_says_what_is_left() -> None:
    allocator = Allocator(0, 64 * 10)
    blocks = [allocator.allocate(64) for _ in range(10)]
    allocator.free(blocks[3])
    allocator.free(blocks[7])
    with pytest.raises(DeviceError) as caught:
        allocator.allocate(100)
    assert str(caught.value) == (
        "out of device memory: 100 bytes asked for, 128 of 640 free, 64 in one piece; free buffers or open the device with more memory"
    )


def test_freeing_twice_is_refused_by_the_allocator() -> None:
    allocator = Allocator(0, 640)
    address = allocator.allocate(65)
    allocator.free(address)
    with pytest.raises(DeviceError, match=r"no buffer begins at 0x0; was it freed twice\?"):
        allocator.free(address)


@pytest.fixture
def device() -> Device:
    return Device.open("model", TINY, memory_bytes=2**20)


def test_read_gives_back_what_write_put_there_at_its_offset(device: Device) -> None:
    buffer = device.allocate(12)
    buffer.write(np.array([[1, -2], [3, -4]], np.int16))
    buffer.write(b"\x05\xff", offset=6)
    assert buffer.read(np.int16, (2, 2)).tolist() == [[1, -2], [3, -251]]


def test_an_access_past_the_end_is_refused(device: Device) -> None:
    buffer = device.allocate(12)
    with pytest.raises(DeviceError, match="4 bytes at offset 9 do not fit into a buffer of 12 bytes"):
        buffer.write(b"abcd", offset=9)
    with pytest.raises(DeviceError, match="16 bytes at offset 0 do not fit into a buffer of 12 bytes"):
        buffer.view(np.int32, (4,))
    with pytest.raises(DeviceError, match="-3 bytes at offset 6 do not fit into a buffer of 12 bytes"):
        buffer.part(6, -3)


def test_a_freed_buffer_cannot_be_used(device: Device) -> None:
    with device.allocate(12) as buffer:
        pass
    buffer.free()
    with pytest.raises(DeviceError, match="has been freed"):
        buffer.read(np.int8, (1,))


def test_a_part_is_those_bytes_of_the_whole_and_lives_as_long(device: Device) -> None:
    whole, before = device.allocate(192), device.free_bytes
    part = whole.part(64, 12)
    part.write(np.array([1, -2, 3], np.int32))
    assert whole.view(np.int32, (48,))[16:19].tolist() == part.view(np.int32, (3,)).tolist() == [1, -2, 3]
    assert part.part(4, 8).read(np.int32, (2,)).tolist() == [-2, 3] and part.address == whole.address + 64
    with pytest.raises(DeviceError, match="4 bytes at offset 12 do not fit into a buffer of 12 bytes"):
        part.write(b"abcd", offset=12)
    with pytest.raises(DeviceError, match="100 bytes at offset 100 do not fit into a buffer of 192 bytes"):
        whole.part(100, 100)
    part.free()
    assert device.free_bytes == before and not part.freed
    whole.free()
    with pytest.raises(DeviceError, match="has been freed"):
        part.read(np.int8, (1,))


def test_a_buffer_that_does_not_fit_leaves_the_device_as_it_was(device: Device) -> None:
    before = device.free_bytes
    with pytest.raises(DeviceError, match="out of device memory: 2097152 bytes asked for"):
        device.allocate(2**21)
    assert device.free_bytes == before
