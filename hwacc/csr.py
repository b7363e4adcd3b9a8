"""The register map: the one statement of it.

All registers are 32 bits wide, at offsets that are multiples of 4, on an
AXI4-Lite port. The hardware, the driver and ``docs/csr.md`` are derived from
:data:`REGISTERS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hwacc import isa
from hwacc.config import DATAFLOWS, ArrayConfig

MAGIC = 0x43434148
"""``HACC`` in ASCII, little-endian: says that a device is there."""

ADDRESS_BITS = 8


class Access(str, Enum):
    """What a bus access does to a register."""

    CONSTANT = "constant"
    """Reads a parameter of the build."""
    READ = "read"
    """Reads what the hardware has; writes do nothing."""
    READ_WRITE = "read-write"
    """Reads what was written last."""
    PULSE = "pulse"
    """A written 1 acts once; reads 0."""
    CLEAR = "write-1-to-clear"
    """The hardware sets bits; a written 1 clears."""


@dataclass(frozen=True)
class Bits:
    """A field of a register: lowest bit, width, meaning."""

    name: str
    low: int
    width: int
    doc: str

    def get(self, register: int) -> int:
        """The field's value in the register's value."""
        return (register >> self.low) & ((1 << self.width) - 1)


@dataclass(frozen=True)
class Register:
    """One register: its name, byte offset, access, fields and reset value."""

    name: str
    offset: int
    access: Access
    doc: str
    fields: tuple[Bits, ...]
    reset: int = 0

    def field(self, name: str) -> Bits:
        """The field called ``name``; raises KeyError."""
        for bits in self.fields:
            if bits.name == name:
                return bits
        raise KeyError(f"{self.name} has no field {name!r}")


def _whole(doc: str) -> tuple[Bits, ...]:
    return (Bits("value", 0, 32, doc),)


def _table() -> tuple[Register, ...]:
    rows: list[tuple[str, Access, str, tuple[Bits, ...]]] = [
        ("ID", Access.CONSTANT, "Says that this is HWACC.", _whole(f"{MAGIC:#010x}")),
        ("ISA_VERSION", Access.CONSTANT, "Version of the descriptor format.", _whole("A stream of another version is refused.")),
        ("CONFIG_HASH", Access.CONSTANT, "Identity of the configuration.", _whole("`ArrayConfig.hash`.")),
        ("ARRAY", Access.CONSTANT, "Size of the array.", (Bits("rows", 0, 16, "Rows."), Bits("cols", 16, 16, "Columns."))),
        (
            "BUS",
            Access.CONSTANT,
            "The memory bus.",
            (Bits("bus_bytes", 0, 16, "Bytes of a beat."), Bits("address_bits", 16, 8, "Address width.")),
        ),
        ("SPM_BYTES", Access.CONSTANT, "Scratchpad size.", _whole("Bytes, both operand buffers together.")),
        ("ACC_BYTES", Access.CONSTANT, "Accumulator size.", _whole("Bytes.")),
        ("CHANNELS", Access.CONSTANT, "Parameter buffer size.", _whole("Channels.")),
        (
            "DATAFLOWS",
            Access.CONSTANT,
            "What a COMPUTE's `dataflow` may be.",
            tuple(Bits(flow.name.lower(), flow, 1, f"Whether it may be {flow.words}.") for flow in isa.Dataflow),
        ),
        (
            "CONTROL",
            Access.PULSE,
            "Commands.",
            (Bits("reset", 0, 1, "Drops the running submission and whatever the ring still holds: the head becomes the tail."),),
        ),
        ("STATUS", Access.READ, "State.", (Bits("busy", 0, 1, "A submission is being executed, or a reset is not over."),)),
        ("IRQ_ENABLE", Access.READ_WRITE, "Which events raise the interrupt.", (Bits("completion", 0, 1, "A submission ended."),)),
        ("IRQ_STATUS", Access.CLEAR, "Which events happened.", (Bits("completion", 0, 1, "A submission ended."),)),
        ("RING_BASE_LO", Access.READ_WRITE, "Descriptor ring, low address half.", _whole("A multiple of 64.")),
        ("RING_BASE_HI", Access.READ_WRITE, "Descriptor ring, high address half.", _whole("Bits 32 and up.")),
        ("RING_LOG2", Access.READ_WRITE, "Descriptor ring, size.", (Bits("value", 0, 5, "log2 of its entries; from 1 to 15."),)),
        ("RING_HEAD", Access.READ, "Entries taken.", (Bits("value", 0, 16, "Counts modulo 65536; a long descriptor's entries at once."),)),
        (
            "RING_TAIL",
            Access.READ_WRITE,
            "The doorbell: entries written.",
            (Bits("value", 0, 16, "Counts modulo 65536; the device runs while the head differs from it."),),
        ),
        ("TIME_LIMIT", Access.READ_WRITE, "Most cycles of a submission.", _whole("0: no limit.")),
        ("LAST_STATUS", Access.READ, "Status of the last submission.", (Bits("status", 0, 8, "See Status."),)),
        ("SUBMISSIONS", Access.READ, "Submissions ended since reset.", _whole("Modulo 2³².")),
        ("CYCLES_LO", Access.READ, "Cycles of the running or last submission, its record included.", _whole("Low half.")),
        ("CYCLES_HI", Access.READ, "Cycles of the running or last submission, its record included.", _whole("High half.")),
    ]
    return tuple(Register(name, 4 * i, access, doc, fields) for i, (name, access, doc, fields) in enumerate(rows))


REGISTERS: tuple[Register, ...] = _table()
BY_NAME: dict[str, Register] = {register.name: register for register in REGISTERS}


def constants(config: ArrayConfig) -> dict[str, int]:
    """The value of every :attr:`Access.CONSTANT` register of a device built with ``config``."""
    return {
        "ID": MAGIC,
        "ISA_VERSION": isa.VERSION,
        "CONFIG_HASH": config.hash,
        "ARRAY": config.rows | config.cols << 16,
        "BUS": config.bus_bytes | config.address_bits << 16,
        "SPM_BYTES": config.spm_bytes,
        "ACC_BYTES": config.acc_bytes,
        "CHANNELS": config.channels,
        "DATAFLOWS": _dataflow_bits(config.dataflows),
    }


def config_from_constants(read: dict[str, int]) -> ArrayConfig:
    """The configuration that a device publishes, from the registers that :func:`constants` lists."""
    return ArrayConfig(
        rows=BY_NAME["ARRAY"].field("rows").get(read["ARRAY"]),
        cols=BY_NAME["ARRAY"].field("cols").get(read["ARRAY"]),
        bus_bytes=BY_NAME["BUS"].field("bus_bytes").get(read["BUS"]),
        address_bits=BY_NAME["BUS"].field("address_bits").get(read["BUS"]),
        spm_bytes=read["SPM_BYTES"],
        acc_bytes=read["ACC_BYTES"],
        channels=read["CHANNELS"],
        dataflows=next((name for name in DATAFLOWS if _dataflow_bits(name) == read["DATAFLOWS"]), "unknown"),
    )


def _dataflow_bits(name: str) -> int:
    return sum(1 << flow for flow in DATAFLOWS[name])
