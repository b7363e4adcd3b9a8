"""Says whether a stream may be launched: nothing the hardware refuses, no byte outside its buffer, no race.

:func:`verify` looks at each descriptor by itself; what tokens order is in :mod:`hwacc.ordering`.
What is accepted ends with status OK on every device that has the memory, and with the same result, unless it
depends on on-chip bytes that nothing wrote, on columns beyond n of a COMPUTE's result, or on per-channel shifts outside 2 to 62:
these are not looked for.
"""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.errors import StreamError
from hwacc.footprint import MEMORY, Access, accesses, apart, column_tiles, comb, extent, loops, result_words
from hwacc.ordering import SPACE_NAMES, Part, check_order, refusal
from hwacc.parts import part_count, parts
from hwacc.stream import Stream

LOWEST_SHIFT, HIGHEST_SHIFT = 2, 62
"""Of TOSA's ``apply_scale_32``."""
_AT_LEAST_1 = {isa.LOAD: ("run", "count"), isa.COMPUTE: ("m", "n", "k"), isa.STORE: ("n", "count")}


def verify(stream: Stream, config: ArrayConfig) -> None:
    """Raises :class:`StreamError` with a sentence that names the first descriptor at fault, if there is one."""
    found = [part for index in range(len(stream.descriptors)) for part in _parts(stream, index, config)]
    _check_reductions(stream, config)
    check_order(stream, found, config)


def refuse(stream: Stream, index: int, why: str) -> NoReturn:
    """Raises :class:`StreamError` about descriptor ``index``."""
    raise StreamError(refusal(stream, index, why))


def _parts(stream: Stream, index: int, config: ArrayConfig) -> list[Part]:
    """The parts of descriptor ``index``, once its fields and its addresses are found to be right."""
    descriptor = stream.descriptors[index]
    problem = _field_problem(descriptor, config)
    if problem is not None:
        refuse(stream, index, problem)
    return [Part(index, part, _accesses(stream, index, part, config)) for part in parts(descriptor)]


def _accesses(stream: Stream, index: int, part: isa.Descriptor, config: ArrayConfig) -> list[Access]:
    """What a part of descriptor ``index`` touches, all of it inside its buffers."""
    found = accesses(part, config)
    for access in found:
        problem = _memory_problem(stream, index, access) if access.space == MEMORY else _local_problem(access, config)
        if problem is not None:
            refuse(stream, index, problem)
    if part.op is isa.COMPUTE and any(_meet(part, found[-1], access, config) for access in found[:-1]):
        refuse(stream, index, "its bias lies in its result, which overwrites it")
    return found


def _meet(part: isa.Descriptor, one: Access, other: Access, config: ArrayConfig) -> bool:
    """Whether a ``part`` writes bytes in one place that it touches in another."""
    return one.meets(other) and not apart(comb(part, one, config), comb(part, other, config))


def _field_problem(d: isa.Descriptor, config: ArrayConfig) -> str | None:
    """What the hardware would refuse, in words."""
    if isa.OP_BY_CODE.get(d["opcode"]) is not d.op:
        return f"opcode {d['opcode']:#04x} is not that of {', '.join(op.name for op in isa.OPS)}"
    if d.op is isa.END:
        return "END is added by the driver; leave it out"
    for name, value in d.values.items():
        if value < 1 and name.rstrip("1234") in _AT_LEAST_1[d.op]:
            return f"{name} must be at least 1, not {value}"
    if part_count(d) > isa.MOST_PARTS:
        return f"it has {part_count(d)} parts; {isa.MOST_PARTS} are the most"
    own = d.op.engine.name.lower()
    if d[f"wait_{own}"] or d[f"signal_{own}"]:
        return f"{d.op.engine.name} cannot exchange tokens with itself; its descriptors are executed in order"
    if d.op is isa.COMPUTE:
        return _compute_problem(d, config)
    return _load_problem(d, config) if d.op is isa.LOAD else _store_problem(d)


