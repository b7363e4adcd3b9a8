"""Descriptors packed by generated code are those that the encoder packs."""

from __future__ import annotations

import random

import pytest

from hwacc import isa
from hwacc.compiler.writer.descriptor import write_descriptor
from hwacc.compiler.writer.numbers import Number, Numbers
from hwacc.errors import EncodingError
from tests.compiler.writer.written import call

OPS = (isa.LOAD, isa.COMPUTE, isa.STORE)


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
@pytest.mark.parametrize("extreme", ["low", "high", "random"])
def test_every_field_is_where_the_encoder_has_it(op: isa.Op, late: bool, extreme: str) -> None:
    fields = [field for field in op.halves[0] if field.name not in isa.DERIVED]
    rng = random.Random(op.name)
    values = {field.name: rng.randint(field.low, field.high) if extreme == "random" else getattr(field, extreme) for field in fields}
    body = Numbers("f", ("numbers", "out"), result=True)
    numbers: dict[str, Number] = {name: body.load("%numbers", i) if late else value for i, (name, value) in enumerate(values.items())}
    write_descriptor(body, op, numbers, "%out", 4)
    _, out = call(body.text(0), "f", list(values.values()), isa.SHORT_BYTES + 8)
    assert out == bytes(4) + isa.describe(op, **values).encode() + bytes(4)


def test_fields_that_are_not_named_have_their_defaults() -> None:
    body = Numbers("f", ("numbers", "out"), result=True)
    write_descriptor(body, isa.LOAD, {"run": 7}, "%out", 0)
    assert call(body.text(0), "f", [0], isa.SHORT_BYTES)[1] == isa.describe(isa.LOAD, run=7).encode()


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(EncodingError, match="LOAD has no field 'runs'"):
        write_descriptor(Numbers("f", ("out",)), isa.LOAD, {"runs": 7}, "%out", 0)
