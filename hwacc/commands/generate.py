"""``hwacc generate``: the hardware as Verilog."""

from __future__ import annotations

from pathlib import Path

import click

from hwacc.commands.console import note, say
from hwacc.commands.files import require_writable, write_text
from hwacc.commands.options import ConfigChoice, config_options


@click.command("generate")
@config_options
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.v", help="Where to write; stdout if not given.")
def command(config: ConfigChoice, output: Path | None) -> None:
    """Write the accelerator as Verilog: one file, top module first named in it.

    \b
    Examples:
      hwacc generate -o hwacc.v
      hwacc generate --rows 8 --cols 8 --spm-bytes 65536 -o small.v
      hwacc generate --config board.json > board.v
    """
    chosen = config.resolve()
    if output is not None:
        require_writable(output)
    from hwacc.rtl.verilog import generate

    text = generate(chosen)
    if output is None:
        say(text)
        return
    write_text(output, text)
    note(f"{output}: {chosen.rows}×{chosen.cols} array, configuration {chosen.hash:#010x}, {len(text)} bytes")
