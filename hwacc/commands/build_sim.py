"""``hwacc build-sim``: the simulated accelerator as a shared library with the C interface of ``hwacc.h``."""

from __future__ import annotations

from pathlib import Path

import click

from hwacc.commands.console import note, progress
from hwacc.commands.files import require_writable, write_files
from hwacc.commands.options import ConfigChoice, array_option, config_options

HEADER = "hwacc.h"


@click.command("build-sim")
@config_options
@array_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("libhwacc_sim.so"),
    show_default=True,
    metavar="FILE.so",
    help="Where to.",
)
def command(config: ConfigChoice, array: str | None, output: Path) -> None:
    """Write the simulated accelerator as a shared library for C programs, and beside it hwacc.h, which declares its functions.

    Programs that `hwacc compile --emit object` made for the same configuration run on it (docs/c_abi.md). The library is for
    processors like this machine's.

    \b
    Examples:
      hwacc build-sim -o libhwacc_sim.so
      hwacc build-sim --rows 4 --cols 4 -o small/libhwacc_sim.so
    """
    chosen = config.resolve()
    require_writable(output)
    from hwacc.sim.build import Array, build
    from hwacc.sim.compile import DRIVER

    with progress() as report:
        library = build(chosen, array=Array.chosen(array, waveform=False), progress=report)
    header = output.with_name(HEADER)
    write_files({output: library.read_bytes(), header: (DRIVER / HEADER).read_bytes()})
    note(f"{output}, {header}: {chosen.rows}×{chosen.cols} array, configuration {chosen.hash:#010x}")
