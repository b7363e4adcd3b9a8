"""Every test that takes ``open_device`` runs on the model and on the RTL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hwacc.config import TINY
from hwacc.driver.device import Device

MEMORY_BYTES = 2**20

OpenDevice = Callable[..., Device]


@pytest.fixture(params=["model", "sim"])
def transport(request: pytest.FixtureRequest) -> str:
    """Name of the device under test."""
    return str(request.param)


@pytest.fixture
def open_device(transport: str) -> Iterator[OpenDevice]:
    """Opens the device under test with a 4×4 array; closes what the test opened."""
    opened: list[Device] = []

    def open_it(**options: Any) -> Device:
        opened.append(Device.open(transport, TINY, **{"memory_bytes": MEMORY_BYTES, **options}))
        return opened[-1]

    yield open_it
    for device in opened:
        device.close()
