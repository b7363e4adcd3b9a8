"""The C interface of ``hwacc.h``, as the simulator's library implements it."""

from __future__ import annotations

import ctypes
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwacc import isa
from hwacc.config import TINY
from hwacc.driver.device import Device
from hwacc.stream import Stream
from tests.driver.native.conftest import OpenCDevice
from tests.driver.native.interface import (
    BAD_ARGUMENT,
    FAULT,
    NO_MEMORY,
    OTHER_CONFIGURATION,
    TIMEOUT,
    CDevice,
    Completion,
    Failure,
)
from tests.driver.streams import PIECE, copy_stream, lone

UNKNOWN = isa.Op("UNKNOWN", 0x77, isa.Engine.LOAD, "No such operation.", ())
AGES = isa.describe(isa.LOAD, run=64, target=isa.Target.WEST, count1=0xFFFF, count4=4)
"""A LOAD of the same bytes a quarter of a million times: about a million cycles."""


def data(pieces: int, seed: int = 0) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(-(2**31), 2**31, pieces * PIECE, np.int32)


def copy(device: CDevice, pieces: int, seed: int = 0, *, long: bool = False) -> Completion:
    """Copies random data through the device and compares."""
    source = data(pieces, seed)
    read, written = device.place(source), device.alloc(source.nbytes)
    completion = device.wait(device.submit(copy_stream(pieces, long=long).to_bytes(), [read, written]))
    np.testing.assert_array_equal(device.read(written, source), source)
    device.free(read)
    device.free(written)
    return completion


def refused(code: int, message: str) -> pytest.RaisesExc[Failure]:
    """Expects the failure with that code and, in whole, that message."""
    return pytest.raises(Failure, match=f"^{re.escape(message)}$", check=lambda failure: failure.code == code)


def test_a_stream_moves_data_from_its_first_buffer_to_its_second(open_device: OpenCDevice) -> None:
    device = open_device()
    completion = copy(device, 3)
    assert completion.status == isa.Status.OK and completion.cycles > 0


def test_cycles_are_those_that_the_driver_in_python_reports(open_device: OpenCDevice) -> None:
    source, stream = data(5), copy_stream(5)
    with Device.open("sim", TINY, memory_bytes=2**20) as device, device.place(source) as read, device.allocate(source.nbytes) as written:
        expected = device.run(stream, [read, written]).cycles
    assert copy(open_device(), 5).cycles == expected


@pytest.mark.parametrize("long", [False, True])
def test_a_stream_longer_than_the_ring_is_fed_in_pieces(open_device: OpenCDevice, long: bool) -> None:
    device = open_device()
    for seed in range(3):
        copy(device, 700 + seed, seed, long=long)


def test_one_wait_is_for_all_submissions_up_to_its_ticket(open_device: OpenCDevice) -> None:
    device = open_device()
    source = data(4)
    places = [device.place(source), *(device.alloc(source.nbytes) for _ in range(3))]
    tickets = [device.submit(copy_stream(4).to_bytes(), pair) for pair in pairwise(places)]
    assert tickets == sorted(set(tickets))
    together = device.wait(tickets[2]).cycles
    np.testing.assert_array_equal(device.read(places[3], source), source)
    assert together > 2 * copy(device, 4).cycles
    assert device.wait(tickets[0]).cycles == 0, "what was waited for is not counted again"


def test_a_mapping_shows_device_memory(open_device: OpenCDevice) -> None:
    device = open_device()
    source = data(2)
    read, written = device.alloc(source.nbytes), device.alloc(source.nbytes)
    pointer = device.map(read, source.nbytes)
    ctypes.memmove(pointer, source.ctypes.data, source.nbytes)
    device.unmap(pointer)
    device.wait(device.submit(copy_stream(2).to_bytes(), [read, written]))
    np.testing.assert_array_equal(device.read(written, source), source)
    with refused(BAD_ARGUMENT, "the pointer is not one that hwacc_map gave"):
        device.unmap(source.ctypes.data)


def test_memory_is_given_out_once_and_again_when_freed(open_device: OpenCDevice) -> None:
    device = open_device()
    sizes = (1, 64, 65, 1000, 0)
    places = [device.alloc(size) for size in sizes]
    ends = [place + size for place, size in zip(places, sizes)]
    assert all(place % 64 == 0 for place in places) and all(end <= place for end, place in zip(ends, places[1:]))
    device.free(places[2])
    assert device.alloc(128) == places[2]
    with refused(BAD_ARGUMENT, f"no memory was taken at {places[1] + 8:#x}; was it freed twice?"):
        device.free(places[1] + 8)


