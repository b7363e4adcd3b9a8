"""The descriptor format: the one statement of it.

A *descriptor* is short, 32 bytes, or long, 64 bytes, little-endian. Fields are
packed from bit 0 upwards in the order of the tables below, after a common
header; those of the second half from bit 256 upwards. In a short descriptor the
fields of the second half have their defaults. Everything else (the hardware's
decoder, the encoder, the disassembler, ``docs/isa.md``) is derived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from itertools import takewhile
from operator import le
from typing import NoReturn

from hwacc.errors import EncodingError

VERSION = 5
SHORT_BYTES = 32
"""Bytes of a short descriptor, and of each half of a long one."""
LONG_BYTES = 2 * SHORT_BYTES
HALF_BITS = SHORT_BYTES * 8
ADDRESS_BITS = 40
LOAD_DIMS = 4
STORE_DIMS = 3
MOST_TOKENS = 1 << 15
"""Tokens from one engine to another that a stream may leave untaken at any point of it. The hardware counts to more, because
descriptors that take some may still wait in its queues."""
MOST_PARTS = 1 << 8
"""Parts that a descriptor of a stream may have, see :mod:`hwacc.parts`. The hardware knows no limit; a verifier does."""


class Engine(IntEnum):
    """Who executes a descriptor. ``CONTROL`` is the command processor itself."""

    LOAD = 0
    COMPUTE = 1
    STORE = 2
    CONTROL = 3


class Target(IntEnum):
    """On-chip buffer that a LOAD fills."""

    WEST = 0
    NORTH = 1
    ACCUMULATOR = 2
    PARAMETERS = 3


class Addend(IntEnum):
    """What COMPUTE adds to the product before it goes to the accumulator."""

    NONE = 0
    ACCUMULATE = 1
    BIAS = 2


class Dataflow(IntEnum):
    """How COMPUTE maps the product onto the array."""

    OUTPUT_STATIONARY = 0
    WEIGHT_STATIONARY = 1

    @property
    def words(self) -> str:
        """As users write it: ``output-stationary``."""
        return self.name.lower().replace("_", "-")


class Output(IntEnum):
    """Element type that STORE writes."""

    INT8 = 0
    INT32 = 1


class Status(IntEnum):
    """How a submission ended. Zero is never written, so cleared memory is not a result."""

    OK = 1
    BAD_OPCODE = 2
    BAD_FIELD = 3
    BAD_LOCAL_ADDRESS = 4
    READ_ERROR = 5
    WRITE_ERROR = 6
    DEADLOCK = 7
    TIME_LIMIT = 8


STATUS_MEANING: dict[Status, str] = {
    Status.OK: "finished",
    Status.BAD_OPCODE: "the opcode is unknown",
    Status.BAD_FIELD: "a field is outside what the hardware supports",
    Status.BAD_LOCAL_ADDRESS: "an on-chip address lies outside its buffer",
    Status.READ_ERROR: "the memory answered a read with an error",
    Status.WRITE_ERROR: "the memory answered a write with an error",
    Status.DEADLOCK: "every engine waits for a token that nobody will push",
    Status.TIME_LIMIT: "the submission ran past its limit of cycles",
}


@dataclass(frozen=True)
class Field:
    """One field of a descriptor: name, width in bits, meaning, signedness, and the value where none is given."""

    name: str
    bits: int
    doc: str
    signed: bool = False
    default: int = 0

    @cached_property
    def low(self) -> int:
        """Smallest value that the field can hold."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @cached_property
    def high(self) -> int:
        """Largest value that the field can hold."""
        return (1 << (self.bits - int(self.signed))) - 1

    def holds(self, value: int) -> bool:
        """Whether ``value`` fits."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Op:
    """One opcode: its number, the engine that executes it, and its fields in packing order.

    ``first_fields`` follow the header, ``second_fields`` are those of the second half.
    """

    name: str
    code: int
    engine: Engine
    doc: str
    first_fields: tuple[Field, ...]
    second_fields: tuple[Field, ...] = ()

    def __reduce__(self) -> tuple[Callable[[int], Op], tuple[int]]:
        """There is one of each opcode, also of those that come from another process."""
        return _op_of, (self.code,)

    @property
    def own_fields(self) -> tuple[Field, ...]:
        """All fields but the header's."""
        return self.first_fields + self.second_fields

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """Header and own fields, from bit 0 upwards."""
        return HEADER + self.own_fields

    @cached_property
    def halves(self) -> tuple[tuple[Field, ...], tuple[Field, ...]]:
        """The fields of the first half, header included, and those of the second."""
        return HEADER + self.first_fields, self.second_fields

    def field(self, name: str) -> Field:
        """The field ``name``; raises :class:`EncodingError` if there is none."""
        if name not in self._by_name:
            raise EncodingError(f"{self.name} has no field {name!r}; it has {', '.join(f.name for f in self.fields)}")
        return self._by_name[name]

    def offset(self, name: str) -> int:
        """Lowest bit of field ``name``; raises :class:`EncodingError` if there is none."""
        half = next(number for number, fields in enumerate(self.halves) if self.field(name) in fields)
        before = takewhile(lambda field: field.name != name, self.halves[half])
        return half * HALF_BITS + sum(field.bits for field in before)

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}

    @cached_property
    def defaults(self) -> dict[str, int]:
        """The value of each field where none is given."""
        return {field.name: field.default for field in self.fields} | {"opcode": self.code}

    @cached_property
    def bounds(self) -> tuple[list[int], list[int]]:
        """The smallest values of all fields, and the largest."""
        return [field.low for field in self.fields], [field.high for field in self.fields]

    def needs_long(self, values: Mapping[str, int]) -> bool:
        """Whether a field of the second half is not at its default; one that ``values`` does not name is."""
        defaults = self._second_defaults
        return any([values[name] != defaults[name] for name in defaults.keys() & values.keys()])  # a list: few fields, often asked

    @cached_property
    def _second_defaults(self) -> dict[str, int]:
        return {field.name: field.default for field in self.second_fields}


