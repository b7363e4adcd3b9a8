"""What ``hwacc run`` prints: tables, or one JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwacc.commands.console import new_table, percent, say, show_table
from hwacc.commands.options import ARRAYS
from hwacc.commands.quantised import show_errors

if TYPE_CHECKING:
    from hwacc.commands.session import Session
    from hwacc.coordinator.runner import TaskRecord


def to_json(session: Session) -> dict[str, Any]:
    """The whole session. ``tasks`` and ``totals`` are of the first inference; cycles are null where nobody counts them, and of a
    chain stand at its last task.

    ``outputs`` holds, for each set of inputs, the nested values of each output.
    """
    records = session.runs[0].tasks
    return {
        "model": session.program.name,
        "device": session.device,
        "array": session.array,
        "config": session.program.config.to_dict(),
        "tasks": [_task(record) for record in records],
        "totals": {
            "macs": sum(record.task.macs for record in records),
            "macs_by_backend": macs_by_backend(records),
            "cycles": cycles(records),
        },
        "outputs": [[output.tolist() for output in run.outputs] for run in session.runs],
        "labels": [[{"label": label, "value": value} for label, value in best] for best in session.best],
        "seed": session.seed,
        "check": vars(session.check) if session.check is not None else None,
        "quantisation": session.errors.to_dict() if session.errors is not None else None,
    }


def macs_by_backend(records: tuple[TaskRecord, ...]) -> dict[str, int]:
    """Multiply-accumulates that each backend did."""
    totals: dict[str, int] = {}
    for record in records:
        totals[record.backend] = totals.get(record.backend, 0) + record.task.macs
    return totals


def cycles(records: tuple[TaskRecord, ...]) -> int | None:
    """Device cycles of all tasks; None if the device does not count, or did nothing."""
    counted = [record.cycles for record in records if record.cycles is not None]
    return sum(counted) if counted else None


def print_report(session: Session) -> None:
    """Labels, the tasks of the first inference, totals, what the CPU did and why, and the result of the check."""
    _print_outputs(session)
    records = session.runs[0].tasks
    peak = session.program.config.macs_per_cycle
    show_table(_task_table(records, peak))
    _print_totals(session, records, peak)
    _print_host_tasks(records)
    _print_check(session)
    if session.errors is not None:
        show_errors(session.errors)


def _task(record: TaskRecord) -> dict[str, Any]:
    task = record.task
    return {
        "name": task.name,
        "kind": task.kind,
        "shape": task.shape,
        "macs": task.macs,
        "backend": record.backend,
        "cycles": record.cycles,
        "chained": record.chained,
        "reason": task.reason,
    }


def _print_outputs(session: Session) -> None:
    if session.seed is not None:
        say(f"{len(session.runs)} random inputs, seed {session.seed}")
    for number, best in enumerate(session.best):
        which = f"input {number + 1}: " if len(session.runs) > 1 else ""
        (label, value), *others = best
        rest = ", ".join(f"{name} {score:g}" for name, score in others)
        say(f"{which}{label} ({value:g}; then {rest})")
    if not session.best and len(session.runs) == 1:
        for output in session.runs[0].outputs:
            say(f"output {output.dtype} {output.shape}: {_abbreviated(output)}")


def _abbreviated(output: Any) -> str:
    flat = output.reshape(-1)
    shown = " ".join(f"{value:g}" for value in flat[:12])
    return shown if flat.size <= 12 else f"{shown} … ({flat.size} elements)"


def _task_table(records: tuple[TaskRecord, ...], peak: int) -> Any:
    numbers = ("MACs", "device cycles", "% of peak")
    table = new_table("task", "kind", "shape", "MACs", "backend", "device cycles", "% of peak", right=numbers)
    macs = 0
    for record in records:
        task = record.task
        macs += task.macs
        share = percent(macs, record.cycles * peak) if record.cycles else ""
        count = "↓" if record.chained else f"{record.cycles:,}" if record.cycles is not None else ""
        if not record.chained:
            macs = 0
        table.add_row(task.name, task.kind, task.shape, f"{task.macs:,}", record.backend, count, share)
    return table


def _print_totals(session: Session, records: tuple[TaskRecord, ...], peak: int) -> None:
    config = session.program.config
    macs = sum(record.task.macs for record in records)
    total = cycles(records)
    say(f"{session.program.name} on {session.device}, {config.rows}×{config.cols} array: {macs:,} MACs")
    if session.array is not None:
        say(f"  array, feeders, buffers: {ARRAYS[session.array]}")
    for backend, count in macs_by_backend(records).items():
        say(f"  {backend}: {count:,} MACs, {percent(count, macs)}")
    if total is None:
        on_array = any(record.backend == "hwacc" for record in records)
        say(f"  device cycles: not counted by {session.device!r}" if on_array else "  device cycles: none, nothing ran on the array")
        return
    on_device = sum(record.task.macs for record in records if record.chained or record.cycles is not None)
    say(f"  device cycles: {total:,}, {percent(on_device, total * peak)} of the array's peak")


def _print_host_tasks(records: tuple[TaskRecord, ...]) -> None:
    others = [record for record in records if record.backend != "hwacc"]
    if not others:
        say("  every task ran on the array")
        return
    say("not on the array:")
    reasons: dict[tuple[str, str], list[str]] = {}
    for record in others:
        reasons.setdefault((record.backend, record.task.reason), []).append(record.task.name)
    for (backend, reason), names in reasons.items():
        say(f"  on {backend}: {', '.join(names)}")
        say(f"    {reason or 'the compiler gave no reason'}")


def _print_check(session: Session) -> None:
    check = session.check
    if check is None:
        return
    result = "equal, bit for bit" if not check.mismatches else f"{check.mismatches} DIFFER"
    inputs = "1 input" if check.inputs == 1 else f"{check.inputs} inputs"
    say(f"check against {check.reference}: {inputs}, {check.elements} output elements, {result}")
