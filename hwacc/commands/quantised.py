"""``--quantize``: options that verbs share, calibration, and the report of errors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hwacc.commands.console import Progress, new_table, say, show_table
from hwacc.compiler.importers.fixed import Fixed
from hwacc.compiler.quantisation import ACTIVATIONS, FLOAT_RESULT, INT8_RESULT, LAYERS, TYPES, WATCHED, Quantisation
from hwacc.config import ArrayConfig

if TYPE_CHECKING:
    from hwacc.coordinator.calibration import Sample
    from hwacc.coordinator.quantisation_errors import Deviation, ErrorMeter, QuantisationErrors
    from hwacc.program import Program

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class QuantiseWish:
    """What the user said: nothing where ``kind`` is None."""

    kind: str | None
    data: Path | None
    keep: tuple[str, ...]

    def require_kind(self) -> None:
        """Raises a usage error where something was said about a quantisation that was not asked for."""
        if self.kind is None and (self.data is not None or self.keep):
            raise click.UsageError(f"{'--calibrate' if self.data else '--keep-float'} is for --quantize")


def quantise_options(command: Command) -> Command:
    """Adds ``--quantize``, ``--calibrate`` and ``--keep-float``; the command gets ``quantise``, a :class:`QuantiseWish`."""

    @functools.wraps(command)
    def wrapper(*args: Any, quantize: str | None, calibrate: Path | None, keep_float: tuple[str, ...], **kwargs: Any) -> Any:
        wish = QuantiseWish(quantize, calibrate, keep_float)
        wish.require_kind()
        return command(*args, quantise=wish, **kwargs)

    options = [
        click.option(
            "--quantize", type=click.Choice(TYPES), help="Quantise the matrix products and convolutions of floats, for the array."
        ),
        click.option(
            "--calibrate",
            type=click.Path(path_type=Path),
            metavar="DATA.npz",
            help="Samples of the inputs, by name: activations get fixed scales, else one for each row, at run time.",
        ),
        click.option("--keep-float", multiple=True, metavar="LAYER", help="Leave this layer in float."),
    ]
    for option in reversed(options):
        wrapper = option(wrapper)
    return wrapper  # type: ignore[return-value]


@dataclass(frozen=True)
class Quantiser:
    """A model that is to be quantised, and how it is compiled."""

    model: Path
    config: ArrayConfig
    fixed: Fixed
    report: Progress

    def quantisation(self, wish: QuantiseWish) -> tuple[Quantisation | None, list[Sample]]:
        """What the compiler is told, None where no quantisation is asked for; and the samples, none without calibration."""
        from hwacc.coordinator.calibration import load_samples, observed_ranges, read_arrays

        if wish.kind is None:
            return None, []
        chosen = Quantisation(keep=wish.keep)
        if wish.data is None:
            return chosen, []
        read_arrays(wish.data)  # a wrong file should not cost a compilation
        self.report(f"calibrating {self.model}")
        program = self.watched(replace(chosen, watch=ACTIVATIONS))
        samples = load_samples(wish.data, [program.buffers[i] for i in program.indices("input")])
        ranges = observed_ranges(program, WATCHED, samples, lambda number: self.report.detail(f"calibrating on sample {number}"))
        return replace(chosen, ranges=ranges), samples

    def watched(self, quantisation: Quantisation) -> Program:
        """The float program that shows what goes on inside."""
        from hwacc.compiler.options import Options
        from hwacc.compiler.pipeline import compile_model

        return compile_model(self.model, self.config, Options(backends=("cpu",), fixed=self.fixed, quantisation=quantisation))

    def meter(self, quantisation: Quantisation) -> ErrorMeter:
        """What measures the errors of the quantised model."""
        from hwacc.coordinator.quantisation_errors import ErrorMeter

        self.report(f"compiling {self.model} to measure errors")
        return ErrorMeter(self.watched(replace(quantisation, watch=LAYERS)), WATCHED, (FLOAT_RESULT, INT8_RESULT))

    def errors(self, quantisation: Quantisation, samples: Sequence[Sample]) -> QuantisationErrors:
        """The errors on ``samples``, the array's part computed by the CPU, which gives the same bits."""
        from hwacc.coordinator.host_program import HostProgram

        meter, program = self.meter(quantisation), HostProgram(self.watched(quantisation))
        for number, sample in enumerate(samples, 1):
            self.report(f"measuring errors, input {number} of {len(samples)}")
            meter.add(sample, program.run(sample))
        return meter.result()


def show_errors(errors: QuantisationErrors) -> None:
    """The report as two tables."""
    number = ("SQNR dB", "max abs", "relative", "cosine")
    for what, rows in (("layer, on the float model's activations", errors.layers), ("output of the model", errors.outputs)):
        table = new_table(what, "shape", *number, right=number)
        for row in rows:
            table.add_row(row.name, "x".join(map(str, row.shape)), *cells(row))
        show_table(table)
    say(f"int8 against float, on {errors.samples} input{'s' if errors.samples > 1 else ''}")


def cells(row: Deviation) -> list[str]:
    """The numbers of a row."""
    ratio = "exact" if row.sqnr_db is None else f"{row.sqnr_db:.1f}"
    return [ratio, f"{row.max_abs:.3g}", f"{row.relative:.3%}", f"{row.cosine:.6f}"]
