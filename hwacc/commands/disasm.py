"""``hwacc disasm``: descriptors as text."""

from __future__ import annotations

from pathlib import Path

import click

from hwacc.commands.console import say
from hwacc.commands.listing import disassembly
from hwacc.program import load_program
from hwacc.stream import MAGIC, load_stream


@click.command("disasm")
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Print FILE, a descriptor stream (.hwst) or a program (.hwx), one descriptor a line.

    \b
    Examples:
      hwacc disasm gemm.hwst
      hwacc disasm model.hwx | grep COMPUTE
    """
    if file.suffix == ".hwst" or _begins_with(file, MAGIC):
        say(load_stream(file).text())
    else:
        for line in disassembly(load_program(file)):
            say(line)


def _begins_with(file: Path, magic: bytes) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(magic)) == magic
    except OSError:
        return False  # the reader says it better
