"""What the planner believes against what the engines do."""

from __future__ import annotations

from typing import Any

import pytest

from hwacc.compiler.emit import cost
from hwacc.config import ArrayConfig
from tests.rtl.store_bench import describe
from tests.rtl.test_store import INT8, INT32
from tests.rtl.test_store_speed import measure


@pytest.mark.parametrize("gap", [0, 32])
@pytest.mark.parametrize(("cols", "bus_bytes"), [(16, 16), (8, 16), (16, 8), (4, 16)])
def test_a_store_takes_the_cycles_that_the_planner_believes(cols: int, bus_bytes: int, gap: int) -> None:
    """Rows of at least a beat that begin at one; those that follow each other, and those that are ``gap`` bytes apart.

    Where a word is less than a beat, the first beat is not in the first cycle.
    """
    config = ArrayConfig(rows=4, cols=cols, bus_bytes=bus_bytes, spm_bytes=1024, acc_bytes=16384, channels=64)
    cases: list[tuple[int, Any, int]] = [(n, INT32, 4) for n in (4, 5, 7, 9, 11, 16, 17, 19, 21)]
    if cols >= bus_bytes:
        cases += [(n, INT8, 1) for n in (16, 23, 32, 33)]
    jobs = [describe(n=n, acc=0, count1=24, stride1=-(-n * size // 16) * 16 + gap if gap else n * size, **out) for n, out, size in cases]
    runs = measure(config, *([job] for job in jobs))
    believed = [cost.store_cycles(24, n, size, job["stride1"], config) for (n, _, size), job in zip(cases, jobs)]
    assert [run.span for run in runs] == believed