HEADER: tuple[Field, ...] = (
    Field("opcode", 8, "Which operation this is."),
    Field("wait_load", 1, "Take a token that LOAD pushed to this engine before starting."),
    Field("wait_compute", 1, "Take a token that COMPUTE pushed to this engine before starting."),
    Field("wait_store", 1, "Take a token that STORE pushed to this engine before starting."),
    Field("signal_load", 1, "Push a token to LOAD when done."),
    Field("signal_compute", 1, "Push a token to COMPUTE when done."),
    Field("signal_store", 1, "Push a token to STORE when done."),
    Field("long", 1, "1: a second half follows. 0: its fields have their defaults."),
    Field("reserved", 1, "Zero."),
)
DERIVED = ("opcode", "long", "reserved")
"""Header fields that nobody chooses: they follow from the others."""


def _load_count(dim: int) -> Field:
    return Field(f"count{dim}", 16, f"Iterations of loop {dim} (1 is the innermost); at least 1.", default=1)


def _load_strides(dim: int) -> tuple[Field, ...]:
    return (
        Field(f"stride{dim}", 32, f"Bytes in memory from one iteration of loop {dim} to the next.", signed=True),
        Field(f"local_stride{dim}", 20, f"Bytes in the target from one iteration of loop {dim} to the next.", signed=True),
    )


def _store_count(dim: int) -> Field:
    return Field(f"count{dim}", 16, f"Rows of loop {dim} (1 is the innermost); at least 1.", default=1)


def _store_stride(dim: int) -> Field:
    return Field(f"stride{dim}", 32, f"Bytes in memory from one row of loop {dim} to the next.", signed=True)


