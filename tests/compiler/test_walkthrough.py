"""docs/compiler.md: every place is filled, by the commands that it names."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from hwacc.compiler.walkthrough import blocks, filled, one_of_each
from tests.cli.command import hwacc

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "compiler.md").read_text()


def test_the_page_shows_every_stage_in_order() -> None:
    assert re.findall(r"<!-- ir: ([\w-]+) -->", PAGE) == list(blocks())


def test_what_stands_in_a_place_is_made_anew_and_nothing_else() -> None:
    made = filled("before\n<!-- ir: stream -->\nold\n<!-- end -->\nafter\n")
    assert made.startswith("before\n<!-- ir: stream -->\n\n```\n; task dense_0\n") and made.endswith("```\n\n<!-- end -->\nafter\n")


def test_the_commands_of_the_page_print_the_ir_below_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = re.findall(r"```\n(hwacc opt .*?)\n```\n\n```mlir\n(.*?)```", PAGE, re.DOTALL)
    assert len(found) == 6
    for command, shown in found:
        assert hwacc(*shlex.split(command)[1:]).stdout.split() == shown.split()


def test_operations_of_a_kind_that_was_shown_are_counted() -> None:
    lines = ['  "hwacc.load"(%a)', '  "hwacc.load"(%b)', '  "hwacc.load"(%c)', '  "hwacc.store"(%d)', "  return"]
    assert one_of_each(lines) == [lines[0], "    // … 2 more", lines[3], lines[4]]
