"""The comparison with the exact interpreter."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hwacc.coordinator.check import Check, ReferenceInterpreter
from hwacc.errors import MissingToolError, ModelError

MODEL = Path("examples/models/image_classification.tflite").resolve()


def picture(seed: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(seed).integers(-128, 128, size=(1, 32, 32, 3), dtype=np.int8)


def test_equal_outputs_have_no_mismatches_and_each_wrong_element_counts() -> None:
    reference = ReferenceInterpreter(MODEL)
    sets = [[picture(1)], [picture(2)]]
    outputs = [reference.run(inputs, 1) for inputs in sets]
    assert reference.check(sets, outputs) == Check("tflite-micro", inputs=2, elements=20, mismatches=0)
    outputs[1][0][0, 3] ^= 1
    outputs[0][0][0, 9] ^= 4
    assert reference.check(sets, outputs).mismatches == 2


def test_an_output_of_another_type_mismatches_whole() -> None:
    reference = ReferenceInterpreter(MODEL)
    (output,) = reference.run([picture(3)], 1)
    assert reference.check([[picture(3)]], [[output.astype(np.int16)]]).mismatches == 10


def test_a_missing_interpreter_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite_micro.python.tflite_micro", None)
    with pytest.raises(MissingToolError, match=r"--check needs tflite-micro: pip install 'hwacc\[check\]'"):
        ReferenceInterpreter(MODEL)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none.tflite: No such file or directory"):
        ReferenceInterpreter(tmp_path / "none.tflite")
