"""``hwacc compile``: a model to a program, or to the text of a stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from hwacc.commands.console import answer_json, note, progress, say
from hwacc.commands.explain import explanation, show_explanation
from hwacc.commands.files import write_text
from hwacc.commands.listing import summary
from hwacc.commands.object_file import OBJECT_STAGE, checked_output, this_machine, write_object
from hwacc.commands.options import ConfigChoice, config_options, fix_options, json_option
from hwacc.commands.quantised import Quantiser, QuantiseWish, quantise_options, show_errors
from hwacc.commands.tuned_plans import TuningChoice, tuned_plans, tuning_options
from hwacc.compiler.aot.machine_code import TARGETS
from hwacc.compiler.importers.fixed import Fixed
from hwacc.compiler.options import Options
from hwacc.compiler.stages import STAGES
from hwacc.config import ArrayConfig
from hwacc.errors import HwaccError
from hwacc.program import Program

PROGRAM_STAGE = "program"
ALL_STAGES = {**STAGES, PROGRAM_STAGE: "buffers and tasks", OBJECT_STAGE: "MODEL.o and MODEL.h, for C (docs/c_abi.md)"}
HELP = """Compile MODEL (.tflite, .onnx, .pt2 or .mlir) to a program that `hwacc run` takes, or show a stage.

\b
Stages:
{stages}
\b
Examples:
  hwacc compile model.tflite -o model.hwx
  hwacc compile model.tflite --explain
  hwacc compile model.tflite --emit linalg | less
  hwacc compile model.onnx --shape input=1x576 --fix sr=16000
  hwacc compile model.tflite --rows 8 --cols 8 --emit stream -o model.txt
  hwacc compile model.tflite --emit object --target aarch64 -o model.o
  hwacc compile model.tflite --tune 8 -o model.hwx
  hwacc compile model.onnx --quantize int8 --calibrate samples.npz --errors
"""


@click.command("compile", help=HELP.format(stages="\n".join(f"  {name:<12}{text}" for name, text in ALL_STAGES.items())))
@click.argument("model", type=click.Path(path_type=Path))
@fix_options
@config_options
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to write.  [default: MODEL's name with .hwx]")
@click.option("--emit", type=click.Choice(list(ALL_STAGES)), help="Print this stage as text, or write an object file, not a program.")
@click.option("--target", type=click.Choice(list(TARGETS)), help="Processor of the object file.  [default: this machine's]")
@quantise_options
@click.option("--errors", is_flag=True, help="Print how far int8 is from float, measured on the samples of --calibrate.")
@click.option("--explain", is_flag=True, help="Print why each task that is not on the array is not; write a program only with -o.")
@click.option("--no-fallback", is_flag=True, help="An error instead of CPU code for what the array cannot run.")
@tuning_options
@json_option
def command(
    model: Path,
    config: ConfigChoice,
    output: Path | None,
    emit: str | None,
    target: str | None,
    explain: bool,
    no_fallback: bool,
    as_json: bool,
    shape: tuple[str, ...],
    fix: tuple[str, ...],
    quantise: QuantiseWish,
    errors: bool,
    tuning: TuningChoice,
) -> None:
    """See :data:`HELP`."""
    if emit is not None and explain:
        raise click.UsageError("--explain and --emit are two answers; ask for one at a time")
    if as_json and not (explain or errors) and tuning.count is None:
        raise click.UsageError("--json is for --explain, --errors and --tune")
    if errors and (explain or emit is not None):
        raise click.UsageError(f"--errors and {'--explain' if explain else '--emit'} are two answers; ask for one at a time")
    if errors and quantise.data is None:
        raise click.UsageError("--errors is measured on the samples of --calibrate; give --quantize int8 --calibrate DATA.npz")
    if target is not None and emit != OBJECT_STAGE:
        raise click.UsageError("--target is for --emit object")
    tuning.check(other_answer=explain or emit not in (None, OBJECT_STAGE))
    chosen, fixed = config.resolve(), Fixed.from_words(shape, fix)
    with progress() as report:
        quantiser = Quantiser(model, chosen, fixed, report)
        quantisation, samples = quantiser.quantisation(quantise)
    options = Options(fallback=not no_fallback, fixed=fixed, quantisation=quantisation)
    tuning.measure(model, chosen, options, as_json=as_json)
    options = replace(options, tuned=tuned_plans(model, tuning.path))
    if emit == OBJECT_STAGE:
        target, output = target or this_machine(), checked_output(output or Path(model.stem + ".o"))
        write_object(_compile(model, chosen, options), target, output)
        return
    if emit is not None and emit != PROGRAM_STAGE:
        if no_fallback:
            raise click.UsageError(f"--no-fallback is for whole programs, not for --emit {emit}")
        _answer(_stage(model, chosen, emit, options), output)
        return
    program = _compile(model, chosen, options)
    if emit is not None:
        _answer("\n".join(summary(program)), output)
        return
    if not explain or output is not None:
        _save(program, output or Path(model.stem + ".hwx"))
    if errors and quantisation is not None:
        with progress() as report:
            found = replace(quantiser, report=report).errors(quantisation, samples)
        answer_json(found.to_dict()) if as_json else show_errors(found)
    elif explain and as_json:
        answer_json(explanation(program))
    elif explain:
        show_explanation(program)


def _compile(model: Path, config: ArrayConfig, options: Options) -> Program:
    from hwacc.compiler.pipeline import compile_model

    with progress() as report:
        report(f"compiling {model}")
        tell = lambda task: report.detail(f"compiling {model}: {task}")  # noqa: E731
        return compile_model(model, config, options, tell, note)


def _stage(model: Path, config: ArrayConfig, stage: str, options: Options) -> str:
    from hwacc.compiler.pipeline import emit

    with progress():
        return emit(model, config, stage, options)


def _answer(text: str, output: Path | None) -> None:
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