LOAD = Op(
    "LOAD",
    0x01,
    Engine.LOAD,
    "Copies runs of bytes from memory into an on-chip buffer. Four nested loops give the start of each run, in memory and in the "
    "target. When `bounded`, byte `i` of a run has the coordinates `x = x0 + i + (strides of loops 1 and 3)` and "
    "`y = y0 + (y steps of loops 2 and 4)`; a byte outside `0 <= x < x_limit`, `0 <= y < y_limit` is not read: `pad` is written "
    "instead. Neither addresses nor lengths need alignment. Signals when the last byte is in the target; with `signal_each`, as if each "
    "iteration of loop 4 were a LOAD of its own, of which the first one waits and every one signals. A run may be cut where a beat of the "
    "bus ends, at a memory address that is a multiple of the bus width: with `align_start` the bytes before the first such address are "
    "not read, and their places in the target not written; with `align_end` the bytes up to the first such address at or after the end "
    "are read as well, and written to the places that follow. All other bytes stay where they are, so that a LOAD with `align_end` and "
    "one with `align_start` of the bytes that follow bring each byte once, from beats that are read once. With `align_between` that holds "
    "for each iteration that signals and the next one: every one but the first has `align_start`, every one but the last `align_end`. "
    "Cuts cannot be aligned where the bounds apply, and a run whose start is aligned must be at least as long as the bus is wide.",
    (
        Field("address", ADDRESS_BITS, "Memory address of byte 0 of the first run, inside the bounds or not."),
        Field("run", 16, "Bytes of a run; at least 1."),
        _load_count(1),
        *_load_strides(1),
        _load_count(4),
        *_load_strides(4),
        Field("local", 20, "Byte address of the first run in the target."),
        Field("target", 2, "0 west operand, 1 north operand, 2 accumulator, 3 parameters."),
        Field("signal_each", 1, "1: the tokens are pushed after every iteration of loop 4. 0: at the end."),
        Field("align_start", 1, "1: each run begins at the first multiple of the bus width at or after its address."),
        Field("align_end", 1, "1: each run goes on to the first multiple of the bus width at or after its end."),
        Field("align_between", 1, "1: iterations of loop 4 that signal are cut at such multiples, too. Without `signal_each` no effect."),
    ),
    (
        _load_count(2),
        _load_count(3),
        *_load_strides(2),
        *_load_strides(3),
        Field("pad", 8, "Byte for what lies outside the bounds.", signed=True),
        Field("bounded", 1, "Whether the bounds apply."),
        Field("x0", 20, "First x, in bytes.", signed=True),
        Field("x_limit", 20, "Bytes of a row inside the bounds."),
        Field("y0", 16, "First y, in rows.", signed=True),
        Field("y_limit", 16, "Rows inside the bounds."),
        Field("y_step2", 8, "Rows from one iteration of loop 2 to the next."),
        Field("y_step4", 8, "Rows from one iteration of loop 4 to the next."),
    ),
)

