"""Products and blockings as plain values for JSON, and back: what differs from the defaults, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from itertools import pairwise
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from hwacc.compiler.emit.blocking import Blocking
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.errors import ModelError, TunedError
from hwacc.isa import Dataflow

RANGES = ("rows", "columns", "steps")
"""Fields of a blocking that are written as bounds: ``[0, 16, 32]`` for the ranges from 0 to 16 and from 16 to 32."""
DATAFLOWS = {flow.words: flow for flow in Dataflow}
WORDS = {int: "a whole number", bool: "true or false", str: "a word", list: "a list", dict: "an object"}
"""Types of JSON in words."""
HINTS: dict[type, dict[str, Any]] = {kind: get_type_hints(kind) for kind in (ContractionSpec, Blocking)}
"""The types of their fields, which Python would work out from the text each time."""
Reader = Callable[[str, Any, Any], Any]
"""Gives the value of a field, of its name, the value in JSON and the field's type."""
Value = TypeVar("Value", ContractionSpec, Blocking)


def plain_spec(spec: ContractionSpec) -> dict[str, Any]:
    """A product as plain values."""
    return _differing(spec)


def spec_of(values: Any) -> ContractionSpec:
    """Inverse of :func:`plain_spec`; raises :class:`TunedError` for what is no product."""
    try:
        return _made(ContractionSpec, values, {})
    except ModelError as error:
        raise TunedError(str(error)) from None


def plain_blocking(blocking: Blocking) -> dict[str, Any]:
    """A blocking as plain values."""
    bounds = {name: [0, *(end for _, end in getattr(blocking, name))] for name in RANGES}
    return {**_differing(blocking), **bounds, "dataflow": blocking.dataflow.words}


def blocking_of(values: Any) -> Blocking:
    """Inverse of :func:`plain_blocking`; raises :class:`TunedError` for what is none, but does not know whether it fits a product."""
    return _made(Blocking, values, {"dataflow": _dataflow, **dict.fromkeys(RANGES, _ranges)})


def member(values: Any, name: str, kind: type) -> Any:
    """A value by name; raises :class:`TunedError` unless it is there and of this type."""
    if not isinstance(values, dict) or type(values.get(name)) is not kind:
        raise TunedError(f"{name!r} must be there, and {WORDS[kind]}")
    return values[name]


def _differing(value: ContractionSpec | Blocking) -> dict[str, Any]:
    pairs = ((field.name, getattr(value, field.name), field.default) for field in fields(value))
    return {name: list(own) if isinstance(own, tuple) else own for name, own, default in pairs if own != default}


def _made(kind: type[Value], values: Any, special: dict[str, Reader]) -> Value:
    """A ``kind`` of ``values``, each of the type that its field has, or read as ``special`` says."""
    if not isinstance(values, dict):
        raise TunedError(f"{values!r} is not an object")
    known = {field.name: field.default for field in fields(kind)}
    for name in values:
        if name not in known:
            raise TunedError(f"{name!r} is not a known name")
    for name, default in known.items():
        if default is MISSING and name not in values:
            raise TunedError(f"{name!r} is missing")
    hints = HINTS[kind]
    return kind(**{name: special.get(name, _typed)(name, value, hints[name]) for name, value in values.items()})


def _typed(name: str, value: Any, hint: Any) -> Any:
    """``value``, a list as a tuple; raises :class:`TunedError` unless it is of the type ``hint``."""
    if get_origin(hint) is tuple:
        length = len(value) if isinstance(value, list) and Ellipsis in get_args(hint) else len(get_args(hint))
        if not isinstance(value, list) or len(value) != length or any(type(each) is not int for each in value):
            raise TunedError(f"{name} must be a list of whole numbers, not {value!r}")
        return tuple(value)
    if type(value) is not hint:
        raise TunedError(f"{name} must be {WORDS[hint]}, not {value!r}")
    return value


def _ranges(name: str, value: Any, hint: Any) -> tuple[tuple[int, int], ...]:
    return tuple(pairwise(_typed(name, value, tuple[int, ...])))


def _dataflow(name: str, value: Any, hint: Any) -> Dataflow:
    if not isinstance(value, str) or value not in DATAFLOWS:
        raise TunedError(f"{name} must be one of {', '.join(DATAFLOWS)}, not {value!r}")
    return DATAFLOWS[value]
