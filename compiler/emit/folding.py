"""Descriptors that work part by part: LOADs, or COMPUTEs, that follow one another as one of them.

What is to follow closely on what comes before it comes in small parts, and each part alone would cost a
descriptor. :mod:`hwacc.parts` says which descriptors a descriptor of parts stands for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hwacc import isa
from hwacc.isa import Addend

Fields = Mapping[str, int]
WAITS, SIGNALS = (tuple(field.name for field in isa.HEADER if field.name.startswith(kind)) for kind in ("wait_", "signal_"))
PLACES = {isa.LOAD.name: ("address", "local"), isa.COMPUTE.name: ("west", "north")}
"""Fields that change from part to part by the same amount."""
ALIGNS = ("align_start", "align_end")
CHANGED = {name: {*places, *WAITS, *SIGNALS, *ALIGNS, "k", "addend"} for name, places in PLACES.items()}


def folded(op: isa.Op, descriptors: Iterable[tuple[Fields, bool]]) -> list[tuple[int, dict[str, int]]]:
    """The fields of an engine's descriptors of a kind, with as many as possible of those in one that are to join the one before.

    With each, how many it stands for.
    """
    groups: list[list[Fields]] = []
    for fields, joins in descriptors:
        if groups and joins and op.name in PLACES and _continues(op, groups[-1], fields):
            groups[-1].append(fields)
        else:
            groups.append([fields])
    return [(len(group), _whole(op, group)) for group in groups]


def _continues(op: isa.Op, group: Sequence[Fields], fields: Fields) -> bool:
    """Whether ``fields`` are one more part of what a ``group`` of descriptors begins."""
    step = _step(op, group[-1], fields)
    if (
        len(group) == isa.MOST_PARTS
        or min(step) < 0
        or (len(group) > 1 and step != _step(op, *group[-2:]))
        or _kept(op, fields) != _kept(op, group[0])
    ):
        return False
    return _next_load(group, fields) if op is isa.LOAD else _next_compute(group[0], group[-1], fields)


def _next_load(group: Sequence[Fields], fields: Fields) -> bool:
    """Only the first part waits, each one signals the same, all are cut alike where they meet; loop 4 is not in use."""
    first, last = group[0], group[-1]
    signals = [fields.get(name, 0) for name in SIGNALS]
    free = first.get("count4", 1) == 1 and not first.get("bounded", 0)
    alike = first.get("align_end", 0) == last.get("align_end", 0) == fields.get("align_start", 0)
    return free and alike and not _any(fields, WAITS) and any(signals) and signals == [first.get(name, 0) for name in SIGNALS]


def _next_compute(first: Fields, last: Fields, fields: Fields) -> bool:
    """Each part is of the same length, at most the last one shorter; each waits for LOAD, if one does; only the last one signals."""
    same = fields.get("wait_load", 0) == first.get("wait_load", 0) and last["k"] == first["k"] >= fields["k"]
    adds = fields.get("addend") == Addend.ACCUMULATE
    return same and adds and not _any(fields, [name for name in WAITS if name != "wait_load"]) and not _any(last, SIGNALS)


def _whole(op: isa.Op, group: Sequence[Fields]) -> dict[str, int]:
    """One descriptor for a ``group``."""
    first, last = group[0], group[-1]
    if len(group) == 1:
        return dict(first)
    step = _step(op, *group[:2])
    if op is isa.LOAD:
        cuts = {"align_end": last.get("align_end", 0), "align_between": first.get("align_end", 0)}
        return {**first, **cuts, "count4": len(group), "stride4": step[0], "local_stride4": step[1], "signal_each": 1}
    signals = {name: last.get(name, 0) for name in SIGNALS}
    k = sum(fields["k"] for fields in group)
    return {**first, **signals, "k": k, "k_step": first["k"], "west_step": step[0], "north_step": step[1]}


def _step(op: isa.Op, before: Fields, after: Fields) -> tuple[int, int]:
    first, second = (after.get(name, 0) - before.get(name, 0) for name in PLACES[op.name])
    return first, second


def _kept(op: isa.Op, fields: Fields) -> dict[str, int]:
    """What is the same in all parts."""
    changed = CHANGED[op.name]
    return {name: value for name, value in fields.items() if value and name not in changed}


def _any(fields: Fields, names: Iterable[str]) -> bool:
    return any(fields.get(name, 0) for name in names)
