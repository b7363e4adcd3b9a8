"""Plain values, as :mod:`.plain` makes them, as attributes of IR, and back; and the array that a module is for, which is one of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwacc.config import ArrayConfig
from hwacc.errors import ConfigError, HwaccError, TunedError

if TYPE_CHECKING:
    from mlir import ir

ARRAY = "hwacc.array"
"""Attribute of a module: the configuration of the array that it is compiled for."""


def attribute_of(value: Any) -> ir.Attribute:
    """A number as ``i64``, a list of numbers as ``array<i64: …>``, an object as a dictionary."""
    from mlir import ir

    if isinstance(value, bool):
        return ir.BoolAttr.get(value)
    if isinstance(value, int):
        return ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)
    if isinstance(value, str):
        return ir.StringAttr.get(value)
    if isinstance(value, dict):
        return ir.DictAttr.get({name: attribute_of(each) for name, each in value.items()})
    return ir.DenseI64ArrayAttr.get(list(value))


def plain_of(attribute: ir.Attribute) -> Any:
    """Inverse of :func:`attribute_of`; raises :class:`TunedError` for other attributes."""
    from mlir import ir

    if isinstance(attribute, ir.DictAttr):
        return {each.name: plain_of(each.attr) for each in attribute}
    if isinstance(attribute, ir.DenseI64ArrayAttr):
        return list(attribute)
    if isinstance(attribute, (ir.BoolAttr, ir.IntegerAttr, ir.StringAttr)):
        return attribute.value
    raise TunedError(f"{attribute} is not a number, a word, array<i64: …> or a dictionary of these")


def set_array(module: ir.Operation, config: ArrayConfig) -> None:
    """Says which array ``module`` is compiled for."""
    module.attributes[ARRAY] = attribute_of(config.to_dict())


def array_of(module: ir.Operation) -> ArrayConfig:
    """The array that ``module`` is compiled for; one of default size if it does not say. Raises :class:`ConfigError`."""
    if ARRAY not in module.attributes:
        return ArrayConfig()
    try:
        values = plain_of(module.attributes[ARRAY])
        if not isinstance(values, dict):
            raise TunedError(f"{values!r} is not an object")
        return ArrayConfig.from_dict(values)
    except HwaccError as error:
        raise ConfigError(f"{ARRAY}: {error}") from None
