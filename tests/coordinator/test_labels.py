"""Labels of outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwacc.coordinator.labels import labels_beside, load_labels, top
from hwacc.errors import InputError


def test_labels_beside_a_model_are_found(tmp_path: Path) -> None:
    assert labels_beside(tmp_path / "net.tflite") is None
    (tmp_path / "net.labels.txt").write_text("up\ndown\n\n")
    found = labels_beside(tmp_path / "net.tflite")
    assert found is not None and load_labels(found) == ["up", "down"]


def test_the_best_labels_come_first_and_ties_keep_their_order() -> None:
    output = np.array([[-128, 5, 127, 5]], np.int8)
    assert top(output, ["a", "b", "c", "d"]) == [("c", 127.0), ("b", 5.0), ("d", 5.0)]


def test_a_wrong_number_of_labels_is_refused() -> None:
    with pytest.raises(InputError, match="there are 2 labels for an output of 3 elements"):
        top(np.zeros((1, 3), np.int8), ["a", "b"])


def test_labels_that_are_not_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InputError, match=r"x.txt: labels are UTF-8 text, one a line"):
        load_labels(tmp_path / "x.txt")
    with pytest.raises(InputError, match=r"y.txt: No such file or directory"):
        load_labels(tmp_path / "y.txt")
