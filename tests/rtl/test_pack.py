"""The byte packer on its own, against a picture of memory."""

from __future__ import annotations

import random
from typing import Any

import pytest
from amaranth.sim import Simulator

from hwacc.config import ArrayConfig
from hwacc.rtl.pack import BytePacker, slice_bytes

BYTE_BITS = 12
Segment = tuple[int, bytes]
"""Address and content."""


def config_of(bus_bytes: int) -> ArrayConfig:
    return ArrayConfig(rows=4, cols=16, bus_bytes=bus_bytes, spm_bytes=1024, acc_bytes=1024, channels=64)


def cut(segments: list[Segment], sizes: Any) -> list[bytes]:
    """Segments as slices of the sizes that ``sizes()`` gives; none reaches over the end of its segment."""
    slices = []
    for _, content in segments:
        while content:
            size = sizes()
            slices.append(content[:size])
            content = content[size:]
    return slices


def pack(bus_bytes: int, segments: list[Segment], slices: list[bytes], rng: random.Random | None = None) -> tuple[list[Any], int]:
    """The beats, and the cycles in which slices were taken or beats given. With ``rng``, everybody hesitates."""
    dut = BytePacker(config_of(bus_bytes), BYTE_BITS)
    beats: list[tuple[int, int]] = []
    busy = 0

    async def testbench(ctx: Any) -> None:
        nonlocal busy
        spans, pieces, idle = list(segments), list(slices), 0
        offered = {"spans": False, "slices": False}
        while idle < 20:
            offered = {name: on or rng is None or rng.random() < 0.7 for name, on in offered.items()}
            ctx.set(dut.spans.valid, bool(spans) and offered["spans"])
            ctx.set(dut.slices.valid, bool(pieces) and offered["slices"])
            if spans:
                ctx.set(dut.spans.payload, {"lane": spans[0][0] % bus_bytes, "bytes": len(spans[0][1])})
            if pieces:
                junk = bytes([0xEE] * (slice_bytes(config_of(bus_bytes)) - len(pieces[0])))
                ctx.set(dut.slices.payload, {"data": int.from_bytes(pieces[0] + junk, "little"), "bytes": len(pieces[0])})
            ctx.set(dut.beats.ready, rng is None or rng.random() < 0.6)
            moved = False
            if ctx.get(dut.slices.valid) and ctx.get(dut.slices.ready):
                if ctx.get(dut.spans.ready):
                    spans.pop(0)
                    offered["spans"] = False
                pieces.pop(0)
                offered["slices"], moved = False, True
            if ctx.get(dut.beats.valid) and ctx.get(dut.beats.ready):
                beats.append((int(ctx.get(dut.beats.payload.data)), int(ctx.get(dut.beats.payload.strb))))
                moved = True
            busy += moved
            idle = 0 if moved else idle + 1
            await ctx.tick()
        assert not spans and not pieces

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return beats, busy


def expected(bus_bytes: int, segments: list[Segment]) -> list[dict[int, int]]:
    """For each beat the byte in every lane that counts."""
    beats = []
    for address, content in segments:
        picture: dict[int, dict[int, int]] = {}
        for index, byte in enumerate(content, address % bus_bytes):
            picture.setdefault(index // bus_bytes, {})[index % bus_bytes] = byte
        beats += [picture[beat] for beat in sorted(picture)]
    return beats


def lanes(bus_bytes: int, beat: tuple[int, int]) -> dict[int, int]:
    data, strobes = beat
    return {lane: data >> (8 * lane) & 0xFF for lane in range(bus_bytes) if strobes >> lane & 1}


@pytest.mark.parametrize("further", [0, 1, 3, "most"])
@pytest.mark.parametrize("bus_bytes", [4, 8, 16])
def test_every_start_and_length_gives_its_bytes_and_no_others(bus_bytes: int, further: int | str) -> None:
    """In slices of a beat, or of up to so many bytes more than one."""
    size = bus_bytes + further if isinstance(further, int) else slice_bytes(config_of(bus_bytes))
    segments = [
        (start, bytes((7 * start + 13 * length + i) % 255 + 1 for i in range(length)))
        for start in range(bus_bytes)
        for length in range(1, 3 * bus_bytes + 2)
    ]
    beats, _ = pack(bus_bytes, segments, cut(segments, lambda: size))
    assert [lanes(bus_bytes, beat) for beat in beats] == expected(bus_bytes, segments)


@pytest.mark.parametrize("seed", range(4))
def test_slices_of_any_size_join_while_everybody_hesitates(seed: int) -> None:
    rng = random.Random(seed)
    bus_bytes = rng.choice((4, 8, 16))
    segments = [(rng.randrange(64), rng.randbytes(rng.choice((1, 2, bus_bytes, rng.randint(1, 90))))) for _ in range(40)]
    slices = cut(segments, lambda: rng.randint(1, slice_bytes(config_of(bus_bytes))))
    beats, _ = pack(bus_bytes, segments, slices, rng)
    assert [lanes(bus_bytes, beat) for beat in beats] == expected(bus_bytes, segments)


def test_full_slices_pass_one_a_cycle_at_any_alignment() -> None:
    for start in (0, 1, 15):
        segments = [(start, bytes(range(160)))]
        beats, cycles = pack(16, segments, cut(segments, lambda: 16))
        assert cycles == len(beats) + 1, "the beats are one cycle behind"


@pytest.mark.parametrize("length", [17, 20, 28])
def test_slices_of_more_than_a_beat_keep_the_bus_busy(length: int) -> None:
    for start in (0, 1, 15):
        segments = [(start, bytes(i % 255 for i in range(10 * length)))]
        beats, cycles = pack(16, segments, cut(segments, lambda: length))
        assert cycles == len(beats) + 1, "the beats are one cycle behind"


def test_end_inside_a_beat_costs_one_cycle() -> None:
    segments = [(9, bytes(range(1, 17)))] * 10
    _, cycles = pack(16, segments, cut(segments, lambda: 16))
    assert cycles == 2 * 10 + 1
