"""What every reader has in common: the program in a process of its own whose last line :mod:`.converter` takes as an answer."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from typing import Any


class ModelFault(Exception):
    """What is wrong with the file, in words."""


def serve(convert: Callable[[], dict[str, Any]], memory_limit: int | None = None) -> int:
    """Prints what ``convert`` answers, or why it cannot, as one line of JSON; the exit status.

    ``memory_limit``: bytes of addresses that the process may use; None where the libraries reserve more than they need.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_limit is not None:
        limit_memory(memory_limit)
    try:
        answer = convert()
    except ModelFault as fault:
        answer = {"error": str(fault)}
    except ImportError as error:
        answer = {"missing": error.name}
    print(json.dumps(answer))  # noqa: T201  # the answer is this program's output
    return 0


def limit_memory(most: int) -> None:
    """Limits this process to ``most`` bytes of addresses, or to fewer where whoever started it allows fewer."""
    _, allowed = resource.getrlimit(resource.RLIMIT_AS)
    most = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
