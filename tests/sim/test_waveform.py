"""Waveform files, and the compression that this project brings along for them."""

import ctypes
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

from hwacc.errors import DeviceError
from hwacc.sim import toolchain
from hwacc.sim.compile import HARNESS
from hwacc.sim.simulator import Memory
from tests.sim.copier import copier, copy

HEADER, HIERARCHY_LZ4 = 0, 6
"""Block types of the FST format, as GTKWave's fstapi.h numbers them."""


def decompress_lz4(data: bytes) -> bytes:
    """A block as lz4_Block_format.md describes it."""
    out, at = bytearray(), 0

    def length(nibble: int) -> int:
        nonlocal at
        total = nibble
        while nibble == 15:
            total, at = total + data[at], at + 1
            if data[at - 1] != 255:
                break
        return total

    while at < len(data):
        token, at = data[at], at + 1
        literals = length(token >> 4)
        out, at = out + data[at : at + literals], at + literals
        if at == len(data):
            break
        offset, at = int.from_bytes(data[at : at + 2], "little"), at + 2
        for _ in range(length(token & 15) + 4):
            out.append(out[-offset])
    return bytes(out)


def blocks(file: Path) -> dict[int, bytes]:
    """Type and content of each block of an FST file."""
    data, at, found = file.read_bytes(), 0, {}
    while at < len(data):
        size = struct.unpack_from(">Q", data, at + 1)[0]
        found[data[at]] = data[at + 9 : at + 1 + size]
        at += 1 + size
    return found


def record(file: Path) -> int:
    """One copy with a waveform; returns the cycles that it took."""
    with copier(Memory(size=2**20), trace=file) as device:
        copy(device, 0, 0x8000, bursts=2, beats=4)
        return device.cycles


def test_an_fst_file_holds_the_signals_and_the_time(tmp_path: Path) -> None:
    cycles = record(tmp_path / "wave.fst")
    found = blocks(tmp_path / "wave.fst")
    start, end = struct.unpack_from(">2Q", found[HEADER])
    assert start == 0
    assert end == (cycles - 1) * 10 + 5, "ten units a cycle, the last change at its rising edge"
    size = struct.unpack_from(">Q", found[HIERARCHY_LZ4])[0]
    names = decompress_lz4(found[HIERARCHY_LZ4][8:])
    assert len(names) == size
    for name in (b"m_axi__araddr", b"s_axil__wdata", b"bursts_unanswered"):
        assert name in names


def test_a_vcd_file_holds_the_signals(tmp_path: Path) -> None:
    record(tmp_path / "wave.vcd")
    text = (tmp_path / "wave.vcd").read_text()
    assert "m_axi__araddr" in text
    assert "$enddefinitions" in text


def test_a_waveform_changes_no_cycle(tmp_path: Path) -> None:
    with copier(Memory(size=2**20)) as device:
        copy(device, 0, 0x8000, bursts=2, beats=4)
        assert record(tmp_path / "wave.fst") == device.cycles


def test_another_ending_is_refused() -> None:
    with pytest.raises(DeviceError, match=r"^wave\.txt: a waveform file ends in \.fst or \.vcd$"):
        copier(trace=Path("wave.txt"))


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    target = tmp_path / "absent" / "wave.fst"
    with pytest.raises(DeviceError, match=r"/absent/wave\.fst: No such file or directory; give another waveform file$"):
        copier(trace=target)


@pytest.fixture(scope="module")
def compression(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Our lz4.h and zlib.h as a library."""
    folder = tmp_path_factory.mktemp("compression")
    source = folder / "compression.cpp"
    source.write_text(
        '#include "lz4.h"\n#include "zlib.h"\nextern "C" {\n'
        "int compress_lz4(const char* in, char* out, int size) { return LZ4_compress_default(in, out, size, LZ4_compressBound(size)); }\n"
        "unsigned long compress_zlib(const Bytef* in, Bytef* out, uLong size)"
        " { uLongf done = compressBound(size); compress2(out, &done, in, size, 4); return done; }\n}\n"
    )
    command = [*toolchain.compiler().command, "-std=c++17", "-O1", "-fPIC", "-shared", f"-I{HARNESS / 'compression'}"]
    subprocess.run([*command, str(source), "-o", str(folder / "compression.so")], check=True)
    return ctypes.CDLL(str(folder / "compression.so"))


def samples() -> list[bytes]:
    """Short, repetitive, random and mixed data, and what lies at the format's limits."""
    random = np.random.default_rng(9)
    noise = random.integers(0, 256, 70000, dtype=np.uint8).tobytes()
    words = b"".join(random.choice(np.array([b"clk", b"rst ", b"data", b"valid_"]), 3000).tolist())
    return [b"", b"a", noise[:12], noise[:13], b"ab" * 40, b"\0" * 70000, noise, words, noise[:300] + b"\0" * 300 + noise[:300]]


@pytest.mark.parametrize("data", samples(), ids=lambda data: f"{len(data)} bytes")
def test_lz4_blocks_decompress_to_what_they_were(compression: ctypes.CDLL, data: bytes) -> None:
    target = ctypes.create_string_buffer(len(data) + len(data) // 255 + 16)
    size = compression.compress_lz4(data, target, len(data))
    assert size <= len(target)
    assert decompress_lz4(target.raw[:size]) == data


def test_lz4_shortens_what_repeats(compression: ctypes.CDLL) -> None:
    data = b"valid ready " * 1000
    assert compression.compress_lz4(data, ctypes.create_string_buffer(20000), len(data)) < len(data) // 50


@pytest.mark.parametrize("data", samples(), ids=lambda data: f"{len(data)} bytes")
def test_zlib_streams_decompress_to_what_they_were(compression: ctypes.CDLL, data: bytes) -> None:
    target = ctypes.create_string_buffer(len(data) + 100)
    size = compression.compress_zlib(data, target, ctypes.c_ulong(len(data)))
    assert zlib.decompress(target.raw[:size]) == data
