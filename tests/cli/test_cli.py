"""The command itself: help, exit codes, how errors look."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from hwacc.cli import VERBS, Verbs
from hwacc.errors import ModelError
from tests.cli.command import complaint, hwacc


def test_help_lists_every_verb() -> None:
    text = hwacc("--help").stdout
    assert all(f"  {verb} " in text and words in text for verb, words in VERBS.items())


@pytest.mark.parametrize("verb", [[verb] for verb in VERBS] + [["bench", "gemm"], ["bench", "simulator"]])
def test_every_verb_has_help_with_examples(verb: list[str]) -> None:
    outcome = hwacc(*verb, "--help")
    assert outcome.code == 0
    assert f"Examples:\n    hwacc {' '.join(verb)}" in outcome.stdout


def test_help_imports_no_layer() -> None:
    """What makes `hwacc --help` quick: nothing heavier than click is loaded."""
    script = "import sys; from hwacc.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules, file=sys.stderr)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr.split()
    heavy = {"numpy", "mlir", "amaranth", "rich", "PIL", "tflite_micro", "hwacc.driver", "hwacc.compiler", "hwacc.sim", "hwacc.rtl"}
    assert "hwacc.cli" in modules and not heavy & set(modules)


def test_an_unknown_verb_is_a_usage_error() -> None:
    outcome = hwacc("simulate")
    assert outcome.code == 2 and "No such command 'simulate'" in outcome.stderr


def test_a_missing_argument_is_a_usage_error() -> None:
    assert hwacc("compile").code == 2


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> dict[str, BaseException]:
    """Replaces the verb ``devices`` by one that raises what the test puts here."""
    holder: dict[str, BaseException] = {}

    @click.command()
    def verb() -> None:
        raise holder["error"]

    monkeypatch.setattr(Verbs, "get_command", lambda self, context, name: verb)
    return holder


def test_an_error_becomes_one_line_and_exit_code_1(raising: dict[str, BaseException]) -> None:
    raising["error"] = ModelError("net.tflite: first line\n  second line")
    assert complaint("devices") == "net.tflite: first line second line"


def test_running_out_of_memory_is_one_line_too(raising: dict[str, BaseException]) -> None:
    raising["error"] = MemoryError()
    assert complaint("devices") == "this is more than the memory of this machine holds; try something smaller"


def test_an_interruption_exits_with_130(raising: dict[str, BaseException]) -> None:
    raising["error"] = KeyboardInterrupt()
    outcome = hwacc("devices")
    assert (outcome.code, outcome.stderr) == (130, "hwacc: interrupted\n")


def test_a_defect_is_not_hidden(raising: dict[str, BaseException]) -> None:
    raising["error"] = ZeroDivisionError("a defect of ours")
    with pytest.raises(ZeroDivisionError):
        hwacc("devices")


def test_a_reader_who_goes_away_is_no_error(program: object) -> None:
    command = f"set -o pipefail; {sys.executable} -m hwacc.cli disasm {program} | head -n 1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_devices_lists_names_and_states() -> None:
    rows = json.loads(hwacc("devices", "--json").stdout)["devices"]
    assert [row["name"] for row in rows] == ["sim", "model"]
    assert "model" in hwacc("devices").stdout
