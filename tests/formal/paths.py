"""Which inputs an output depends on within a cycle: AXI forbids a ``valid`` that waits for a ``ready``.

Read off the netlist, bit by bit, so it holds for every state and needs no solver.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from amaranth.back import rtlil

from tests.formal.prove import run_yosys

TO_BITS = "read_rtlil design.il; hierarchy -top top; proc; flatten; opt_expr; opt_clean; simplemap; write_json design.json"
Bit = int | str


class Netlist:
    """The flattened, bit-level form of a component."""

    def __init__(self, component: Any) -> None:
        with TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "design.il").write_text(rtlil.convert(component, name="top", emit_src=False))
            run_yosys(folder, TO_BITS)
            module = json.loads((folder / "design.json").read_text())["modules"]["top"]
        self.ports = {name: port["bits"] for name, port in module["ports"].items()}
        self.inputs = {name for name, port in module["ports"].items() if port["direction"] == "input"}
        self._sources: dict[Bit, set[Bit]] = defaultdict(set)
        for cell in module["cells"].values():
            self._add(cell)

    def _add(self, cell: dict[str, Any]) -> None:
        """Notes the bits that a cell's outputs follow at once; those of a register follow none."""
        kind, pins, directions = cell["type"], cell["connections"], cell["port_directions"]
        if "dff" in kind.lower() or kind.startswith("$memwr"):
            return
        if kind == "$memrd_v2" and int(cell["parameters"]["CLK_ENABLE"], 2):
            return
        read = [bit for pin, bits in pins.items() if directions[pin] == "input" for bit in bits]
        for pin, bits in pins.items():
            if directions[pin] == "output":
                for bit in bits:
                    self._sources[bit].update(read)

    def inputs_of(self, output: str) -> set[str]:
        """Inputs that can change ``output`` in the same cycle."""
        seen: set[Bit] = set()
        waiting: list[Bit] = list(self.ports[output])
        while waiting:
            bit = waiting.pop()
            if bit not in seen:
                seen.add(bit)
                waiting += self._sources.get(bit, ())
        return {name for name in self.inputs if seen & set(self.ports[name])}


def waiting_valids(netlist: Netlist) -> dict[str, set[str]]:
    """For every output named ``…valid``, the inputs named ``…ready`` that it depends on within a cycle."""
    outputs = [name for name in netlist.ports if name.endswith("valid") and name not in netlist.inputs]
    return {name: {source for source in netlist.inputs_of(name) if source.endswith("ready")} for name in outputs}
