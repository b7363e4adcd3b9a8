"""Chooses blockings for parts of a program's products, as a process that :mod:`.choices` starts.

Reads (configuration, [(products, effort), …]) from stdin and writes what :func:`hwacc.compiler.emit.planner.choose` gives for each part
to stdout, pickled.
"""

from __future__ import annotations

import gc
import pickle
import sys

from hwacc.compiler.emit.planner import choose

OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""Hardly any are garbage in a cycle, while plans of large models are many objects to look through: a tenth of the time, at Python's 700."""


def main() -> int:
    """Does it."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    config, parts = pickle.load(sys.stdin.buffer)
    for specs, effort in parts:
        pickle.dump(choose(specs, config, effort, lambda spec: None), sys.stdout.buffer)
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