COMPUTE = Op(
    "COMPUTE",
    0x02,
    Engine.COMPUTE,
    "Multiplies a west panel of m × k by a north panel of k × n, both int8, into m × n of int32 in the accumulator. Row r, column "
    "tile t of the result is accumulator word `acc + r * acc_stride + t`, with `ceil(n / cols)` for an `acc_stride` of 0; a larger one "
    "leaves words between the rows alone, a smaller one is a bad field. What columns beyond n hold is not specified. An operand is held "
    "either with k contiguous (a line for each row of the west or column of the north panel) or across (a line for each step of k); lines "
    "need no alignment. With a `k_step` of s the reduction is done in `ceil(k / s)` parts, as if so many COMPUTEs followed one "
    "another: part i has `k = min(s, k - i * s)`, its panels begin at `west + i * west_step` and `north + i * north_step`, modulo 2²⁰, "
    "and from the second on it adds to what the accumulator holds. Every part takes a token of LOAD if the descriptor waits for LOAD; "
    "other tokens are taken by the first part, and the last one signals. Tokens to LOAD are pushed when the operands have been read, "
    "tokens to STORE when the results are in the accumulator, or come sooner than STORE can read them. The dataflow changes neither "
    "result nor layout, but the cycles, with `w = max(rows, cols, 4)`. Output-stationary: `ceil(m / rows) * ceil(n / cols) * max(k, w)`; "
    "where both operands lie across, a tile takes only `max(k, r, 4)`: r are the rows of the tile before, which may be that of the "
    "descriptor before, and 0 once all its rows have left. Row tiles are walked inside column tiles. Weight-stationary: "
    "`ceil(n / cols) * ceil(k / rows) * max(m, w)`, after `w` for the first weights where no tile longer than `w` comes before; the "
    "accumulator carries the sums, so a result word is written `ceil(k / rows)` times. One descriptor follows the other without a gap, or "
    "after two cycles where it reads accumulator words that the other may just have written.",
    (
        Field("m", 16, "Rows of the result; at least 1."),
        Field("n", 16, "Columns of the result; at least 1."),
        Field("k", 16, "Length of the reduction; at least 1."),
        Field("west", 20, "First byte of the west panel."),
        Field("west_stride", 20, "Bytes from one line of the west panel to the next."),
        Field("north", 20, "First byte of the north panel."),
        Field("north_stride", 20, "Bytes from one line of the north panel to the next."),
        Field("acc", 16, "First accumulator word of the result."),
        Field("bias", 16, "First accumulator word of the bias; word t holds the bias of column tile t."),
        Field("addend", 2, "0 nothing, 1 what the accumulator holds, 2 the bias, one for each column."),
        Field("west_k_contiguous", 1, "1: a line is a row of the panel, k bytes. 0: a line is a step of k, m bytes."),
        Field("north_k_contiguous", 1, "1: a line is a column of the panel, k bytes. 0: a line is a step of k, n bytes."),
        Field(
            "dataflow",
            1,
            "0 output-stationary: k streams; 1 weight-stationary: the rows of the west panel stream. A build may have only one.",
        ),
        Field("k_step", 16, "Steps of k in a part; 0: all at once."),
        Field("west_step", 20, "Bytes from the west panel of one part to that of the next."),
        Field("north_step", 20, "Bytes from the north panel of one part to that of the next."),
        Field("acc_stride", 16, "Accumulator words from one row of the result to the next, at least `ceil(n / cols)`; 0: as many."),
    ),
)

STORE = Op(
    "STORE",
    0x03,
    Engine.STORE,
    "Writes rows of the accumulator to memory, as int32 or requantised to int8 as TOSA RESCALE defines it. Three nested loops give the "
    "address of each row; row r is read from accumulator word `acc + r * acc_stride` on, with `ceil(n / cols)` for an "
    "`acc_stride` of 0; a smaller one reads words more than once. Tokens to COMPUTE are pushed when the accumulator has been read, "
    "tokens to LOAD when the memory has confirmed the last write.",
    (
        Field("address", ADDRESS_BITS, "Memory address of the first row."),
        Field("n", 16, "Elements of a row; at least 1."),
        Field("acc", 16, "First accumulator word."),
        _store_count(1),
        _store_stride(1),
        Field("output", 1, "0 int8, requantised; 1 int32, as it is."),
        Field("per_channel", 1, "1: multiplier and shift of each column from the parameter buffer."),
        Field("double_round", 1, "1: TOSA double rounding."),
        Field("parameters", 16, "First word of the parameter buffer; word t serves column tile t."),
        Field("multiplier", 32, "Multiplier for all columns, unless per channel.", signed=True),
        Field("shift", 6, "Right shift for all columns, unless per channel; 2 to 62."),
        Field("zero_point", 8, "Added after the shift.", signed=True),
        Field("clamp_min", 8, "Smallest output.", signed=True),
        Field("clamp_max", 8, "Largest output.", signed=True),
        Field("acc_stride", 16, "Accumulator words from one row to the next; 0: `ceil(n / cols)`."),
    ),
    (
        _store_count(2),
        _store_count(3),
        _store_stride(2),
        _store_stride(3),
    ),
)

