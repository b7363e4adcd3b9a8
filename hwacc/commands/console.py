"""Where output goes: the answer to stdout, everything else to stderr."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

PIPE_WIDTH = 120
"""Columns of a table that goes to a file or a pipe, which have no width of their own."""


def say(text: str = "") -> None:
    """Prints a line of the answer."""
    click.echo(text)


def note(text: str) -> None:
    """Tells the user something beside the answer."""
    click.echo(text, err=True)


def answer_json(value: Any) -> None:
    """Prints the answer as one JSON object."""
    click.echo(json.dumps(value))


def show_table(table: Table, *, err: bool = False) -> None:
    """Prints a table of the answer, or with ``err`` one beside it."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    width = shutil.get_terminal_size().columns if stream.isatty() else PIPE_WIDTH
    Console(file=stream, width=width, highlight=False).print(table)


def new_table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table with these headings; those in ``right`` hold numbers."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=column in right, overflow="fold")
    return table


class Progress:
    """Says on stderr what is going on. Calling it tells a step; ``detail`` what only someone who watches wants to see."""

    def __init__(self, show: Callable[[str], None], show_detail: Callable[[str], None]) -> None:
        self._show = show
        self.detail = show_detail

    def __call__(self, line: str) -> None:
        self._show(line)


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """A spinner on a terminal, which shows the latest step and goes away; elsewhere plain lines, without details."""
    if not sys.stderr.isatty():
        yield Progress(lambda line: note(f"hwacc: {line}"), lambda line: None)
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("starting") as status:
        yield Progress(lambda line: status.update(escape(line)), lambda line: status.update(escape(line)))


def percent(part: float, whole: float) -> str:
    """``37.2 %``; a dash where there is no whole."""
    return f"{100 * part / whole:.1f} %" if whole else "–"
