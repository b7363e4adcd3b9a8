"""``hwacc devices``: what can run programs here."""

from __future__ import annotations

import click

from hwacc.commands.console import answer_json, new_table, show_table
from hwacc.commands.options import json_option


@click.command("devices")
@json_option
def command(as_json: bool) -> None:
    """List the devices that can run programs, and what is missing for each.

    \b
    Examples:
      hwacc devices
      hwacc devices --json
    """
    from hwacc.driver.devices import KINDS

    rows = [{"name": kind.name, "description": kind.doc, "missing": kind.missing()} for kind in KINDS]
    if as_json:
        answer_json({"devices": rows})
        return
    table = new_table("device", "what it is", "state")
    for row in rows:
        table.add_row(row["name"], row["description"], row["missing"] or "ready")
    show_table(table)
