"""Why a task is not on the array: ``hwacc compile --explain``."""

from __future__ import annotations

from typing import Any

from hwacc.commands.console import new_table, percent, say, show_table
from hwacc.program import Program, Task


def elsewhere(program: Program) -> list[Task]:
    """The tasks that the array does not run."""
    return [task for task in program.tasks if all(each.backend != "hwacc" for each in task.implementations)]


def explanation(program: Program) -> dict[str, Any]:
    """The tasks that are not on the array, as data: each with its operations, location and reason."""
    names = ("name", "kind", "shape", "macs", "operations", "location", "reason")
    rows = [{name: getattr(task, name) for name in names} for task in elsewhere(program)]
    return {"model": program.name, "config": program.config.to_dict(), "tasks": len(program.tasks), "not_on_array": rows}


def show_explanation(program: Program) -> None:
    """The same as a table, and how much of the work is on the array."""
    others = elsewhere(program)
    if others:
        table = new_table("task", "operations", "location", "MACs", "not on the array because", right=("MACs",))
        for task in others:
            table.add_row(task.name, task.operations, task.location or "unknown", f"{task.macs:,}", task.reason)
        show_table(table)
    total = sum(task.macs for task in program.tasks)
    share = percent(total - sum(task.macs for task in others), total)
    say(f"on the array: {len(program.tasks) - len(others)} of {len(program.tasks)} tasks, {share} of the multiply-accumulates")
