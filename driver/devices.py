"""The devices that can be opened by name: the one list of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from hwacc.config import ArrayConfig
from hwacc.driver.transport import Transport
from hwacc.errors import DeviceError


@dataclass(frozen=True)
class Kind:
    """A kind of device.

    factory
        ``module:function``; called with an :class:`ArrayConfig` and options as keywords, returns a :class:`Transport`.
        The module is imported only when the device is opened.
    availability
        ``module:function`` without arguments: what is missing, in words, or None.
    """

    name: str
    doc: str
    factory: str
    availability: str

    def create(self) -> Callable[..., Transport]:
        """The factory itself."""
        return _resolve(self.factory)  # type: ignore[no-any-return]

    def missing(self) -> str | None:
        """What has to be installed before the device can be opened; None if nothing."""
        return _resolve(self.availability)()  # type: ignore[no-any-return]


KINDS: tuple[Kind, ...] = (
    Kind("sim", "the RTL under Verilator, cycle by cycle", "hwacc.driver.transports.sim:open_sim", "hwacc.driver.transports.sim:missing"),
    Kind(
        "model",
        "a bit-exact model in NumPy; counts no cycles",
        "hwacc.driver.transports.model:open_model",
        "hwacc.driver.transports.model:missing",
    ),
)


def kind_of(name: str) -> Kind:
    """The kind of device called ``name``; raises :class:`DeviceError` naming the known ones."""
    for kind in KINDS:
        if kind.name == name:
            return kind
    raise DeviceError(f"unknown device {name!r}; known: {', '.join(kind.name for kind in KINDS)}")


def open_transport(name: str, config: ArrayConfig, **options: Any) -> Transport:
    """Opens a device; options that are None count as not given.

    Raises :class:`DeviceError` for an unknown device or option.
    """
    factory = kind_of(name).create()
    given = {key: value for key, value in options.items() if value is not None}
    known = [key for key in inspect.signature(factory).parameters if key != "config"]
    for key in given:
        if key not in known:
            raise DeviceError(f"device {name!r} has no option {key!r}; it has {', '.join(known)}")
    return factory(config, **given)


def _resolve(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
