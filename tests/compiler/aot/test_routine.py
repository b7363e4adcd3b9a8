"""What compiled programs call is what ``hwacc.h`` declares."""

from __future__ import annotations

import re
from pathlib import Path

from hwacc.compiler.aot.entry import COMPLETION
from hwacc.compiler.aot.routine import CALLS
from hwacc.sim.compile import DRIVER

HEADER = (DRIVER / "hwacc.h").read_text()
PAGE = (Path(__file__).parents[3] / "docs" / "c_abi.md").read_text()
WIDTHS = {"uint32_t": "i32", "uint64_t": "i64", "size_t": "i64", "hwacc_address": "i64"}
"""LLVM's type for C's on a 64-bit processor."""


def declared() -> dict[str, tuple[str, tuple[str, ...]]]:
    """What each function of the header returns, and its arguments' types as in :data:`CALLS`."""
    found = {}
    for result, name, arguments in re.findall(r"^([a-z ]+\*?) ?(hwacc_\w+)\(([^)]*)\);$", HEADER, re.MULTILINE):
        types = tuple("ptr" if "*" in one else WIDTHS[one.split()[0]] for one in arguments.split(", ") if one != "void")
        found[name] = (result.strip(), types)
    return found


def test_calls_have_the_types_of_the_header() -> None:
    functions = declared()
    assert len(functions) == 12
    for name, types in CALLS.items():
        assert functions[name] == ("int", types), name


def test_the_completion_has_the_fields_of_the_header() -> None:
    fields = re.search(r"struct hwacc_completion \{(.*?)\}", HEADER, re.DOTALL)
    assert fields is not None
    types = re.findall(r"^    (uint\d+_t) \w+;", fields[1], re.MULTILINE)
    assert f"struct<({', '.join(WIDTHS[kind] for kind in types)})>" == COMPLETION


def test_the_page_names_every_function() -> None:
    assert {name for name in declared() if f"`{name}`" not in PAGE} == set()
