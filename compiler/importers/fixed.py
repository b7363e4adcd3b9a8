"""What a user fixes about a model's inputs before it is compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

from hwacc.errors import InputError


@dataclass(frozen=True)
class Fixed:
    """``shapes``: the size of inputs whose size varies; ``values``: the number that an input always has, which makes it a constant."""

    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.shapes or self.values)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Fixed:
        """Inverse of :meth:`to_dict`."""
        return cls({name: tuple(shape) for name, shape in given["shapes"].items()}, dict(given["values"]))

    @classmethod
    def from_words(cls, shapes: Iterable[str], values: Iterable[str]) -> Fixed:
        """From ``NAME=1x80x100`` and ``NAME=16000``; raises :class:`InputError` for other words."""
        return cls(dict(map(shape_of, shapes)), dict(map(value_of, values)))


def shape_of(words: str) -> tuple[str, tuple[int, ...]]:
    """``input=1x576`` as ``("input", (1, 576))``."""
    name, _, sizes = words.rpartition("=")
    try:
        shape = tuple(int(size) for size in sizes.split("x"))
    except ValueError:
        shape = ()
    if not name or not shape or min(shape) < 1:
        raise InputError(f"{words!r} fixes no shape; write NAME=SIZExSIZE, such as input=1x576")
    return name, shape


def value_of(words: str) -> tuple[str, float]:
    """``sr=16000`` as ``("sr", 16000)``."""
    name, _, number = words.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        name, value = "", 0.0
    if not name or not isfinite(value):
        raise InputError(f"{words!r} fixes no value; write NAME=NUMBER, such as sr=16000")
    return name, int(value) if value.is_integer() else value
