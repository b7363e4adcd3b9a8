"""The simulator's library with the C interface, for a 4×4 array."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator

import pytest

from hwacc.config import TINY
from hwacc.sim.build import build
from tests.driver.native.interface import CDevice, load

OpenCDevice = Callable[..., CDevice]


@pytest.fixture(scope="session")
def library() -> ctypes.CDLL:
    return load(build(TINY))


@pytest.fixture
def open_device(library: ctypes.CDLL) -> Iterator[OpenCDevice]:
    """Opens devices with the given options; closes what the test opened."""
    opened: list[CDevice] = []

    def open_it(options: str | None = "memory_bytes=1048576") -> CDevice:
        opened.append(CDevice(library, options))
        return opened[-1]

    yield open_it
    for device in opened:
        device.close()
