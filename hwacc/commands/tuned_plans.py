"""Options of verbs that compile: which measured plans to take, and whether to measure them first."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from hwacc.commands.console import answer_json, note, progress
from hwacc.commands.interruption import terminated_like_interrupted
from hwacc.commands.options import memory_latency_option
from hwacc.compiler.options import Options
from hwacc.config import ArrayConfig
from hwacc.errors import HwaccError

Command = TypeVar("Command", bound=Callable[..., Any])
SUFFIX = ".tuned.json"

HELP_TUNE = """Run the N best plans of each product on the simulated RTL (the array in it as C++, equal cycle by cycle); the fastest go to
the file of --tuned, which this and later compilations take. What the file has of as many plans is not measured again."""
HELP_TUNED = f"Measured plans, written by --tune.  [default: MODEL's name with {SUFFIX}, beside MODEL, if it is there]"
tuned_option = click.option("--tuned", type=click.Path(path_type=Path), metavar="FILE", help=HELP_TUNED)


@dataclass(frozen=True)
class TuningChoice:
    """What the user said: plans of each product to measure, the file, and the latency of memory; None each where nothing was said."""

    count: int | None
    path: Path | None
    memory_latency: int | None

    def check(self, *, other_answer: bool) -> None:
        """Raises a usage error where the options contradict each other; ``other_answer``: the user wants to see something else."""
        if self.count is not None and other_answer:
            raise click.UsageError("--tune has an answer of its own; ask for the other one afterwards, of the tuned plans")
        if self.memory_latency is not None and self.count is None:
            raise click.UsageError("--memory-latency is for --tune, which simulates memory")

    def measure(self, model: Path, config: ArrayConfig, options: Options, *, as_json: bool) -> None:
        """Measures plans, if that was asked for, writes the file and shows what was found."""
        if self.count is None:
            return
        from hwacc.commands.tune import Tuning, show, summary, tune
        from hwacc.driver.transports.sim import DEFAULT_MEMORY_LATENCY

        latency = DEFAULT_MEMORY_LATENCY if self.memory_latency is None else self.memory_latency
        tuning = Tuning(model, config, options, _writable(self.path or beside(model)), self.count, latency)
        with terminated_like_interrupted(), progress() as report:
            found = tune(tuning, report)
        if as_json:
            answer_json(summary(found, tuning))
        elif found:
            show(found)
        again = sum(each.before for each in found)
        more = f", {again} of them before: delete the file to measure these again" if again else ""
        note(f"{tuning.target}: {len(found)} products measured{more}" if found else "nothing to tune: the array has no task of known size")


def tuning_options(command: Command) -> Command:
    """Adds ``--tune``, ``--tuned`` and ``--memory-latency``; the command gets ``tuning``, a :class:`TuningChoice`."""

    @functools.wraps(command)
    def wrapper(*args: Any, tune: int | None, tuned: Path | None, memory_latency: int | None, **kwargs: Any) -> Any:
        return command(*args, tuning=TuningChoice(tune, tuned, memory_latency), **kwargs)

    count = click.option("--tune", type=click.IntRange(1, 1000), metavar="N", help=HELP_TUNE)
    return count(tuned_option(memory_latency_option(wrapper)))  # type: ignore[return-value]


def tuned_plans(model: Path, path: Path | None) -> Path | None:
    """The file that the user named, or the one beside ``model`` if it is there."""
    return path or (beside(model) if beside(model).is_file() else None)


def beside(model: Path) -> Path:
    """The file of measured plans beside a model."""
    return model.with_suffix(SUFFIX)


def _writable(path: Path) -> Path:
    """``path``, if it can be written: measuring takes minutes."""
    if not os.access(path.parent, os.W_OK) or path.is_dir():
        raise HwaccError(f"{path}: cannot be written; name another file with --tuned")
    return path
