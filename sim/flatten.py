"""The accelerator as one flat Verilog module, for a fast simulation.

The logic is that of :mod:`hwacc.rtl.verilog`; Yosys joins the modules, merges
what occurs twice, and gives a register an enable where its next value may be
its own, which lets the simulator skip it. A cycle costs about a sixth less,
and the build takes half as long. Names of signals inside are lost, so builds for waveforms use the plain text.
"""

from __future__ import annotations

import os
import re

from amaranth.back import rtlil, verilog

from hwacc.config import ArrayConfig
from hwacc.rtl.top import Accelerator
from hwacc.rtl.verilog import TOP
from hwacc.sim.edges import Sampled, both_edges
from hwacc.sim.step import Array, StepPlatform, step_modules
from hwacc.sim.writes import merge_writes

PASSES = """
proc
flatten
opt_clean
opt_expr
opt_merge
opt_muxtree
opt_dff -simple-dffe -nosdff
opt_clean
opt_expr -full
opt_reduce
opt_share
wreduce -memx
opt_expr
opt_merge
opt_clean
memory_collect
write_verilog -norename -noattr
"""

_ZERO_CONTENT = re.compile(
    r"^  cell \$meminit_v2 [^\n]*\n(?:    [^\n]*\n)*?    connect \\DATA \d+'0+\n(?:    [^\n]*\n)*?  end\n", re.MULTILINE
)
"""A memory's initial content in RTLIL where it is zero, which the simulator assumes anyway (``--x-initial fast``)."""

_SIGNAL = re.compile(r"^(  (?:reg|wire) \[(\d+):0\] (?:\\\S+ |[\w$]+))( *= [^;\n]*)?;$", re.MULTILINE)
"""The declaration of a signal that is no memory."""


def generate_flat(config: ArrayConfig, array: Array = Array.RTL) -> str:
    """Verilog of the whole accelerator in one module, with the ports of :func:`hwacc.rtl.verilog.generate`, clocked as
    :mod:`hwacc.sim.edges` says.

    With :attr:`Array.STEP`, the array, its feeders and buffers are instances of :func:`hwacc.sim.step.step_modules`, which follow it.
    """
    os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")
    platform = StepPlatform() if array is Array.STEP else None
    netlist = _ZERO_CONTENT.sub("", rtlil.convert(Sampled(Accelerator(config)), name=TOP, platform=platform, emit_src=False))
    yosys = verilog.find_yosys(lambda version: version >= (0, 40))
    flat = split_wide(merge_writes(str(yosys.run(["-q", "-"], f"read_rtlil <<rtlil\n{netlist}\nrtlil\n{PASSES}", ignore_warnings=True))))
    return both_edges(flat + step_modules(config) if array is Array.STEP else flat)


def split_wide(verilog: str) -> str:
    """The same Verilog, in which Verilator may keep the parts of signals wider than a machine word apart: most are records."""
    return _SIGNAL.sub(lambda m: f"{m[1]} /*verilator split_var*/{m[3] or ''};" if int(m[2]) >= 64 else m[0], verilog)