def test_running_out_of_memory_says_how_much_there_is(open_device: OpenCDevice) -> None:
    device = open_device()
    ring = 1024 * TINY.entry_bytes
    for size in (2**20, 2**64 - 1):
        with refused(
            NO_MEMORY,
            f"out of device memory: {size} bytes asked for, {2**20 - ring} of {2**20} free; free some, or open the device with more",
        ):
            device.alloc(size)


def test_bytes_that_nobody_took_are_refused(open_device: OpenCDevice) -> None:
    device = open_device()
    source = data(1)
    place = device.place(source)
    for address in (place + 4, place - 64, 0, 2**63):
        with refused(BAD_ARGUMENT, f"{source.nbytes} bytes at device address {address:#x} were not taken with hwacc_alloc"):
            device.write(address, source)


def test_another_configuration_is_refused_in_words(open_device: OpenCDevice) -> None:
    device = open_device()
    other = replace(copy_stream(1), config_hash=0x1234).to_bytes()
    device.require(TINY.hash, "tiny")
    for name, call in (("net", lambda: device.require(0x1234, "net")), ("the stream", lambda: device.submit(other, [0, 0]))):
        with refused(
            OTHER_CONFIGURATION,
            f"{name} was compiled for configuration 0x00001234, the device is {TINY.hash:#010x} (4x4 array); "
            "compile it for this device, or open the other",
        ):
            call()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("memory=5", "unknown option 'memory'; known: error_bytes, error_start, memory_bytes, memory_latency, seconds"),
        ("memory_bytes", "memory_bytes must be a number, not ''"),
        ("seconds=1,memory_latency=-3", "memory_latency must be a number, not '-3'"),
        ("memory_bytes=100", "memory_bytes must be a positive multiple of 4096, not 100"),
        ("memory_bytes=8589934592", "the device has 32 address bits, too few for 8589934592 bytes of memory; give it less"),
    ],
)
def test_wrong_options_are_named(open_device: OpenCDevice, options: str, message: str) -> None:
    with refused(BAD_ARGUMENT, message):
        open_device(options)


def edited(position: int, value: int) -> bytes:
    stream = bytearray(copy_stream(1).to_bytes())
    stream[position] = value
    return bytes(stream)


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"", "the stream is cut short"),
        (edited(0, 0), "this is not a descriptor stream"),
        (edited(4, 99), f"the stream has descriptor format 99, this is {isa.VERSION}; compile the model again"),
        (copy_stream(1).to_bytes()[:-1], "the stream is cut short"),
        (copy_stream(1).to_bytes() + b"xy", "2 bytes too many at the end of the stream"),
        (edited(-4, 7), "relocation of descriptor 1 to buffer 7, which is not there"),
    ],
)
def test_a_damaged_stream_is_refused(open_device: OpenCDevice, stream: bytes, message: str) -> None:
    device = open_device()
    place = device.alloc(4096)
    with refused(BAD_ARGUMENT, message):
        device.submit(stream, [place, place + 2048])


def test_every_shortened_stream_is_refused(open_device: OpenCDevice) -> None:
    device = open_device()
    place = device.alloc(4096)
    whole = copy_stream(2, long=True).to_bytes()
    for length in range(len(whole)):
        with pytest.raises(Failure) as failure:
            device.submit(whole[:length], [place, place + 2048])
        assert failure.value.code == BAD_ARGUMENT


def test_wrong_buffers_are_refused(open_device: OpenCDevice) -> None:
    device = open_device()
    stream = copy_stream(1).to_bytes()
    size = PIECE * 4
    place = device.alloc(size)
    with refused(BAD_ARGUMENT, "the stream has 2 buffers, not 1"):
        device.submit(stream, [place])
    with refused(BAD_ARGUMENT, "the stream writes buffer target, which overlaps its buffer source"):
        device.submit(stream, [place, place])
    with refused(BAD_ARGUMENT, f"{size} bytes at device address {place + 8:#x} were not taken with hwacc_alloc"):
        device.submit(stream, [place, place + 8])


def test_null_is_refused_wherever_something_must_be(open_device: OpenCDevice) -> None:
    device = open_device()
    library = device.library
    assert library.hwacc_alloc(None, 64, ctypes.byref(ctypes.c_uint64())) == BAD_ARGUMENT
    assert library.hwacc_error() == b"device is NULL"
    assert library.hwacc_open(None, None) == BAD_ARGUMENT
    assert library.hwacc_write(device.handle, 0, None, 1) == BAD_ARGUMENT
    assert library.hwacc_error() == b"data is NULL"
    library.hwacc_close(None)


