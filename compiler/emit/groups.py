"""Independent products of one size as one stream: the plan of the first, again for each other with its addresses moved on.

A group begins once the last result of the one before is in memory: the link is the token with which :mod:`hwacc.chain` links whole
streams, so nobody is at work on chip when the next group's operands come.
"""

from __future__ import annotations

from collections.abc import Sequence

from hwacc import isa
from hwacc.compiler.emit import cost
from hwacc.compiler.emit.spec import ContractionSpec
from hwacc.config import ArrayConfig
from hwacc.isa import Engine

Operations = Sequence[tuple[isa.Descriptor, int | None]]
"""Descriptors in order, each with the slot that its address refers to, or None."""


def for_all_groups(operations: Operations, spec: ContractionSpec, config: ArrayConfig) -> tuple[tuple[isa.Descriptor, int | None], ...]:
    """The ``operations`` of the first group of ``spec``, and those of all others."""
    if spec.groups == 1:
        return tuple(operations)
    steps = spec.group_steps(config)
    by_slot = [steps[slot.name] for slot in spec.slots(config)]
    first_load = next(index for index, (descriptor, _) in enumerate(operations) if descriptor.op is isa.LOAD)
    last_store = max(index for index, (descriptor, _) in enumerate(operations) if descriptor.op is isa.STORE)
    found = []
    for group in range(spec.groups):
        for index, (descriptor, slot) in enumerate(operations):
            changes = {} if slot is None else {"address": (descriptor["address"] + group * by_slot[slot]) % (1 << isa.ADDRESS_BITS)}
            if index == first_load and group:
                changes["wait_store"] = 1
            if index == last_store and group < spec.groups - 1:
                changes["signal_load"] = 1
            found.append((descriptor.replace(**changes), slot))
    return tuple(found)


def cycles_of_all(cycles: int, spec: ContractionSpec, config: ArrayConfig) -> int:
    """What all groups should take, where one alone takes ``cycles``."""
    alike = cycles - cost.START - cost.END + cost.settle_cycles(Engine.STORE, Engine.LOAD, config)
    return cycles + (spec.groups - 1) * alike
