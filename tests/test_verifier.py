"""The verifier: what it lets pass runs, what it refuses it names."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hwacc import isa
from hwacc.config import TINY, ArrayConfig
from hwacc.driver.device import Device
from hwacc.driver.transports.functional import FunctionalModel
from hwacc.errors import StreamError
from hwacc.footprint import MEMORY, Access, accesses
from hwacc.rtl.command import QUEUE_DEPTH
from hwacc.rtl.dispatch import TOKEN_BITS
from hwacc.stream import Slot, Stream
from hwacc.verifier import verify
from tests.fuzz.mutate import mutated
from tests.fuzz.steps import build, slots
from tests.fuzz.streams import random_steps
from tests.test_parts import streamed
from tests.test_tiny import A, B, product_stream

SLOT_BYTES = 1 << 16
WEST_LOAD, NORTH_LOAD, COMPUTE, STORE = range(4)


def model_status(stream: Stream, config: ArrayConfig) -> isa.Status:
    """How the stream ends on the model, with its buffers side by side."""
    bases = [index * SLOT_BYTES for index in range(len(stream.slots))]
    memory = np.zeros(len(bases) * SLOT_BYTES, np.uint8)
    return FunctionalModel(config).execute(memory, stream.relocated(bases)).status


def changed(index: int, **values: int) -> Stream:
    """The stream of :mod:`tests.test_tiny` with other values in one descriptor."""
    stream = product_stream()
    descriptors = list(stream.descriptors)
    descriptors[index] = descriptors[index].replace(**values)
    return replace(stream, descriptors=tuple(descriptors))


def refusal(stream: Stream) -> str:
    with pytest.raises(StreamError) as caught:
        verify(stream, TINY)
    return str(caught.value)


def test_the_first_example_is_accepted() -> None:
    verify(product_stream(), TINY)


def memory_of(descriptor: isa.Descriptor) -> list[Access]:
    return [access for access in accesses(descriptor, TINY) if access.space == MEMORY]


@pytest.mark.parametrize("number", range(3))
def test_buffers_that_just_hold_the_first_example_are_enough_and_a_byte_less_is_not(number: int) -> None:
    stream = product_stream()
    reached = max(access.high for d, slot in zip(stream.descriptors, stream.relocations) if slot == number for access in memory_of(d))
    for size in (reached, reached - 1):
        slots = tuple(replace(slot, size=size) if i == number else slot for i, slot in enumerate(stream.slots))
        tried = replace(stream, slots=slots)
        if size == reached:
            verify(tried, TINY)
        else:
            assert refusal(tried).endswith(f"s bytes 0 to {reached - 1} of buffer {slots[number].name!r}, which has {size}")


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_random_valid_streams_are_accepted_and_run(first: int) -> None:
    assert max(slot.size for slot in slots(TINY)) <= SLOT_BYTES
    for seed in range(first, first + 50):
        rng = random.Random(seed)
        stream = build(TINY, random_steps(TINY, rng, rng.randint(5, 40)))
        verify(stream, TINY)
        assert model_status(stream, TINY) is isa.Status.OK, f"seed {seed}"


@pytest.mark.parametrize("first", range(0, 1000, 250))
def test_what_is_accepted_never_faults(first: int) -> None:
    accepted = 0
    for seed in range(first, first + 250):
        rng = random.Random(seed)
        stream, change = mutated(TINY, rng, build(TINY, random_steps(TINY, rng, rng.randint(3, 12))))
        try:
            verify(stream, TINY)
        except StreamError:
            continue
        accepted += 1
        assert model_status(stream, TINY) is isa.Status.OK, f"seed {seed}: {change}"
    assert 50 < accepted < 220, "both verdicts must occur"


FIELDS: dict[str, tuple[int, dict[str, int], str]] = {
    "an empty run": (WEST_LOAD, {"run": 0}, "run must be at least 1, not 0"),
    "a loop of nothing": (NORTH_LOAD, {"count3": 0}, "count3 must be at least 1, not 0"),
    "a reduction of nothing": (COMPUTE, {"k": 0}, "k must be at least 1, not 0"),
    "rows of nothing": (STORE, {"n": 0}, "n must be at least 1, not 0"),
    "rows that overlap": (COMPUTE, {"n": 9, "acc_stride": 2}, "acc_stride must be 0 or at least 3, the words of a row, not 2"),
    "an unknown addend": (COMPUTE, {"addend": 3}, "addend must be from 0 to 2, not 3"),
    "a shift too small": (STORE, {"output": 0, "shift": 1}, "shift must be from 2 to 62, not 1"),
    "a shift too large": (STORE, {"output": 0, "shift": 63}, "shift must be from 2 to 62, not 63"),
    "a token to itself": (
        WEST_LOAD,
        {"signal_load": 1},
        "LOAD cannot exchange tokens with itself; its descriptors are executed in order",
    ),
    "coordinates out of reach": (
        WEST_LOAD,
        {"bounded": 1, "count3": 4, "stride3": 2**30, "x_limit": 9, "y_limit": 9},
        "its x coordinates leave 32 bits",
    ),
    "an aligned run of which nothing may remain": (
        WEST_LOAD,
        {"run": 15, "align_start": 1},
        "run must be at least 16, a beat of the bus, where its start is aligned, not 15",
    ),
    "a slice of which nothing may remain": (
        NORTH_LOAD,
        {"run": 4, "count4": 2, "signal_each": 1, "align_between": 1},
        "run must be at least 16, a beat of the bus, where its start is aligned, not 4",
    ),
    "an aligned run inside bounds": (
        WEST_LOAD,
        {"align_end": 1, "bounded": 1, "x_limit": 9, "y_limit": 9},
        "its cuts cannot be aligned, for its bounds apply",
    ),
    "an aligned end behind its target": (
        WEST_LOAD,
        {"local": 8192 - 52, "align_end": 1},
        "it writes bytes 8140 to 8206 of the west operand buffer, which has 8192",
    ),
    "an aligned end behind its buffer": (
        NORTH_LOAD,
        {"align_end": 1},
        "it reads bytes 0 to 30 of buffer 'b', which has 16",
    ),
    "a bias under its result": (COMPUTE, {"addend": 2, "acc": 5, "bias": 8}, "its bias lies in its result, which overwrites it"),
    "a target too small": (
        WEST_LOAD,
        {"local": 8190},
        "it writes bytes 8190 to 8241 of the west operand buffer, which has 8192",
    ),
    "a target below its start": (
        NORTH_LOAD,
        {"local_stride1": -16, "local": 40},
        "it writes bytes -8 to 43 of the north operand buffer, which has 8192",
    ),
    "parameters beyond the buffer": (
        WEST_LOAD,
        {"target": 3, "local": 480},
        "it writes bytes 480 to 531 of the parameter buffer, which has 512",
    ),
    "a panel beyond its buffer": (COMPUTE, {"west": 8141}, "it reads bytes 8141 to 8192 of the west operand buffer, which has 8192"),
    "a part beyond its buffer": (
        COMPUTE,
        {"k_step": 3, "west_step": 8144},
        "it reads bytes 8144 to 8192 of the west operand buffer, which has 8192",
    ),
    "parts without end": (COMPUTE, {"k": 257, "k_step": 1}, "it has 257 parts; 256 are the most"),
    "a result beyond the accumulator": (COMPUTE, {"acc": 253}, "it writes bytes 4048 to 4111 of the accumulator, which has 4096"),
    "rows too far apart": (COMPUTE, {"acc_stride": 85, "acc": 1}, "it writes bytes 16 to 4111 of the accumulator, which has 4096"),
    "rows to be read too far apart": (STORE, {"acc_stride": 85, "acc": 1}, "it reads bytes 16 to 4111 of the accumulator, which has 4096"),
    "a bias between rows and in them": (
        COMPUTE,
        {"addend": 2, "acc": 5, "acc_stride": 3, "bias": 8},
        "its bias lies in its result, which overwrites it",
    ),
    "rows beyond the accumulator": (STORE, {"acc": 254}, "it reads bytes 4064 to 4127 of the accumulator, which has 4096"),
    "scales beyond the parameters": (
        STORE,
        {"output": 0, "per_channel": 1, "parameters": 16},
        "it reads bytes 512 to 543 of the parameter buffer, which has 512",
    ),
    "a read past its buffer": (NORTH_LOAD, {"stride1": 5}, "it reads bytes 0 to 18 of buffer 'b', which has 16"),
    "a read before its buffer": (NORTH_LOAD, {"stride1": -1}, "it reads bytes -3 to 3 of buffer 'b', which has 16"),
    "a write past its buffer": (STORE, {"address": 4}, "it writes bytes 4 to 67 of buffer 'c', which has 64"),
    "a token that nobody takes": (STORE, {"signal_load": 1}, "the token that it pushes to LOAD is never taken"),
    "a token that nobody pushes": (
        WEST_LOAD,
        {"wait_store": 1},
        "it waits for a token of STORE that no earlier descriptor pushes",
    ),
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_bad_descriptor_is_named_and_explained(name: str) -> None:
    index, values, why = FIELDS[name]
    text = refusal(changed(index, **values))
    assert text.startswith(f"descriptor {index} ({product_stream().descriptors[index].op.name} ")
    assert text.endswith(f"): {why}")


def test_a_bias_may_lie_between_the_rows_of_its_result() -> None:
    verify(changed(COMPUTE, addend=2, acc=5, acc_stride=3, bias=7), TINY)


def test_columns_of_a_panel_are_stored_while_others_are_worked_on_but_not_themselves() -> None:
    panel = {"m": 4, "n": 8, "k": 4, "west_stride": 16, "north_stride": 16, "acc_stride": 4}
    rows = {"count1": 4, "stride1": 32, "acc_stride": 4, "output": isa.Output.INT32}
    left = isa.describe(isa.COMPUTE, **panel, acc=6, signal_store=1)
    right = isa.describe(isa.COMPUTE, **panel, acc=8)
    for acc, n, fits in ((6, 8, True), (6, 9, False), (7, 5, False), (7, 4, True)):
        store = isa.describe(isa.STORE, **rows, acc=acc, n=n, wait_compute=1)
        stream = Stream(TINY.hash, (Slot("c", 256),), (left, right, store), (None, None, 0))
        if fits:
            verify(stream, TINY)
        else:
            assert refusal(stream).endswith("which descriptor 1 (COMPUTE) may still write: no token orders them")


def test_sums_are_counted_for_each_column_of_a_panel() -> None:
    panel = {"m": 3, "n": 4, "k": TINY.max_k // 3 + 1, "acc_stride": 2, "addend": isa.Addend.ACCUMULATE}
    pieces = [isa.describe(isa.COMPUTE, **panel, acc=acc) for acc in (5, 6, 5, 5)]
    verify(Stream(TINY.hash, (), tuple(pieces[:3]), (None,) * 3), TINY)
    words = f"it adds up to {3 * panel['k']} products, {TINY.max_k} of which fit in 32 bits"
    assert refusal(Stream(TINY.hash, (), tuple(pieces), (None,) * 4)).endswith(words)


def test_the_whole_sentence_shows_the_descriptor_as_disasm_does() -> None:
    assert refusal(changed(STORE, address=4)) == (
        "descriptor 3 (STORE [wait compute] address=c+4 n=4 count1=4 stride1=16 output=1): "
        "it writes bytes 4 to 67 of buffer 'c', which has 64"
    )


def test_bytes_outside_the_bounds_are_not_held_against_a_load() -> None:
    window = {"bounded": 1, "x0": -4, "x_limit": 16, "y_limit": 1, "address": 2**40 - 4}
    verify(changed(WEST_LOAD, **window, run=20, count1=1, local_stride1=0), TINY)
    assert "it reads bytes -4 to 11 of buffer 'a'" in refusal(changed(WEST_LOAD, **window | {"x0": 0}, run=20, count1=1))


def test_an_address_of_no_buffer_is_refused() -> None:
    stream = replace(product_stream(), relocations=(0, None, None, 2))
    assert refusal(stream).endswith("its address belongs to no buffer of the stream")


def test_an_unknown_opcode_is_refused() -> None:
    stream = product_stream()
    unknown = isa.describe(replace(isa.LOAD, code=0x77), run=4)
    text = refusal(replace(stream, descriptors=(unknown, *stream.descriptors[1:])))
    assert text.endswith("opcode 0x77 is not that of LOAD, COMPUTE, STORE, END")


@pytest.mark.parametrize("missing", isa.Dataflow)
def test_a_dataflow_that_the_array_does_not_have_is_refused(missing: isa.Dataflow) -> None:
    there = isa.Dataflow(1 - missing)
    config = replace(TINY, dataflows=there.words)
    verify(changed(COMPUTE, dataflow=there), config)
    words = f"COMPUTE.*: its dataflow is {missing.words}, and this array was built for {there.words} only$"
    with pytest.raises(StreamError, match=words):
        verify(changed(COMPUTE, dataflow=missing), config)
    assert model_status(changed(COMPUTE, dataflow=missing), config) is isa.Status.BAD_FIELD


def test_an_end_inside_a_stream_is_refused() -> None:
    end = isa.describe(isa.END, address=0)
    text = refusal(Stream(TINY.hash, (), (end,), (None,)))
    assert text == "descriptor 0 (END address=0x0): END is added by the driver; leave it out"


STREAMED: dict[str, tuple[int, dict[str, int], str]] = {
    "a part without its token": (COMPUTE, {"k_step": 1}, "it waits for a token of LOAD that no earlier descriptor pushes"),
    "a part too few": (COMPUTE, {"k": 2}, "the token that it pushes to COMPUTE is never taken"),
    "an iteration too few": (NORTH_LOAD, {"signal_each": 0}, "it waits for a token of LOAD that no earlier descriptor pushes"),
    "an iteration too many": (
        NORTH_LOAD,
        {"count4": 3, "stride4": 4},
        "the token that it pushes to COMPUTE is never taken",
    ),
    "a part that comes too soon": (
        COMPUTE,
        {"north": 32, "north_step": 2**20 - 32},
        "it reads bytes of the north operand buffer between 32 and 51, which descriptor 1 (LOAD) may still write: no token orders them",
    ),
}


@pytest.mark.parametrize("name", STREAMED)
def test_every_part_counts(name: str) -> None:
    index, values, why = STREAMED[name]
    stream = streamed()
    verify(stream, TINY)
    descriptors = list(stream.descriptors)
    descriptors[index] = descriptors[index].replace(**values)
    text = refusal(replace(stream, descriptors=tuple(descriptors)))
    blamed = NORTH_LOAD if "never taken" in why else COMPUTE
    assert text.startswith(f"descriptor {blamed} (")
    assert text.endswith(f": {why}")


HAZARDS: dict[str, tuple[list[tuple[int, dict[str, int]]], str]] = {
    "a product before its operand": (
        [(NORTH_LOAD, {"signal_compute": 0}), (COMPUTE, {"wait_load": 0})],
        "it reads bytes of the west operand buffer between 0 and 51, which descriptor 0 (LOAD) may still write: no token orders them",
    ),
    "a result before its product": (
        [(COMPUTE, {"signal_store": 0}), (STORE, {"wait_compute": 0})],
        "it reads bytes of the accumulator between 0 and 63, which descriptor 2 (COMPUTE) may still write: no token orders them",
    ),
}


@pytest.mark.parametrize("name", HAZARDS)
def test_a_missing_token_is_a_hazard(name: str) -> None:
    changes, why = HAZARDS[name]
    stream = product_stream()
    descriptors = list(stream.descriptors)
    for index, values in changes:
        descriptors[index] = descriptors[index].replace(**values)
    assert refusal(replace(stream, descriptors=tuple(descriptors))).endswith(f": {why}")


def followed_by_a_load(token_of: str, **values: int) -> Stream:
    """The first example, and a LOAD after it that waits for a token of COMPUTE or STORE."""
    stream = product_stream()
    descriptors = list(stream.descriptors)
    index = COMPUTE if token_of == "compute" else STORE
    descriptors[index] = descriptors[index].replace(signal_load=1)
    fields: dict[str, Any] = {"run": 16, **values, f"wait_{token_of}": 1}
    load = isa.describe(isa.LOAD, **fields)
    return replace(stream, descriptors=(*descriptors, load), relocations=(*stream.relocations, 0))


def test_computes_token_for_load_frees_the_operands_but_not_the_accumulator() -> None:
    verify(followed_by_a_load("compute", target=isa.Target.WEST), TINY)
    text = refusal(followed_by_a_load("compute", target=isa.Target.ACCUMULATOR))
    assert text.endswith("which descriptor 2 (COMPUTE) may still write: no token orders them")


def test_stores_token_for_load_frees_everything() -> None:
    for target in isa.Target:
        verify(followed_by_a_load("store", target=target), TINY)


def test_a_load_of_what_a_store_wrote_waits_for_the_memory() -> None:
    def reloaded(token_of: str) -> Stream:
        stream = followed_by_a_load(token_of, address=0)
        return replace(stream, relocations=(*stream.relocations[:-1], 2))

    verify(reloaded("store"), TINY)
    assert refusal(reloaded("compute")).endswith(
        "it reads bytes of buffer 'c' between 0 and 15, which descriptor 3 (STORE) may still write: no token orders them"
    )


def test_interleaved_accesses_do_not_meet() -> None:
    """A LOAD into every other line, and a COMPUTE that reads the lines between."""
    stream = changed(WEST_LOAD, local_stride1=32)
    spread = {"west": 16, "west_stride": 32}
    fill = isa.describe(isa.LOAD, target=isa.Target.WEST, local=16, run=4, count1=4, stride1=4, local_stride1=32)
    _, north, compute, store = stream.descriptors
    late = stream.descriptors[WEST_LOAD]
    ordered = replace(stream, descriptors=(fill, north, compute.replace(**spread), late, store), relocations=(0, 1, None, 0, 2))
    verify(ordered, TINY)
    touching = replace(ordered, descriptors=(fill, north, compute.replace(**spread), late.replace(local=13), store))
    assert "it writes bytes of the west operand buffer between 16 and 112" in refusal(touching)


def test_more_tokens_than_the_hardware_counts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    held_back = 2 * QUEUE_DEPTH * isa.MOST_PARTS
    assert isa.MOST_TOKENS + held_back < 1 << TOKEN_BITS, "those of descriptors that a full queue holds back are counted as well"
    monkeypatch.setattr(isa, "MOST_TOKENS", 50)
    load = isa.describe(isa.LOAD, target=isa.Target.PARAMETERS, run=1, signal_compute=1)
    compute = isa.describe(isa.COMPUTE, m=1, n=1, k=1, wait_load=1)

    def pushed(count: int) -> Stream:
        descriptors = (load,) * count + (compute,) * count
        return Stream(TINY.hash, (Slot("a", 1),), descriptors, (0,) * count + (None,) * count)

    verify(pushed(isa.MOST_TOKENS), TINY)
    text = refusal(pushed(isa.MOST_TOKENS + 1))
    assert text.startswith("descriptor 50 (LOAD ")
    assert text.endswith(": it pushes a token to COMPUTE while 50 others wait to be taken")


def test_a_load_of_a_gigabyte_is_judged_without_a_list_of_its_bytes() -> None:
    huge = isa.describe(isa.LOAD, target=isa.Target.WEST, run=8000, count1=16_000, address=0, stride1=8000, signal_compute=1)
    late = isa.describe(isa.STORE, n=1, output=isa.Output.INT32, address=16_000 * 8000 - 4)
    text = refusal(Stream(TINY.hash, (Slot("a", 16_000 * 8000),), (huge.replace(signal_compute=0), late), (0, 0)))
    assert text.endswith(
        "it writes bytes of buffer 'a' between 127999996 and 127999999, which descriptor 0 (LOAD) may still read: no token orders them"
    )


def test_sums_that_could_leave_32_bits_are_refused() -> None:
    accumulate = isa.describe(isa.COMPUTE, m=1, n=1, k=65_535, addend=isa.Addend.ACCUMULATE)
    start = accumulate.replace(addend=isa.Addend.NONE)
    verify(Stream(TINY.hash, (), (start, accumulate), (None, None)), TINY)
    text = refusal(Stream(TINY.hash, (), (start, accumulate, accumulate), (None,) * 3))
    assert text.endswith("it adds up to 196605 products, 131071 of which fit in 32 bits")


def test_the_driver_verifies_unless_told_otherwise() -> None:
    stream = replace(changed(STORE, address=4), slots=(Slot("a", 16), Slot("b", 16), Slot("c", 64)))
    with Device.open("model", TINY, memory_bytes=2**20) as device:
        buffers = [device.place(A), device.place(B), device.allocate(128)]
        with pytest.raises(StreamError, match=r"^descriptor 3 \(STORE .*\): it writes bytes 4 to 67 of buffer 'c', which has 64$"):
            device.run(stream, buffers)
        assert device.run(stream, buffers, verify=False).status is isa.Status.OK
