"""The catalogue of faults fits the RTL; whether every fault is caught is what ``make mutants`` finds out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants.faults import FAULTS, Fault
from tests.mutants.run import ROOT, catcher, copy_of, plant, source


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.module}: {fault.says}")
def test_every_fault_changes_one_place_of_sound_code(fault: Fault, tmp_path: Path) -> None:
    (tmp_path / "rtl").mkdir()
    source(tmp_path, fault).write_text(source(ROOT, fault).read_text())
    before = plant(tmp_path, fault)
    assert ast.dump(ast.parse(source(tmp_path, fault).read_text())) != ast.dump(ast.parse(before))


def test_there_are_faults_in_every_part_of_the_machine() -> None:
    assert len(FAULTS) >= 20 and len({fault.module for fault in FAULTS}) >= 15


def test_a_planted_fault_is_caught_and_sound_hardware_is_not(tmp_path: Path) -> None:
    fault = next(fault for fault in FAULTS if fault.module == "pe")
    copy = copy_of(ROOT, tmp_path)
    own = sorted((copy / "tests" / "rtl").glob("test_*.py"))
    for path in own:
        if path.name != "test_pe.py":
            path.unlink()
    assert catcher(copy, fault) is None
    plant(copy, fault)
    caught = catcher(copy, fault)
    assert caught is not None and "test_pe.py" in caught
