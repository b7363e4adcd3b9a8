"""The completion record."""

from __future__ import annotations

from dataclasses import asdict, fields

import pytest

from hwacc import isa
from hwacc.driver.completion import Completion
from hwacc.errors import DeviceError


def test_the_dataclass_has_the_fields_of_the_record_in_order() -> None:
    assert [field.name for field in fields(Completion)] == [field.name for field in isa.COMPLETION]


def test_a_record_decodes_to_the_values_that_were_encoded() -> None:
    values = {field.name: 3 + number for number, field in enumerate(isa.COMPLETION)}
    values |= {"status": isa.Status.DEADLOCK, "engine": isa.Engine.STORE, "cycles": 2**40 + 1}
    completion = Completion.from_bytes(isa.pack(isa.COMPLETION, values, "record", isa.COMPLETION_BYTES))
    assert completion is not None
    assert asdict(completion) == values
    assert Completion.from_bytes(completion.to_bytes()) == completion


def test_the_cycles_of_the_record_itself_are_charged_to_completion() -> None:
    values = {field.name: 1 for field in isa.COMPLETION} | {cause.name: 10 + number for number, cause in enumerate(isa.CAUSES)}
    values["cycles"] = sum(values[cause.name] for cause in isa.CAUSES)
    record = Completion.from_bytes(isa.pack(isa.COMPLETION, values, "record", isa.COMPLETION_BYTES))
    assert record is not None
    whole = record.until(record.cycles + 4)
    assert sum(whole.account.values()) == whole.cycles == values["cycles"] + 4
    assert {**whole.account, "completion": 0} == {**record.account, "completion": 0}


def test_cleared_memory_is_not_a_completion() -> None:
    assert Completion.from_bytes(bytes(isa.COMPLETION_BYTES)) is None


def test_a_record_with_an_unknown_status_is_a_device_error() -> None:
    record = bytearray(isa.COMPLETION_BYTES)
    record[4] = 200
    with pytest.raises(DeviceError, match="completion record that makes no sense: 200 is not a valid Status; reset it"):
        Completion.from_bytes(bytes(record))
