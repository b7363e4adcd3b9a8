"""The completion record."""

from __future__ import annotations

from dataclasses import asdict, fields

import pytest

from hwacc import isa
from hwacc.driver.completion import Completion
from hwacc.errors import DeviceError


def test_the_dataclass_has_the_fields_of_the_record_in_order() -> None:
    assert [field.name for field in fields(Completion)] == [field.name for field in isa.COMPLETION if field.name != "reserved"]


def test_a_record_decodes_to_the_values_that_were_encoded() -> None:
    values = {field.name: 3 + number for number, field in enumerate(isa.COMPLETION)}
    values |= {"status": isa.Status.DEADLOCK, "engine": isa.Engine.STORE, "reserved": 0, "cycles": 2**40 + 1}
    completion = Completion.from_bytes(isa.pack(isa.COMPLETION, values, "record", isa.COMPLETION_BYTES))
    assert completion is not None
    assert {**asdict(completion), "reserved": 0} == values
    assert Completion.from_bytes(completion.to_bytes()) == completion


def test_cleared_memory_is_not_a_completion() -> None:
    assert Completion.from_bytes(bytes(isa.COMPLETION_BYTES)) is None


def test_a_record_with_an_unknown_status_is_a_device_error() -> None:
    record = bytearray(isa.COMPLETION_BYTES)
    record[4] = 200
    with pytest.raises(DeviceError, match="completion record that makes no sense: 200 is not a valid Status; reset it"):
        Completion.from_bytes(bytes(record))
