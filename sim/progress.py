"""How long-running steps tell what they are doing."""

from __future__ import annotations

import sys
from collections.abc import Callable

Progress = Callable[[str], None]
"""Takes one line without a line break."""


def to_stderr(line: str) -> None:
    """Prints the line on stderr, where progress belongs."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - stderr, not the answer


def silent(line: str) -> None:
    """Says nothing."""
