"""``hwacc area``: what the hardware costs on an FPGA."""

from __future__ import annotations

from typing import Any

import click

from hwacc.commands.console import answer_json, new_table, note, progress, say, show_table
from hwacc.commands.options import ConfigChoice, config_options, json_option

HEADINGS = {
    "luts": "LUTs",
    "LUT4": "LUT4",
    "CCU2C": "CCU2C",
    "TRELLIS_DPR16X4": "DPR16X4",
    "TRELLIS_FF": "FFs",
    "DP16KD": "block RAMs",
    "MULT18X18D": "DSPs",
}


@click.command("area")
@json_option
@config_options
def command(as_json: bool, config: ConfigChoice) -> None:
    """Synthesise the accelerator for a Lattice ECP5 with Yosys and count its cells, part by part. Takes minutes.

    LUTs are what the chip needs in all: one for a LUT4, two for a CCU2C (carry chain), six for a DPR16X4 (distributed RAM).

    \b
    Examples:
      hwacc area --rows 4 --cols 4 --spm-bytes 65536
      hwacc area --rows 8 --cols 8 --dataflows output-stationary --json
    """
    chosen = config.resolve()
    from hwacc.fpga.area import report

    with progress() as tell:
        found = report(chosen, tell)
    if as_json:
        answer_json(found)
    else:
        show(found)


def show(found: dict[str, Any]) -> None:
    """Prints a report of :func:`hwacc.fpga.area.report` as a table."""
    config = found["config"]
    sizes = f"scratchpad {config['spm_bytes'] >> 10} KiB, accumulator {config['acc_bytes'] >> 10} KiB, {config['channels']} channels"
    say(f"{config['rows']}×{config['cols']}, {sizes}, dataflows: {config['dataflows']}")
    table = new_table("part", *HEADINGS.values(), right=tuple(HEADINGS.values()))
    for part, cells in {**found["parts"], "total": found["total"]}.items():
        table.add_row(part, *(f"{cells[kind]:,}" for kind in HEADINGS))
    show_table(table)
    _notes(found)


def _notes(found: dict[str, Any]) -> None:
    """What does not suit the chip."""
    from hwacc.fpga.area import CAPACITY

    for kind, most in CAPACITY.items():
        used = found["total"]["luts" if kind == "LUT4" else kind]
        if used > most:
            note(f"hwacc: {used} {HEADINGS[kind]} are more than the {most} of an ECP5-85F")
    if found["logic_behind_block_rams"]:
        note(f"hwacc: {found['logic_behind_block_rams']} look-up tables come straight after a block RAM, without a register")
