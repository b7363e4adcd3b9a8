"""``hwacc opt``: passes on MLIR, as ``mlir-opt`` runs them."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hwacc.commands.console import new_table, note, percent, say, show_table
from hwacc.commands.files import write_text
from hwacc.errors import ModelError

if TYPE_CHECKING:
    from hwacc.compiler.opt import Optimised, Wish

STDIN = "-"


@click.command("opt")
@click.argument("file", default=STDIN)
@click.option("--pass-pipeline", "pipeline", default="", metavar="TEXT", help="Passes, ours and upstream's, in upstream's syntax.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to write.  [default: stdout]")
@click.option("--print-ir-after-all", "print_ir", is_flag=True, help="Print the IR after every pass, to stderr.")
@click.option("--timing", is_flag=True, help="Print the time of every element of the pipeline, to stderr.")
@click.option("--allow-unregistered-dialect", "allow_unregistered", is_flag=True, help="Accept operations of unknown dialects.")
@click.option("--load-pass-plugin", "plugins", multiple=True, metavar="FILE.py", help="A Python file with passes of your own.")
@click.option("--split-input-file", "split", is_flag=True, help="Take each part of the file between lines of `// -----` on its own.")
@click.option("--list-passes", "listing", is_flag=True, help="List the passes and do nothing else.")
def command(
    file: str,
    pipeline: str,
    output: Path | None,
    print_ir: bool,
    timing: bool,
    allow_unregistered: bool,
    plugins: tuple[str, ...],
    split: bool,
    listing: bool,
) -> None:
    """Run passes on FILE, MLIR as text or bytecode (`-`, the default, is stdin), and print the result.

    Passes of HWACC and of upstream MLIR go into one pipeline, with upstream's nesting and options. Those of HWACC work on a whole
    module. Without a pipeline the file is parsed, verified and printed.

    \b
    Examples:
      hwacc opt model.mlir --pass-pipeline='builtin.module(normalise-contractions,canonicalize,cse,fold-zero-points)'
      hwacc compile model.tflite --emit linalg | hwacc opt --pass-pipeline='builtin.module(func.func(linalg-generalize-named-ops))'
      hwacc opt model.mlir --pass-pipeline='builtin.module(form-tasks)' --print-ir-after-all --timing -o tasks.mlir
      hwacc opt --list-passes | grep bufferize
    """
    from hwacc.compiler.opt import Wish

    if listing:
        _list()
        return
    if file == STDIN and sys.stdin.isatty():
        raise click.UsageError("give a file, or pipe one in")
    made = _run(file, Wish(pipeline, print_ir, allow_unregistered, plugins, split))
    if timing:
        _show_seconds(made.seconds)
    if output is None:
        click.echo(made.text, nl=False)
    else:
        write_text(output, made.text)
    for error in made.errors[:-1]:
        note(f"hwacc: error: {error}")
    if made.errors:
        raise ModelError(made.errors[-1])


def _run(file: str, wish: Wish) -> Optimised:
    from hwacc.compiler.pipeline import optimise

    dumps = lambda text: click.echo(text, nl=False, err=True)  # noqa: E731
    if file != STDIN:
        return optimise(Path(file), file, wish, dumps)
    with tempfile.TemporaryDirectory(prefix="hwacc-") as folder:
        path = Path(folder) / "stdin"
        path.write_bytes(click.get_binary_stream("stdin").read())
        return optimise(path, STDIN, wish, dumps)


def _list() -> None:
    from hwacc.compiler.opt import list_passes

    for source, name, text in list_passes():
        say(f"{source:9}{name:50} {text}".rstrip())


def _show_seconds(seconds: list[tuple[str, float]]) -> None:
    total = sum(taken for _, taken in seconds)
    table = new_table("pass", "ms", "share", right=("ms", "share"))
    for name, taken in seconds:
        table.add_row(name, f"{1000 * taken:.2f}", percent(taken, total))
    table.add_row("total", f"{1000 * total:.2f}", percent(total, total))
    show_table(table, err=True)
