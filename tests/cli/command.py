"""Runs ``hwacc`` in this process."""

from __future__ import annotations

from dataclasses import dataclass

from click.testing import CliRunner

from hwacc.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a call left behind."""

    code: int
    stdout: str
    stderr: str


def hwacc(*arguments: object) -> Outcome:
    """Calls the command; an exception that escapes it is raised here."""
    try:
        runner = CliRunner(mix_stderr=False)  # click up to 8.1
    except TypeError:
        runner = CliRunner()
    result = runner.invoke(main, [str(argument) for argument in arguments], prog_name="hwacc", catch_exceptions=False)
    return Outcome(result.exit_code, result.stdout, result.stderr)


def complaint(*arguments: object) -> str:
    """The one line that a failing call prints on stderr, without progress; stdout is empty and the exit code 1."""
    outcome = hwacc(*arguments)
    lines = outcome.stderr.splitlines()
    assert outcome.code == 1 and outcome.stdout == "", outcome
    assert lines[-1].startswith("hwacc: error: ") and not any("error" in line for line in lines[:-1]), lines
    return lines[-1].removeprefix("hwacc: error: ")
