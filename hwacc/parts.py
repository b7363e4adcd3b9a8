"""Descriptors that work part by part, and the plain descriptors that they stand for.

A LOAD with ``signal_each`` pushes its tokens after every iteration of loop 4; a COMPUTE with a ``k_step`` reduces so many
steps of k at a time and takes a token of LOAD for each. What they mean is what :func:`parts` gives, executed in this order.
With ``align_between`` the LOADs of two neighbouring parts meet at the end of a beat.
"""

from __future__ import annotations

from collections.abc import Iterator

from hwacc import isa

LOCAL_BITS = next(field.bits for field in isa.COMPUTE.own_fields if field.name == "west")
"""Places in an operand buffer are reckoned modulo two to this power."""
_FIRST_ONLY = {
    isa.LOAD: ("wait_load", "wait_compute", "wait_store"),
    isa.COMPUTE: ("wait_compute", "wait_store"),
}
_OF_PARTS = {isa.LOAD: ("signal_each", "align_between"), isa.COMPUTE: ("k_step",)}
"""Fields that say something about parts, and are 0 in a plain descriptor."""
_LAST_ONLY = {isa.LOAD: (), isa.COMPUTE: ("signal_load", "signal_compute", "signal_store")}


def part_count(descriptor: isa.Descriptor) -> int:
    """How many plain descriptors ``descriptor`` stands for; 1 where it is plain, or does nothing for want of a length."""
    if descriptor.op is isa.LOAD and descriptor["signal_each"]:
        return max(1, descriptor["count4"])
    if descriptor.op is isa.COMPUTE and descriptor["k_step"]:
        return max(1, -(-descriptor["k"] // descriptor["k_step"]))
    return 1


def parts(descriptor: isa.Descriptor) -> Iterator[isa.Descriptor]:
    """The plain descriptors that ``descriptor`` stands for, in order.

    Those of a LOAD are not checked: where they leave a buffer, or the largest count of rows, their values may not fit the fields.
    """
    count = part_count(descriptor)
    if count == 1:
        yield _plain(descriptor)
        return
    for i in range(count):
        moved = _load_part(descriptor, i) if descriptor.op is isa.LOAD else _compute_part(descriptor, i)
        silent = (_FIRST_ONLY[descriptor.op] if i else ()) + (_LAST_ONLY[descriptor.op] if i < count - 1 else ())
        yield _changed(descriptor, **moved, **dict.fromkeys(silent, 0))


def _load_part(d: isa.Descriptor, i: int) -> dict[str, int]:
    """What differs in iteration ``i`` of loop 4."""
    last = d["count4"] - 1
    return {
        "address": (d["address"] + i * d["stride4"]) % (1 << isa.ADDRESS_BITS),
        "local": d["local"] + i * d["local_stride4"],
        "y0": d["y0"] + i * d["y_step4"],
        "count4": 1,
        "signal_each": 0,
        "align_start": d["align_between"] if i else d["align_start"],
        "align_end": d["align_between"] if i < last else d["align_end"],
        "align_between": 0,
    }


def _compute_part(d: isa.Descriptor, i: int) -> dict[str, int]:
    """What differs in step ``i`` of the reduction."""
    return {
        "k": min(d["k_step"], d["k"] - i * d["k_step"]),
        "west": (d["west"] + i * d["west_step"]) % (1 << LOCAL_BITS),
        "north": (d["north"] + i * d["north_step"]) % (1 << LOCAL_BITS),
        "addend": isa.Addend.ACCUMULATE if i else d["addend"],
        "k_step": 0,
    }


def _plain(descriptor: isa.Descriptor) -> isa.Descriptor:
    return _changed(descriptor, **dict.fromkeys(_OF_PARTS.get(descriptor.op, ()), 0))


def _changed(descriptor: isa.Descriptor, **values: int) -> isa.Descriptor:
    """``descriptor`` with other ``values``, unchecked."""
    return isa.Descriptor(descriptor.op, {**descriptor.values, **values})
