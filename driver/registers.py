"""Register handles: the register map's names with ``read`` and ``write``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hwacc import csr
from hwacc.driver.transport import Transport
from hwacc.errors import DeviceError

_WRITABLE = (csr.Access.READ_WRITE, csr.Access.PULSE, csr.Access.CLEAR)


@dataclass(frozen=True)
class RegisterHandle:
    """One register of one device."""

    transport: Transport
    register: csr.Register

    def read(self) -> int:
        """The whole register, 32 bits."""
        return self.transport.csr_read(self.register.name)

    def field(self, name: str) -> int:
        """Reads the register and takes out one field."""
        return self._bits(name).get(self.read())

    def write(self, value: int) -> None:
        """Writes the whole register; raises :class:`DeviceError` if it cannot be written or the value does not fit."""
        if self.register.access not in _WRITABLE:
            raise DeviceError(f"register {self.register.name} is {self.register.access.value}; it cannot be written")
        if not 0 <= value < 1 << 32:
            raise DeviceError(f"register {self.register.name} must fit in 32 unsigned bits, not {value}")
        self.transport.csr_write(self.register.name, value)

    def write_field(self, name: str, value: int) -> None:
        """Writes one field and 0 to the others, as pulses and write-1-to-clear bits want it."""
        bits = self._bits(name)
        if not 0 <= value < 1 << bits.width:
            raise DeviceError(f"{self.register.name}.{name} must fit in {bits.width} unsigned bits, not {value}")
        self.write(value << bits.low)

    def _bits(self, name: str) -> csr.Bits:
        try:
            return self.register.field(name)
        except KeyError:
            known = ", ".join(bits.name for bits in self.register.fields)
            raise DeviceError(f"register {self.register.name} has no field {name!r}; it has {known}") from None


class Registers(Mapping[str, RegisterHandle]):
    """All registers of a device by name, as :data:`hwacc.csr.REGISTERS` lists them."""

    def __init__(self, transport: Transport) -> None:
        self._handles = {register.name: RegisterHandle(transport, register) for register in csr.REGISTERS}

    def __getitem__(self, name: str) -> RegisterHandle:
        try:
            return self._handles[name]
        except KeyError:
            raise DeviceError(f"no register {name!r}; there are {', '.join(self._handles)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._handles)

    def __len__(self) -> int:
        return len(self._handles)