END = Op(
    "END",
    0x0F,
    Engine.CONTROL,
    "Ends a submission: waits until all engines are idle, writes the completion record and raises the interrupt.",
    (
        Field("address", ADDRESS_BITS, "Memory address of the completion record; a multiple of 64."),
        Field("tag", 32, "Copied into the completion record."),
    ),
)

OPS: tuple[Op, ...] = (LOAD, COMPUTE, STORE, END)
OP_BY_CODE: dict[int, Op] = {op.code: op for op in OPS}
OP_BY_NAME: dict[str, Op] = {op.name: op for op in OPS}

ACCOUNT_RULE = (
    "Each cycle of a submission is charged to exactly one cause, so the causes sum to its cycles. The question is why the array is not "
    "fed: of the causes below the first one that applies is charged; from a fault on it is `completion`. *The array waits for LOAD* "
    "when the next COMPUTE lacks a token of LOAD, whatever else it lacks; when no COMPUTE is there and the queue of LOAD is full, so "
    "that none can come; and when END is next, COMPUTE has finished and LOAD has not. Each counts modulo 2³²."
)
"""How to read :data:`CAUSES`."""

CAUSES: tuple[Field, ...] = (
    Field("array_busy", 32, "A tile is being fed to the array."),
    Field(
        "fill_drain",
        32,
        "COMPUTE takes or executes a descriptor but feeds nothing: preparation, the first weights, a change of dataflow. Or no COMPUTE is "
        "left, END is next, and the last results are on their way to the accumulator.",
    ),
    Field("load_bandwidth", 32, "The array waits for LOAD, and a beat of LOAD's data comes."),
    Field("load_latency", 32, "The array waits for LOAD, and no beat of its data comes."),
    Field("store_wait", 32, "The array waits for STORE: COMPUTE for a token of it, or the next descriptor for room in its queue."),
    Field("descriptor_wait", 32, "No COMPUTE is there, and the next descriptor is being fetched or dispatched."),
    Field("writeback", 32, "END is next, and only STORE is still at work."),
    Field("completion", 32, "The submission ends: every engine turns quiet, a fault is recovered from, the completion record is written."),
)
"""The cycle account, each cause a counter."""

COMPLETION_BYTES = 64
COMPLETION: tuple[Field, ...] = (
    Field("tag", 32, "The tag of END."),
    Field("status", 8, "How the submission ended, see Status."),
    Field("engine", 8, "Engine that reported the fault."),
    Field("cycles", 48, "Cycles from the doorbell, or the previous completion, to this record; its own writing is in `CYCLES_LO`."),
    Field("descriptor", 32, "Index in the submission of the descriptor at fault."),
    *CAUSES,
    Field("bytes_read", 64, "Bytes of the read beats that LOAD took from the bus."),
    Field("bytes_written", 64, "Bytes that STORE wrote."),
)


