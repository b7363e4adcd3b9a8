"""Valid streams made invalid, or at least wild: one descriptor of them is changed."""

from __future__ import annotations

import random
from dataclasses import replace
from math import prod

from hwacc import isa
from hwacc.config import ArrayConfig
from hwacc.footprint import MEMORY, accesses, loops
from hwacc.parts import part_count
from hwacc.stream import Stream

UNKNOWN_OPCODES = tuple(code for code in range(256) if code not in isa.OP_BY_CODE)
MOST_LOADED = 1 << 16
MOST_MULTIPLIED = 1 << 22
MOST_PARTS = 1 << 12
"""Bytes that a LOAD may move, products of a COMPUTE, and parts of either: the model has no limit of cycles, and 65535 in each loop takes
it years."""


def mutated(config: ArrayConfig, rng: random.Random, stream: Stream) -> tuple[Stream, str]:
    """``stream`` with one descriptor changed in one place, and what was done.

    Where STOREs write stays either inside their buffer or outside of all memory: nothing else on the device is
    protected from them, the descriptor ring included.
    """
    while True:
        index = rng.randrange(len(stream.descriptors))
        before = stream.descriptors[index]
        after = rng.choice((_field, _field, _field, _token, _opcode))(rng, before)
        if after.values != before.values and _harmless(config, stream, index, after):
            changes = [f"{name} {before[name]} to {after[name]}" for name in before.values if before[name] != after[name]]
            descriptors = (*stream.descriptors[:index], after, *stream.descriptors[index + 1 :])
            return replace(stream, descriptors=descriptors), f"descriptor {index} ({before.op.name}): {', '.join(changes)}"


def _field(rng: random.Random, descriptor: isa.Descriptor) -> isa.Descriptor:
    field = rng.choice(descriptor.op.own_fields)
    value = rng.choice(
        (field.low, field.high, 0, rng.randint(field.low, field.high), descriptor[field.name] ^ 1 << rng.randrange(field.bits))
    )
    return descriptor.replace(**{field.name: min(max(value, field.low), field.high)})


def _token(rng: random.Random, descriptor: isa.Descriptor) -> isa.Descriptor:
    name = rng.choice([field.name for field in isa.HEADER if field.name.startswith(("wait_", "signal_"))])
    return descriptor.replace(**{name: 1 - descriptor[name]})


def _opcode(rng: random.Random, descriptor: isa.Descriptor) -> isa.Descriptor:
    code = rng.choice(UNKNOWN_OPCODES)
    return isa.Descriptor(replace(descriptor.op, code=code), {**descriptor.values, "opcode": code})


def _harmless(config: ArrayConfig, stream: Stream, index: int, descriptor: isa.Descriptor) -> bool:
    slot = stream.relocations[index]
    if part_count(descriptor) > MOST_PARTS:
        return False
    if descriptor.op is isa.COMPUTE:
        return descriptor["m"] * descriptor["n"] * descriptor["k"] <= MOST_MULTIPLIED
    if descriptor.op is isa.LOAD:
        return descriptor["run"] * prod(loops(descriptor, "count")) <= MOST_LOADED
    if descriptor.op is not isa.STORE or slot is None or not all(loops(descriptor, "count")):
        return True
    memory = next(access for access in accesses(descriptor, config) if access.space == MEMORY)
    reach = 1 << (config.address_bits - 1)
    return (memory.low >= 0 and memory.high <= stream.slots[slot].size) or (memory.low >= 1 << 20 and memory.high < reach)
