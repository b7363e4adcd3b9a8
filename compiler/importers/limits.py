"""What a reader may use: a damaged file may ask for anything."""

from __future__ import annotations

import resource


def limit_memory(most: int) -> None:
    """Limits this process to ``most`` bytes of addresses, or to fewer where whoever started it allows fewer, and to no core dump."""
    _, allowed = resource.getrlimit(resource.RLIMIT_AS)
    most = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
