"""Short task names from the long ones that training frameworks leave in a model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

VARIABLE = re.compile(r"/ReadVariableOp.*")
"""Tail of a TensorFlow name that reads a layer's variable."""

UNSUITABLE = re.compile(r"[^A-Za-z0-9_.-]+")


def short_name(sources: Iterable[str]) -> str:
    """A short name from the names at which an operation came, the best first; empty when they say nothing.

    TensorFlow merges names with ``;`` and nests them as ``model/layer/operator``.
    The layer named most often wins, among equals the last:
    ``model/activation/Relu;model/conv2d_9/Conv2D;model/conv2d/BiasAdd;model/conv2d/Conv2D1`` is ``conv2d``,
    ``model/activation/Relu;model/add/add`` is ``add``.
    """
    for source in sources:
        layers = [layer for layer in map(layer_name, source.split(";")) if layer]
        if layers:
            return max(reversed(layers), key=layers.count)
    return ""


def layer_name(part: str) -> str:
    """``model/conv2d/BiasAdd/ReadVariableOp/resource`` as ``conv2d``; a name without slashes as it is."""
    layers = VARIABLE.sub("", part).split("/")
    inner = layers[1:-1] or layers[:-1] or layers
    return "_".join(filter(None, (UNSUITABLE.sub("_", layer).strip("_") for layer in inner)))


def unique_names(wanted: Sequence[str]) -> list[str]:
    """``wanted`` with a number behind each that occurs before: ``conv``, ``conv_1``."""
    taken: set[str] = set()
    names = []
    for name in wanted:
        candidate, number = name, 0
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate)
        names.append(candidate)
    return names
