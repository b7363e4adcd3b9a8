"""In which order the tasks of a program run: one backend's behind one another where the graph allows."""

from __future__ import annotations

from collections.abc import Sequence

from hwacc.arena import needs
from hwacc.program import Implementation, Task, use_of

Choice = tuple[Task, Implementation]
"""A task, and which of its implementations is to run."""


def names_of(row: Sequence[Choice]) -> str:
    """What to call tasks in a row in a message."""
    first, last = row[0][0].name, row[-1][0].name
    return f"task {first}" if len(row) == 1 else f"tasks {first} to {last}"


def in_order(chosen: Sequence[Choice]) -> list[Choice]:
    """An order in which they can run, that stays with a backend as long as there is work for it; else that of the program."""
    waits, waiting, backend = needs([use_of(task) for task, _ in chosen]), dict(enumerate(chosen)), ""
    order = []
    while waiting:
        ready = [number for number in waiting if waits[number].isdisjoint(waiting)]
        number = next((number for number in ready if waiting[number][1].backend == backend), ready[0])
        order.append(waiting.pop(number))
        backend = order[-1][1].backend
    return order
