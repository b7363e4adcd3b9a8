"""``hwacc compile``: a model to a program, or to the text of a stage."""

from __future__ import annotations

from pathlib import Path

import click

from hwacc.commands.console import note, progress, say
from hwacc.commands.files import write_text
from hwacc.commands.listing import summary
from hwacc.commands.options import ConfigChoice, config_options
from hwacc.errors import HwaccError
from hwacc.program import Program

PROGRAM_STAGE = "program"
STAGES = ("linalg", "hwacc", "stream", PROGRAM_STAGE)


@click.command("compile")
@click.argument("model", type=click.Path(path_type=Path))
@config_options
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to write.  [default: MODEL's name with .hwx]")
@click.option("--emit", type=click.Choice(STAGES), help="Print this stage as text instead of writing a program.")
def command(model: Path, config: ConfigChoice, output: Path | None, emit: str | None) -> None:
    """Compile MODEL (.tflite) to a program that `hwacc run` takes, or show a stage.

    \b
    Stages:
      linalg   as imported: upstream MLIR
      hwacc    tasks for the array, in the hwacc dialect
      stream   the descriptors of each task
      program  buffers and tasks
    \b
    Examples:
      hwacc compile model.tflite -o model.hwx
      hwacc compile model.tflite --emit linalg | less
      hwacc compile model.tflite --rows 8 --cols 8 --emit stream -o model.txt
    """
    chosen = config.resolve()
    with progress() as report:
        if emit is None or emit == PROGRAM_STAGE:
            from hwacc.compiler.pipeline import compile_model

            report(f"compiling {model}")
            program = compile_model(model, chosen, lambda task: report.detail(f"compiling {model}: {task}"))
        else:
            from hwacc.compiler.pipeline import emit as emit_stage

            text = emit_stage(model, chosen, emit)
    if emit is None:
        _save(program, output or Path(model.stem + ".hwx"))
        return
    if emit == PROGRAM_STAGE:
        text = "\n".join(summary(program))
    if output is None:
        say(text)
    else:
        write_text(output, text)


def _save(program: Program, target: Path) -> None:
    try:
        program.save(target)
    except OSError as error:
        raise HwaccError(f"{target}: cannot be written: {error.strerror}") from None
    config = program.config
    note(f"{target}: {len(program.tasks)} tasks for a {config.rows}×{config.cols} array")
