"""Registers in software that behave as :mod:`hwacc.csr` says: for devices that are no hardware."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hwacc import csr


class RegisterFile:
    """The registers of :data:`hwacc.csr.REGISTERS`.

    ``read`` and ``write`` are bus accesses; indexing is the device's own view, without side effects.
    ``on_pulse`` is called with name and value when the bus writes a :attr:`csr.Access.PULSE` register.
    """

    def __init__(self, constants: Mapping[str, int], on_pulse: Callable[[str, int], None]) -> None:
        self._values = {register.name: constants.get(register.name, register.reset) for register in csr.REGISTERS}
        self._on_pulse = on_pulse

    def __getitem__(self, name: str) -> int:
        return self._values[name]

    def __setitem__(self, name: str, value: int) -> None:
        self._values[name] = value

    def read(self, name: str) -> int:
        """What the bus reads; pulses read 0."""
        return 0 if csr.BY_NAME[name].access is csr.Access.PULSE else self._values[name]

    def write(self, name: str, value: int) -> None:
        """What a bus write does: only bits that belong to a field are kept."""
        register = csr.BY_NAME[name]
        kept = value & sum(((1 << bits.width) - 1) << bits.low for bits in register.fields)
        if register.access is csr.Access.READ_WRITE:
            self._values[name] = kept
        elif register.access is csr.Access.CLEAR:
            self._values[name] &= ~kept
        elif register.access is csr.Access.PULSE:
            self._on_pulse(name, kept)
