"""Blockings for many products: the same, however many processes look for them."""

from __future__ import annotations

import pickle
import types

import pytest

from hwacc import isa
from hwacc.compiler.emit import choices
from hwacc.compiler.emit.choices import choose_all, plan_all
from hwacc.compiler.emit.planner import Plan
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import TINY
from hwacc.errors import ModelError

SPECS = [
    *(ContractionSpec.gemm(size, 7 + size, 40 - size) for size in range(3, 12)),
    ContractionSpec.gemm(1, 1, 131_072),  # too long a reduction
    ContractionSpec.gemm(5, 12, 38),
]


def planned_by(processes: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Plan | str], list[ContractionSpec]]:
    """Plans of :data:`SPECS` in parts of three, and what was heard of on the way."""
    heard: list[ContractionSpec] = []
    monkeypatch.setattr(choices, "TOGETHER", 3)
    monkeypatch.setattr(choices, "processors", lambda: processes)
    plans = plan_all(SPECS, TINY, effort=5000, tell=heard.append)
    return [str(plan) if isinstance(plan, ModelError) else plan for plan in plans], heard


def test_a_program_is_the_same_wherever_it_was_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, _ = planned_by(1, monkeypatch)
    several, heard = planned_by(3, monkeypatch)
    assert several == alone
    assert "overflow" in str(several[9])
    assert sorted(map(str, heard)) == sorted(map(str, dict.fromkeys(SPECS)))


def test_operations_from_another_process_are_of_the_opcodes_here() -> None:
    assert all(pickle.loads(pickle.dumps(op)) is op for op in isa.OPS)


def test_a_process_that_ends_before_its_work_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "TOGETHER", 3)
    monkeypatch.setattr(choices, "processors", lambda: 2)
    monkeypatch.setattr(choices, "chooser", types.ModuleType("no_such_module"))
    with pytest.raises(ModelError, match="a process that plans products ended before its work; is there memory enough"):
        choose_all(SPECS, TINY)
