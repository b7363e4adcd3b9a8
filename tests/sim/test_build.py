"""From Verilog to a library: steps, faults, widths, keys."""

import re
from pathlib import Path

import numpy as np
import pytest

from hwacc.config import TINY, ArrayConfig
from hwacc.errors import DeviceError
from hwacc.sim import build
from hwacc.sim.simulator import Memory, Simulator, Stalls
from tests.sim.copier import CONFIG, VERILOG, copy


def test_a_build_tells_its_steps_and_the_cache_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWACC_CACHE", str(tmp_path))
    lines: list[str] = []
    first = build.build_verilog(lambda: VERILOG, [VERILOG], CONFIG, progress=lines.append)
    assert [line.split()[1] for line in lines] == ["Amaranth", "Verilator", "the"]
    lines.clear()
    assert build.build_verilog(lambda: VERILOG, [VERILOG], CONFIG, progress=lines.append) == first
    assert not lines


def test_a_failed_step_is_one_line_that_names_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWACC_CACHE", str(tmp_path))
    with pytest.raises(DeviceError, match=r"^building the simulator: Verilator failed with exit status 1; see \S+\.log$") as error:
        build.build_verilog(lambda: "module hwacc(; endmodule", ["broken"], CONFIG)
    log = Path(re.findall(r"see (\S+)$", str(error.value))[0])
    assert "syntax error" in log.read_text()


def test_a_damaged_library_is_named_with_its_remedy(tmp_path: Path) -> None:
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"not a library")
    with pytest.raises(DeviceError, match=r"^cannot load the simulator .*broken\.so: .*; delete the file to build it again$"):
        Simulator(CONFIG, library=broken)


def test_the_key_follows_the_configuration() -> None:
    assert build.hardware_key(TINY) == build.hardware_key(TINY)
    assert build.hardware_key(TINY) != build.hardware_key(ArrayConfig())


@pytest.mark.parametrize("bus_bytes", [4, 64])
def test_every_bus_width_moves_its_bytes(bus_bytes: int) -> None:
    config = ArrayConfig(bus_bytes=bus_bytes)
    text = VERILOG.replace("BUS_BYTES = 16", f"BUS_BYTES = {bus_bytes}")
    library = build.build_verilog(lambda: text, [text], config)
    with Simulator(config, Memory(size=2**16, stalls=Stalls(r=0.3, w=0.3)), library=library) as device:
        values = np.random.default_rng(bus_bytes).integers(0, 256, 20 * 4 * bus_bytes, dtype=np.uint8)
        device.memory[: values.size] = values
        copy(device, 0, 0x8000, bursts=20, beats=4)
        assert np.array_equal(device.memory[0x8000 : 0x8000 + values.size], values)
        assert device.traffic.strobed == values.size
