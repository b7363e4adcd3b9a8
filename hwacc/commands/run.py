"""``hwacc run``: a model on the accelerator, and where its time went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hwacc.commands.console import Progress, answer_json, note, progress
from hwacc.commands.options import ConfigChoice, array_option, config_options, fix_options, json_option, memory_latency_option
from hwacc.commands.quantised import Quantiser, quantise_options
from hwacc.commands.session import Session
from hwacc.commands.tuned_plans import tuned_option, tuned_plans
from hwacc.compiler.importers.fixed import Fixed
from hwacc.errors import HwaccError, InputError

if TYPE_CHECKING:
    from hwacc.compiler.quantisation import Quantisation
    from hwacc.coordinator.runner import Run
    from hwacc.program import Program

    Inputs = list[list[Any]]

PROGRAM_SUFFIX = ".hwx"
CHECKED_SUFFIX = ".tflite"
"""Models that the reference interpreter runs."""


@click.command("run")
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--input", "files", multiple=True, type=click.Path(path_type=Path), metavar="FILE", help=".npy, .png or .jpg; once for each input."
)
@click.option("--random", "count", type=click.IntRange(1, 10_000), metavar="N", help="Run N random inputs instead.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random inputs.")
@click.option("--device", default="sim", show_default=True, metavar="NAME", help="See `hwacc devices`.")
@click.option("--check", is_flag=True, help="Compare outputs: with the exact interpreter, tflite-micro; with --quantize, with floats.")
@click.option(
    "--labels", "labels_file", type=click.Path(path_type=Path), metavar="FILE", help="Names of the output's elements, one a line."
)
@click.option("--trace", type=click.Path(path_type=Path), metavar="FILE.fst", help="Write a waveform (sim only).")
@click.option("--max-cycles", type=click.IntRange(1), metavar="N", help="Most cycles of a submission.")
@click.option("--no-fallback", is_flag=True, help="An error instead of CPU code for what the array cannot run.")
@click.option("--each", is_flag=True, help="Submit each task by itself, for its own cycles: tasks in a row share a submission else.")
@memory_latency_option
@array_option
@json_option
@tuned_option
@quantise_options
@fix_options
@config_options
def command(model: Path, config: ConfigChoice, as_json: bool, **options: Any) -> None:
    """Run MODEL (.tflite, .onnx, .pt2, .mlir, or a .hwx program) and say where its time went.

    Pictures are scaled to the model's input; int8 models get pixel − 128, float models 0 to 255. Sizes that MODEL leaves open are those
    of the inputs. Exits with 1 if --check finds a difference; with --quantize the check says how far each layer and the outputs are
    from float.

    \b
    Examples:
      hwacc run examples/models/image_classification.tflite --input examples/pictures/chelsea.png --check
      hwacc run model.tflite --random 10 --seed 3 --device model --check --json
      hwacc run model.onnx --quantize int8 --random 3 --device model --check
      hwacc run model.hwx --input features.npy --trace run.fst
      hwacc run examples/any_size.mlir --input a.npy --input b.npy
    """
    from hwacc.commands.run_report import print_report, to_json

    with progress() as report:
        session = _execute(model, config, options, report)
    if as_json:
        answer_json(to_json(session))
    else:
        print_report(session)
    if session.check is not None and session.check.mismatches:
        raise HwaccError(f"{session.check.mismatches} of {session.check.elements} output elements differ from {session.check.reference}")


def _execute(model: Path, config: ConfigChoice, options: dict[str, Any], report: Progress) -> Session:
    from hwacc.driver.devices import kind_of

    kind_of(options["device"])  # a wrong name should not cost a compilation
    _require_one_kind_of_input(options["files"], options["count"])
    quantiser = Quantiser(model, config.resolve(), Fixed.from_words(options["shape"], options["fix"]), report)
    if model.suffix == PROGRAM_SUFFIX:
        _require_nothing_for_compilation(model, options)
    quantisation, _ = quantiser.quantisation(options["quantise"])
    program = _load(model, config, options, report, quantisation)
    sets = _inputs(model, program, options)
    program = _sized(program, sets[0])
    reference = _reference(model) if options["check"] and quantisation is None else None
    runs, array = _run(program, sets, options, report)
    check = None
    if reference is not None:
        report(f"comparing with {reference.name}")
        check = reference.check(sets, [run.outputs for run in runs])
    errors = None
    if options["check"] and quantisation is not None:
        meter = quantiser.meter(quantisation)
        for inputs, run in zip(sets, runs):
            meter.add(inputs, run.outputs)
        errors = meter.result()
    seed = options["seed"] if options["count"] else None
    return Session(program, options["device"], array, runs, check, seed, _best(model, options["labels_file"], runs), errors)


def _require_nothing_for_compilation(program: Path, options: dict[str, Any]) -> None:
    """Raises :class:`InputError` where the user says how to compile what is compiled."""
    said = {"--quantize": options["quantise"].kind, "--tuned": options["tuned"], "--shape": options["shape"], "--fix": options["fix"]}
    for option, value in said.items():
        if value:
            raise InputError(f"{program} is compiled already; {option} takes a model")


def _load(model: Path, config: ConfigChoice, options: dict[str, Any], report: Progress, quantisation: Quantisation | None) -> Program:
    """The program: read if MODEL is one, else compiled."""
    if model.suffix == PROGRAM_SUFFIX:
        from hwacc.errors import ConfigError
        from hwacc.program import load_program

        program = load_program(model)
        wanted = config.resolve(program.config)
        if wanted != program.config:
            difference = wanted.difference(program.config)
            raise ConfigError(f"{model} was compiled for another configuration: {difference}; compile the model again")
        if options["no_fallback"]:
            _require_array(model, program)
        return program
    from hwacc.compiler.options import Options
    from hwacc.compiler.pipeline import compile_model

    fixed, tuned = Fixed.from_words(options["shape"], options["fix"]), tuned_plans(model, options["tuned"])
    how = Options(fallback=not options["no_fallback"], fixed=fixed, quantisation=quantisation, tuned=tuned)
    report(f"compiling {model}")
    return compile_model(model, config.resolve(), how, lambda task: report.detail(f"compiling {model}: {task}"), note)


def _require_array(model: Path, program: Program) -> None:
    """Raises the complaint of the compiler about a task that is not on the array."""
    from hwacc.errors import ProgramError

    try:
        program.require_array()
    except ProgramError as error:
        raise ProgramError(f"{model}: {error}") from None


def _require_one_kind_of_input(files: tuple[Path, ...], count: int | None) -> None:
    if bool(files) == (count is not None):
        raise click.UsageError("give either --input FILE or --random N")


def _inputs(model: Path, program: Program, options: dict[str, Any]) -> Inputs:
    from hwacc.coordinator.inputs import load_input, random_inputs

    buffers = [program.buffers[index] for index in program.indices("input")]
    if options["count"] is not None:
        return random_inputs(buffers, options["count"], options["seed"])
    files = options["files"]
    if len(files) != len(buffers):
        wanted = ", ".join(f"{buffer.name} {buffer.dtype} {buffer.shape}" for buffer in buffers)
        raise InputError(f"the model has {len(buffers)} inputs ({wanted}), not {len(files)}: give --input once for each")
    return [[load_input(file, buffer) for file, buffer in zip(files, buffers)]]


def _sized(program: Program, inputs: list[Any]) -> Program:
    """``program`` itself; where it has unknown sizes, the one for ``inputs``."""
    if program.is_static:
        return program
    from hwacc.coordinator.sizes import SizedPrograms

    return SizedPrograms(program).for_shapes([array.shape for array in inputs])


def _reference(model: Path) -> Any:
    from hwacc.coordinator.check import REFERENCE, ReferenceInterpreter

    if model.suffix.lower() != CHECKED_SUFFIX:
        raise InputError(f"--check runs the model itself with {REFERENCE}, which takes {CHECKED_SUFFIX} files, not {model}")
    return ReferenceInterpreter(model)


def _run(program: Program, sets: Inputs, options: dict[str, Any], report: Progress) -> tuple[list[Run], str | None]:
    """A run for each set of inputs, and what simulated the array."""
    from hwacc.coordinator.backend import Backend
    from hwacc.coordinator.backends.cpu import CpuBackend
    from hwacc.coordinator.backends.host import HostBackend
    from hwacc.coordinator.backends.hwacc import HwaccBackend
    from hwacc.coordinator.runner import Runner, memory_needed
    from hwacc.driver.device import Device
    from hwacc.sim.step import Array

    special = {"memory_latency": options["memory_latency"], "trace": options["trace"], "array": options["array"]}
    if options["device"] == "sim":
        special |= {"progress": report, "array": Array.chosen(options["array"], waveform=options["trace"] is not None).value}
    with Device.open(options["device"], program.config, memory_bytes=memory_needed(program), **special) as device:
        backends: list[Backend] = [
            HwaccBackend(device, max_cycles=options["max_cycles"], chains=not options["each"]),
            HostBackend(CpuBackend()),
        ]
        with Runner(program, device, backends) as runner:
            runs = []
            for number, inputs in enumerate(sets, 1):
                which = f"running input {number} of {len(sets)} on {device.name}"
                report(which)
                runs.append(runner.run(inputs, lambda task, which=which: report.detail(f"{which}: {task.name}")))  # type: ignore[misc]
            return runs, getattr(device.transport, "array", None)


def _best(model: Path, labels_file: Path | None, runs: list[Run]) -> list[list[tuple[str, float]]]:
    from hwacc.coordinator.labels import labels_beside, load_labels, top

    path = labels_file or labels_beside(model)
    if path is None:
        return []
    labels = load_labels(path)
    try:
        return [top(run.outputs[0], labels) for run in runs]
    except InputError as error:
        if labels_file is not None:
            raise
        note(f"hwacc: {path} is not used: {error}")
        return []
