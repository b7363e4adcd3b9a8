"""The builder of integer code: what is known and what waits until run time come to the same."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from hwacc.compiler.writer.numbers import Number, Numbers
from tests.compiler.writer.written import call

OPERATIONS: dict[str, Callable[[Numbers, Number, Number], Number]] = {
    "add": Numbers.add,
    "sub": Numbers.sub,
    "mul": Numbers.mul,
    "div": Numbers.div,
    "ceil_div": Numbers.ceil_div,
    "rem": Numbers.rem,
    "min": Numbers.min,
    "max": Numbers.max,
    "less": Numbers.less,
    "either": Numbers.either,
    "select the first": lambda body, a, b: body.select(body.less(0, a), a, b),
    "select the second": lambda body, a, b: body.select(body.less(a, 0), a, b),
    "bits up": lambda body, a, b: body.bits(a, 7, 5),
    "bits down": lambda body, a, b: body.bits(a, 12, -3),
    "bits of a negative number": lambda body, a, b: body.bits(body.sub(0, a), 20, 40),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_computed_at_run_time_is_what_python_computes(name: str) -> None:
    rng = random.Random(name)
    for one, other in [(rng.randint(1, 10**6), rng.randint(1, 300)) for _ in range(4)]:
        expected = OPERATIONS[name](Numbers("known", ()), one, other)
        assert isinstance(expected, int)
        for run_time in ((True, True), (True, False), (False, True)):
            body = Numbers("f", ("numbers", "out"), result=True)
            a, b = (body.load("%numbers", i) if late else (one, other)[i] for i, late in enumerate(run_time))
            assert call(body.text(OPERATIONS[name](body, a, b)), "f", [one, other])[0] == expected, (one, other, run_time)


def test_a_loop_runs_as_often_as_it_says_and_not_at_all_for_zero() -> None:
    for count in (0, 1, 5):
        body = Numbers("f", ("numbers", "out"), result=True)
        with body.loop(body.load("%numbers", 0)) as outer, body.loop(2) as inner:
            body.store(body.add(outer, 1), "%out", body.add(body.mul(outer, 2), inner), 8)
        _, out = call(body.text(0), "f", [count], 10)
        assert out == bytes(i // 2 + 1 if i < 2 * count else 0 for i in range(10))


def test_a_store_needs_no_alignment_and_writes_no_more_than_its_width() -> None:
    body = Numbers("f", ("numbers", "out"), result=True)
    body.store(-1, "%out", 3, 32)
    body.store((1 << 63) + 5, "%out", 9)
    _, out = call(body.text(0), "f", [0], 20)
    assert out == bytes(3) + b"\xff" * 4 + bytes(2) + b"\x05" + bytes(6) + b"\x80" + bytes(3)