@dataclass(frozen=True)
class Descriptor:
    """A decoded descriptor: an :class:`Op` and a value for each of its fields."""

    op: Op
    values: Mapping[str, int]

    def __getitem__(self, name: str) -> int:
        return self.values[name]

    @property
    def size(self) -> int:
        """Bytes of :meth:`encode`."""
        return LONG_BYTES if self.values["long"] else SHORT_BYTES

    def encode(self) -> bytes:
        """The bytes of this descriptor: short if that can be."""
        halves = self.op.halves[: self.size // SHORT_BYTES]
        return b"".join(pack(fields, self.values, self.op.name, SHORT_BYTES) for fields in halves)

    def replace(self, **values: int) -> Descriptor:
        """A copy with other values; raises :class:`EncodingError` where they do not fit."""
        return describe(self.op, **{**{k: v for k, v in self.values.items() if k not in DERIVED}, **values})


def _op_of(code: int) -> Op:
    return OP_BY_CODE[code]


def describe(op: Op, **values: int) -> Descriptor:
    """A descriptor of ``op``; fields not named have their defaults: 0, loop counts 1.

    Raises :class:`EncodingError` for an unknown field or a value that does not fit.
    """
    full = {**op.defaults, **values}
    numbers = [*map(int, full.values())]
    lows, highs = op.bounds
    if len(numbers) != len(lows) or not (all(map(le, lows, numbers)) and all(map(le, numbers, highs))):
        _refuse(*next((op.field(name), int(value)) for name, value in values.items() if not op.field(name).holds(int(value))), op.name)
    full = dict(zip(full, numbers))
    full["long"] = int(op.needs_long(full))
    return Descriptor(op, full)


def size_of(data: bytes) -> int:
    """Bytes of the descriptor that begins with ``data``, at least its first two bytes, whatever its opcode."""
    return LONG_BYTES if unpack(HEADER, data[:2])["long"] else SHORT_BYTES


def decode(data: bytes) -> Descriptor:
    """Inverse of :meth:`Descriptor.encode`; also takes a long descriptor that could be short.

    Raises :class:`EncodingError` for an unknown opcode or another number of bytes than its form has.
    """
    if len(data) != size_of(data):
        raise EncodingError(f"a {'long' if size_of(data) == LONG_BYTES else 'short'} descriptor has {size_of(data)} bytes, not {len(data)}")
    op = OP_BY_CODE.get(data[0])
    if op is None:
        known = ", ".join(f"{op.name} {op.code:#04x}" for op in OPS)
        raise EncodingError(f"unknown opcode {data[0]:#04x}; known: {known}")
    values = dict(op.defaults)
    for start, fields in zip(range(0, len(data), SHORT_BYTES), op.halves):
        values |= unpack(fields, data[start : start + SHORT_BYTES])
    return Descriptor(op, {**values, "long": int(op.needs_long(values))})


def pack(fields: tuple[Field, ...], values: Mapping[str, int], where: str, size: int) -> bytes:
    """Packs ``values`` from bit 0 upwards into ``size`` bytes, little-endian."""
    bits = position = 0
    for field in fields:
        value = values[field.name]
        if value:  # most are zero, and zero fits any field
            if not field.low <= value <= field.high:
                _refuse(field, value, where)
            bits |= (value & ((1 << field.bits) - 1)) << position
        position += field.bits
    return bits.to_bytes(size, "little")


def unpack(fields: tuple[Field, ...], data: bytes) -> dict[str, int]:
    """Inverse of :func:`pack`."""
    bits = int.from_bytes(data, "little")
    values = {}
    for field in fields:
        value = bits & ((1 << field.bits) - 1)
        values[field.name] = value - (1 << field.bits) if value > field.high else value
        bits >>= field.bits
    return values


def _refuse(field: Field, value: int, where: str) -> NoReturn:
    kind = "signed" if field.signed else "unsigned"
    raise EncodingError(f"{where}.{field.name} must fit in {field.bits} {kind} bits, not {value}")


def _default_second_half() -> bytes:
    """The second half that a short descriptor stands for, the same for every opcode: the hardware fills it in without looking."""
    defaults = {
        pack(op.second_fields, {f.name: f.default for f in op.second_fields}, op.name, SHORT_BYTES) for op in OPS if op.second_fields
    }
    (only,) = defaults
    return only


for _op in OPS:
    assert all(sum(field.bits for field in half) <= HALF_BITS for half in _op.halves), _op.name
assert sum(field.bits for field in COMPLETION) <= COMPLETION_BYTES * 8
DEFAULT_SECOND_HALF = _default_second_half()
