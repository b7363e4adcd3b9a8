"""The accelerator as a program in which cocotb runs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from hwacc.config import ArrayConfig
from hwacc.errors import MissingToolError
from hwacc.rtl.verilog import TOP
from hwacc.sim import cache, compile
from hwacc.sim.build import generate, hardware_key, logged, tool_key, write_verilog
from hwacc.sim.progress import Progress

PREFIX = "Vtop"
"""Name of the generated class; cocotb's main program knows it."""

PORTS_ONLY = f"""`verilator_config
public_flat_rw -module "{TOP}" -var "*__*"
public_flat_rw -module "{TOP}" -var "clk"
public_flat_rw -module "{TOP}" -var "rst"
public_flat_rw -module "{TOP}" -var "irq"
"""
"""Lets cocotb see the ports of the top module. More would keep Verilator from optimising the rest."""

FLAGS = ("--vpi", "--timescale", "1ns/1ps")


def build_bench(config: ArrayConfig, *, progress: Progress) -> Path:
    """The folder of the program, from the cache or built now.

    Raises :class:`MissingToolError` where a tool or cocotb is missing, :class:`hwacc.errors.DeviceError` where a step fails.
    """
    if find_spec("cocotb_tools") is None or find_spec("cocotbext") is None:
        raise MissingToolError("the benches need cocotb and cocotbext-axi; run: pip install 'hwacc[dev]'")
    import cocotb

    key = [*hardware_key(config), *tool_key(), PORTS_ONLY, *FLAGS, cocotb.__version__, str(cocotb.__file__)]
    name = f"bench-{config.rows}x{config.cols}-{cache.digest(key)}"

    def make(folder: Path) -> Path:
        return _make(write_verilog(lambda: generate(config), folder, config, progress), progress)

    return cache.obtain(name, lambda folder: logged(make, folder, name), progress)


def _make(verilog: Path, progress: Progress) -> Path:
    import cocotb_tools.config as cocotb

    folder = verilog.parent
    visible = folder / "visible.vlt"
    visible.write_text(PORTS_ONLY)
    progress("benches: Verilator translates the Verilog to C++")
    generated = compile.translate(verilog, PREFIX, [*FLAGS, str(visible)])
    progress("benches: the C++ compiler makes the program")
    main = cocotb.share_dir / "lib" / "verilator" / "verilator.cpp"
    units = compile.design_units(generated, PREFIX, [main], ["verilated_vpi.cpp"])
    objects = compile.compile_units(units, folder, {}, [generated])
    result = folder / "program"
    result.mkdir()
    compile.link(objects, result / TOP, [f"-L{cocotb.libs_dir}", f"-Wl,-rpath,{cocotb.libs_dir}", "-lcocotbvpi_verilator", "-lpthread"])
    return result