def _load_problem(d: isa.Descriptor, config: ArrayConfig) -> str | None:
    if any(part["align_start"] for part in parts(d)) and d["run"] < config.bus_bytes:
        return f"run must be at least {config.bus_bytes}, a beat of the bus, where its start is aligned, not {d['run']}"
    if d["bounded"] and any(part["align_start"] or part["align_end"] for part in parts(d)):
        return "its cuts cannot be aligned, for its bounds apply"
    counts, strides = loops(d, "count"), loops(d, "stride")
    low, high = extent(counts[::2], strides[::2])
    if d["bounded"] and (d["x0"] + low < -(1 << 31) or d["x0"] + high + d["run"] >= 1 << 31):
        return "its x coordinates leave 32 bits"
    return None


def _compute_problem(d: isa.Descriptor, config: ArrayConfig) -> str | None:
    if d["addend"] not in list(isa.Addend):
        return f"addend must be from 0 to {max(isa.Addend)}, not {d['addend']}"
    if d["dataflow"] not in config.available_dataflows:
        return f"its dataflow is {isa.Dataflow(d['dataflow']).words}, and this array was built for {config.dataflows} only"
    tiles = column_tiles(d["n"], config)
    if 0 < d["acc_stride"] < tiles:
        return f"acc_stride must be 0 or at least {tiles}, the words of a row, not {d['acc_stride']}"
    return None


def _store_problem(d: isa.Descriptor) -> str | None:
    scales = d["output"] == isa.Output.INT8 and not d["per_channel"]
    if scales and not LOWEST_SHIFT <= d["shift"] <= HIGHEST_SHIFT:
        return f"shift must be from {LOWEST_SHIFT} to {HIGHEST_SHIFT}, not {d['shift']}"
    return None


def _local_problem(access: Access, config: ArrayConfig) -> str | None:
    size = _sizes(config)[access.space]
    if access.low < 0 or access.high > size:
        return f"it {_verb(access)} bytes {access.low} to {access.high - 1} of {SPACE_NAMES[isa.Target(access.space)]}, which has {size}"
    return None


def _memory_problem(stream: Stream, index: int, access: Access) -> str | None:
    number = stream.relocations[index]
    if number is None:
        return "its address belongs to no buffer of the stream"
    slot = stream.slots[number]
    if access.low < 0 or access.high > slot.size:
        return f"it {_verb(access)} bytes {access.low} to {access.high - 1} of buffer {slot.name!r}, which has {slot.size}"
    return None


def _verb(access: Access) -> str:
    return "writes" if access.writes else "reads"


def _sizes(config: ArrayConfig) -> dict[int, int]:
    return {
        isa.Target.WEST: config.operand_bytes,
        isa.Target.NORTH: config.operand_bytes,
        isa.Target.ACCUMULATOR: config.acc_bytes,
        isa.Target.PARAMETERS: config.parameter_buffer_bytes,
    }


def _check_reductions(stream: Stream, config: ArrayConfig) -> None:
    """Refuses sums of more products than int32 is sure to hold: ``config.max_k`` of them, over all COMPUTEs that add to a word."""
    length = np.zeros(config.acc_words, np.int64)
    for index, d in enumerate(stream.descriptors):
        if d.op is isa.COMPUTE:
            words = result_words(d, config)
            length[words] = length[words] + d["k"] if d["addend"] == isa.Addend.ACCUMULATE else d["k"]
            most = length[words].max()
            if most > config.max_k:
                refuse(stream, index, f"it adds up to {most} products, {config.max_k} of which fit in 32 bits")
        elif d.op is isa.LOAD and d["target"] == isa.Target.ACCUMULATOR:
            for access in accesses(d, config):
                if access.writes:
                    length[access.low // config.acc_word_bytes : -(-access.high // config.acc_word_bytes)] = 0
