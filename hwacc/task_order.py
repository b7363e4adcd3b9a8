"""In which order the tasks of a program run: one backend's behind one another where the graph allows."""

from __future__ import annotations

from collections.abc import Sequence

from hwacc.program import Implementation, Task

Choice = tuple[Task, Implementation]
"""A task, and which of its implementations is to run."""


def names_of(row: Sequence[Choice]) -> str:
    """What to call tasks in a row in a message."""
    first, last = row[0][0].name, row[-1][0].name
    return f"task {first}" if len(row) == 1 else f"tasks {first} to {last}"


def in_order(chosen: Sequence[Choice]) -> list[Choice]:
    """An order in which they can run, that stays with a backend as long as there is work for it; else that of the program."""
    needs, waiting, backend = _needs(chosen), dict(enumerate(chosen)), ""
    order = []
    while waiting:
        ready = [number for number in waiting if needs[number].isdisjoint(waiting)]
        number = next((number for number in ready if waiting[number][1].backend == backend), ready[0])
        order.append(waiting.pop(number))
        backend = order[-1][1].backend
    return order


def _needs(chosen: Sequence[Choice]) -> list[set[int]]:
    """For each task the earlier ones that must be over: those that touch a buffer which either of the two writes."""
    writer: dict[int, int] = {}
    readers: dict[int, list[int]] = {}
    needs: list[set[int]] = []
    for number, (task, implementation) in enumerate(chosen):
        touched = {*implementation.buffers, *task.reads, *task.writes}
        needs.append({writer[buffer] for buffer in touched if buffer in writer})
        for buffer in touched:
            if buffer in task.writes:
                needs[-1].update(readers.pop(buffer, []))
                writer[buffer] = number
            else:
                readers.setdefault(buffer, []).append(number)
    return needs
