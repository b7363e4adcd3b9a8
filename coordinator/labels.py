"""Names for the elements of a model's output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwacc.errors import InputError


def labels_beside(model: Path) -> Path | None:
    """``MODEL.labels.txt`` beside a model or program, if it is there."""
    path = model.with_name(model.stem + ".labels.txt")
    return path if path.is_file() else None


def load_labels(path: Path) -> list[str]:
    """One label a line; raises :class:`InputError`."""
    try:
        return [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: labels are UTF-8 text, one a line") from None


def top(output: NDArray[Any], labels: list[str], count: int = 3) -> list[tuple[str, float]]:
    """The ``count`` best labels with their values, best first; raises :class:`InputError` if the number of labels is wrong."""
    values = output.reshape(-1)
    if values.size != len(labels):
        raise InputError(f"there are {len(labels)} labels for an output of {values.size} elements")
    order = np.argsort(-values.astype(np.float64), kind="stable")[:count]
    return [(labels[i], float(values[i])) for i in order]