def test_a_fault_tells_descriptor_and_status_and_the_next_submission_is_exact(open_device: OpenCDevice) -> None:
    device = open_device()
    stream = lone(isa.describe(UNKNOWN))
    bad = replace(stream, descriptors=(isa.describe(isa.LOAD, run=4), *stream.descriptors), relocations=(None, None)).to_bytes()
    completion = Completion()
    with refused(FAULT, "submission 1 ended at descriptor 1: the opcode is unknown (BAD_OPCODE)"):
        device.wait(device.submit(bad, []), completion)
    assert (completion.status, completion.descriptor) == (isa.Status.BAD_OPCODE, 1)
    copy(device, 3)


def test_the_first_of_several_faults_is_told_and_what_follows_it_has_run(open_device: OpenCDevice) -> None:
    device = open_device()
    source = data(2)
    read, written = device.place(source), device.alloc(source.nbytes)
    device.submit(lone(isa.describe(UNKNOWN)).to_bytes(), [])
    device.submit(lone(isa.describe(isa.LOAD, address=2**30, run=4)).to_bytes(), [])
    last = device.submit(copy_stream(2).to_bytes(), [read, written])
    with refused(FAULT, "submission 1 ended at descriptor 0: the opcode is unknown (BAD_OPCODE)"):
        device.wait(last)
    np.testing.assert_array_equal(device.read(written, source), source)


def test_memory_that_answers_with_an_error_is_a_read_error(open_device: OpenCDevice) -> None:
    device = open_device("memory_bytes=1048576,error_start=524288,error_bytes=64")
    with refused(FAULT, "submission 1 ended at descriptor 0: the memory answered a read with an error (READ_ERROR)"):
        device.wait(device.submit(lone(isa.describe(isa.LOAD, address=524288, run=4)).to_bytes(), []))


def test_a_submission_that_leaves_no_record_is_reported_as_lost(open_device: OpenCDevice) -> None:
    ring = 1024 * TINY.entry_bytes  # the first thing in memory
    device = open_device(f"memory_bytes=1048576,error_start=0,error_bytes={ring}")
    completion = Completion()
    with refused(
        FAULT,
        "submission 1 ended without a completion record: the memory answered a read with an error (READ_ERROR); "
        "the device was reset and serves again",
    ):
        device.wait(device.submit(lone(isa.describe(isa.LOAD, run=4)).to_bytes(), []), completion)
    assert completion.status == isa.Status.READ_ERROR


def test_a_submission_that_takes_too_long_costs_a_reset_and_all_that_is_outstanding(open_device: OpenCDevice) -> None:
    device = open_device("memory_bytes=1048576,seconds=0")
    first = device.submit(lone(AGES).to_bytes(), [])
    second = device.submit(lone(AGES).to_bytes(), [])
    with refused(TIMEOUT, "submission 1 did not end within 0 seconds; the device was reset and serves again"):
        device.wait(first)
    with refused(FAULT, "submission 2 was dropped when the device was reset; submit it again"):
        device.wait(second)
    copy(device, 3)


def test_a_device_that_does_not_come_back_says_so(open_device: OpenCDevice) -> None:
    device = open_device("memory_bytes=1048576,seconds=0,memory_latency=200000")
    ticket = device.submit(lone(isa.describe(isa.LOAD, run=4)).to_bytes(), [])
    with refused(TIMEOUT, "submission 1 did not end within 0 seconds; the device did not come back from its reset; open it again"):
        device.wait(ticket)
    with refused(FAULT, "the device did not come back from its reset; open it again"):
        device.submit(lone(isa.describe(isa.LOAD, run=4)).to_bytes(), [])


def test_a_ticket_that_nobody_has_is_refused(open_device: OpenCDevice) -> None:
    device = open_device()
    for ticket in (0, 1):
        with refused(BAD_ARGUMENT, f"no submission has ticket {ticket}"):
            device.wait(ticket)


def test_streams_of_random_bytes_are_refused_or_end(open_device: OpenCDevice) -> None:
    seed = 20260
    print("seed", seed)  # noqa: T201
    rng = np.random.default_rng(seed)
    device = open_device()
    place = device.alloc(4096)
    whole = np.frombuffer(copy_stream(2).to_bytes(), np.uint8)
    outcomes = set()
    for _ in range(200):
        stream = whole.copy()
        stream[rng.integers(0, len(whole), 3)] = rng.integers(0, 256, 3, np.uint8)
        try:
            device.wait(device.submit(stream.tobytes(), [place, place + 2048]))
            outcomes.add(0)
        except Failure as failure:
            outcomes.add(failure.code)
    assert {BAD_ARGUMENT, FAULT} <= outcomes
    Stream.from_bytes(whole.tobytes())
    copy(device, 3)
