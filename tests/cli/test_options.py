"""The configuration on the command line."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from hwacc.commands.options import CONFIG_HELP, ConfigChoice
from hwacc.config import TINY, ArrayConfig
from tests.cli.command import complaint, hwacc


def test_every_parameter_has_an_option() -> None:
    assert list(CONFIG_HELP) == [field.name for field in fields(ArrayConfig)]


def test_nothing_said_means_the_defaults_or_what_the_program_has() -> None:
    choice = ConfigChoice(None, {})
    assert choice.resolve() == ArrayConfig()
    assert choice.resolve(TINY) == TINY


def test_single_values_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    file = tmp_path / "board.json"
    file.write_text('{"rows": 8, "cols": 32}')
    assert ConfigChoice(file, {"rows": 4}).resolve(TINY) == ArrayConfig(rows=4, cols=32)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "board.json: No such file or directory"),
        ("{rows: 8}", "board.json: not JSON ("),
        ("[8, 8]", 'board.json: a configuration is a JSON object, such as {"rows": 8}'),
        ('{"lines": 8}', "board.json: unknown parameter 'lines'; known: acc_bytes, address_bits, bus_bytes,"),
        ('{"rows": 12}', "board.json: rows must be a power of two from 2 to 64, not 12"),
        ('{"rows": "8"}', "board.json: rows must be a power of two from 2 to 64, not '8'"),
    ],
)
def test_a_bad_configuration_file_is_named(tmp_path: Path, content: str | None, message: str) -> None:
    file = tmp_path / "board.json"
    if content is not None:
        file.write_text(content)
    assert message in complaint("generate", "--config", file)


def test_a_bad_value_is_explained() -> None:
    assert complaint("generate", "--rows", 3) == "rows must be a power of two from 2 to 64, not 3"


def test_dataflows_are_chosen_by_name() -> None:
    outcome = hwacc("generate", "--dataflows", "none")
    assert outcome.code == 2 and "'none' is not one of 'both', 'output-stationary', 'weight-stationary'" in outcome.stderr
