"""Access patterns: what LOAD reads, as windows of a picture, and the descriptors that read it.

An :class:`Access` has no limits; :func:`load_fields` splits it until each part
fits the fields of a LOAD, and makes runs as long as they can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

from hwacc import isa

_LIMITS = {field.name: (field.low, field.high) for field in isa.LOAD.fields}
_LONGEST_RUN = _LIMITS["run"][1]
_ADDRESSES = 1 << isa.ADDRESS_BITS
Cuts = tuple[bool, bool]
"""Whether runs are cut at their start, and at their end."""
WHOLE: Cuts = (False, False)
_AS_FOURTH = {f"{name}2": f"{name}4" for name in ("count", "stride", "local_stride")}
X_SLOTS, Y_SLOTS = (1, 3), (2, 4)
"""LOAD's loops that move x and y."""


class Picture(NamedTuple):
    """Rows of bytes, one after the other, from byte ``base`` of a buffer."""

    row_bytes: int
    rows: int
    base: int = 0


@dataclass(frozen=True)
class Loop:
    """``count`` iterations, each ``x`` bytes and ``y`` rows further, and ``local`` bytes in the target. None is negative."""

    count: int
    x: int = 0
    y: int = 0
    local: int = 0

    @property
    def x_extent(self) -> int:
        """Bytes from the first iteration to the last."""
        return (self.count - 1) * self.x

    @property
    def y_extent(self) -> int:
        """Rows from the first iteration to the last."""
        return (self.count - 1) * self.y


class Access(NamedTuple):
    """Runs of ``run`` bytes from (``x``, ``y``) on, repeated by ``loops``, innermost first; outside the picture is ``pad``.

    At most four loops. Where the access leaves the picture, two of them move x and two y.

    cuts
        Where runs are cut out of longer ones, of which other accesses bring the bytes before the start, or behind the end: there
        each run begins, or ends, at a beat boundary, so that no beat is read twice. Inside the picture only.
    """

    picture: Picture
    x: int
    y: int
    run: int
    loops: tuple[Loop, ...] = ()
    local: int = 0
    pad: int = 0
    cuts: Cuts = WHOLE

    @property
    def x_end(self) -> int:
        """One more than the largest x."""
        end = self.x + self.run
        for loop in self.loops:
            end += loop.x_extent
        return end

    @property
    def y_end(self) -> int:
        """One more than the largest y."""
        end = self.y + 1
        for loop in self.loops:
            end += loop.y_extent
        return end

    @property
    def inside(self) -> bool:
        """Whether all bytes are in the picture."""
        return self.x >= 0 and self.y >= 0 and self.x_end <= self.picture.row_bytes and self.y_end <= self.picture.rows

    @property
    def outside(self) -> bool:
        """Whether no byte is in the picture, as far as the corners tell."""
        return self.x_end <= 0 or self.y_end <= 0 or self.x >= self.picture.row_bytes or self.y >= self.picture.rows

    def stride(self, loop: Loop) -> int:
        """Bytes in memory from one iteration to the next."""
        return loop.x + loop.y * self.picture.row_bytes


def load_fields(access: Access) -> Iterator[dict[str, int]]:
    """Field values of the LOADs that do ``access``; target and tokens are left to the caller."""
    if any(loop.count == 1 for loop in access.loops):
        access = access._replace(loops=tuple(loop for loop in access.loops if loop.count > 1))
    for part in _cut_evenly(access):
        long = _with_long_runs(part)
        culprit = _culprit(long)
        if culprit is None:
            yield _encode(long)
        else:
            for half in _halves(long, culprit):
                yield from load_fields(half)


def _contiguous(access: Access) -> list[tuple[int, Loop]]:
    """The loops whose iterations follow one another in memory and in the target, with their indices; none if the access is at an edge."""
    found = [(index, loop) for index, loop in enumerate(access.loops) if loop.local == access.run]
    if not found or access.outside:
        return found
    return [(index, loop) for index, loop in found if access.stride(loop) == access.run] if access.inside else []


def _cut_evenly(access: Access) -> Iterator[Access]:
    """``access``; if it is contiguous but its iterations make no runs of half the field's limit or more, in two parts that do."""
    most = max(_LONGEST_RUN // access.run, 1)
    for index, loop in _contiguous(access):
        if loop.count > most > 2 * _largest_divisor(loop.count, most):
            yield from _parts(access, index, loop.count - loop.count % most)
            return
    yield access


def _with_long_runs(access: Access) -> Access:
    """Makes one run of what is contiguous in memory and in the target, as long as the field allows."""
    for position, loop in () if any(access.cuts) else _contiguous(access):
        together = _largest_divisor(loop.count, _LONGEST_RUN // access.run)
        if together == 1:
            continue
        rest = Loop(loop.count // together, loop.x * together, loop.y * together, loop.local * together)
        loops = (*access.loops[:position], *([rest] if rest.count > 1 else []), *access.loops[position + 1 :])
        return _with_long_runs(_flat(access, access.run * together, loops))
    return access


def _largest_divisor(number: int, limit: int) -> int:
    return next((d for d in range(min(number, limit), 1, -1) if number % d == 0), 1)


def _flat(access: Access, run: int, loops: tuple[Loop, ...]) -> Access:
    """``access`` with other runs, seen as one long row: a run may now pass the end of the picture's row."""
    picture = access.picture
    if access.outside:
        return access._replace(
            picture=Picture(0, 0, picture.base), x=0, y=0, run=run, loops=tuple(Loop(p.count, local=p.local) for p in loops)
        )
    linear = tuple(Loop(loop.count, access.stride(loop), 0, loop.local) for loop in loops)
    row = Picture(picture.row_bytes * picture.rows, 1, picture.base)
    return access._replace(picture=row, x=access.x + access.y * picture.row_bytes, y=0, run=run, loops=linear)


def moved_ends(access: Access, start: int, end: int) -> Access:
    """``access``, inside its picture, with runs that begin ``start`` bytes earlier and end ``end`` bytes earlier, in whichever row."""
    flat = _flat(access, access.run + start - end, access.loops)
    return flat._replace(x=flat.x - start, local=flat.local - start)


def _culprit(access: Access) -> int | None:
    """What to split for the access to fit into one LOAD: -1 the run, else the index of a loop; None if it fits."""
    if not _fits("run", access.run):
        return -1
    for index, loop in enumerate(access.loops):
        if not (_fits("count1", loop.count) and _fits("stride1", access.stride(loop)) and _fits("local_stride1", loop.local)):
            return index
    if access.inside or access.outside:
        return None
    for index, loop in enumerate(access.loops):
        if not _fits("y_step2", loop.y):
            return index
    if not (_fits("x0", min(access.x, 0)) and _fits("x_limit", _limit(access.x, access.x_end, access.picture.row_bytes))):
        return _largest([loop.x_extent for loop in access.loops], access.run)
    if not (_fits("y0", min(access.y, 0)) and _fits("y_limit", _limit(access.y, access.y_end, access.picture.rows))):
        return _largest([loop.y_extent for loop in access.loops], 0)
    return None


def _fits(name: str, value: int) -> bool:
    low, high = _LIMITS[name]
    return low <= value <= high


def _limit(first: int, end: int, size: int) -> int:
    """The bound, counted from ``first`` where that is inside; no larger than it need be."""
    return min(end, size) - max(first, 0)


def _largest(extents: list[int], run: int) -> int:
    """Index of the largest extent; -1 if the run is larger."""
    best = max(range(len(extents)), key=extents.__getitem__, default=-1)
    return best if best >= 0 and extents[best] > run else -1


def _halves(access: Access, index: int) -> tuple[Access, Access]:
    if index < 0:
        half, (at_start, at_end) = access.run // 2, access.cuts
        second = access._replace(run=access.run - half, x=access.x + half, local=access.local + half, cuts=(False, at_end))
        return access._replace(run=half, cuts=(at_start, False)), second
    return _parts(access, index, access.loops[index].count // 2)


def _parts(access: Access, index: int, first: int) -> tuple[Access, Access]:
    """The ``first`` iterations of a loop, and the others."""
    loop = access.loops[index]

    def loops(count: int) -> tuple[Loop, ...]:
        return (*access.loops[:index], replace(loop, count=count), *access.loops[index + 1 :])

    second = access._replace(x=access.x + first * loop.x, y=access.y + first * loop.y, local=access.local + first * loop.local)
    return access._replace(loops=loops(first)), second._replace(loops=loops(loop.count - first))


def _encode(access: Access) -> dict[str, int]:
    """The fields; see :data:`hwacc.isa.LOAD` for what x and y mean there."""
    picture = access.picture
    fields = {"run": access.run, "local": access.local}
    fields["address"] = (picture.base + access.x + access.y * picture.row_bytes) % _ADDRESSES
    if access.inside:
        fields |= {name: 1 for name, cut in zip(("align_start", "align_end"), access.cuts) if cut}
        return fields | _loop_fields([(slot, loop, access.stride(loop), 0) for slot, loop in enumerate(access.loops, 1)])
    if access.outside:
        fields |= {"address": picture.base % _ADDRESSES, "bounded": 1, "pad": access.pad}
        return fields | _loop_fields([(slot, loop, 0, 0) for slot, loop in enumerate(access.loops, 1)])
    fields |= {"bounded": 1, "pad": access.pad, "x0": min(access.x, 0), "x_limit": _limit(access.x, access.x_end, picture.row_bytes)}
    fields |= {"y0": min(access.y, 0), "y_limit": _limit(access.y, access.y_end, picture.rows)}
    x_loops = [(loop, loop.x, 0) for loop in access.loops if not loop.y]
    y_loops = [(loop, loop.y * picture.row_bytes, loop.y) for loop in access.loops if loop.y]
    placed = list(zip(X_SLOTS, x_loops)) + list(zip(Y_SLOTS, y_loops))
    assert len(placed) == len(access.loops) and not any(loop.x and loop.y for loop in access.loops)
    return fields | _loop_fields([(slot, *entry) for slot, entry in placed])


def _loop_fields(placed: list[tuple[int, Loop, int, int]]) -> dict[str, int]:
    """Fields of loops given as (number, loop, stride in memory, step of y)."""
    fields: dict[str, int] = {}
    for slot, loop, stride, y_step in placed:
        fields |= {f"count{slot}": loop.count, f"stride{slot}": stride, f"local_stride{slot}": loop.local}
        if y_step:
            fields[f"y_step{slot}"] = y_step
    return fields


def shortened(fields: Mapping[str, int]) -> dict[str, int]:
    """The same LOAD, with its second loop as the fourth one if that makes the descriptor a short one."""
    if fields.get("count2", 1) == 1 or fields.get("count4", 1) > 1:
        return dict(fields)
    moved = {_AS_FOURTH.get(name, name): value for name, value in fields.items()}
    return dict(fields) if isa.LOAD.needs_long(moved) else moved


def boxes(low: int, high: int, sizes: tuple[int, ...]) -> Iterator[tuple[tuple[int, int], ...]]:
    """The flat range ``low`` to ``high`` of a row-major array as boxes, in order; a box is a (first, end) for each dimension."""
    if len(sizes) == 1:
        yield ((low, high),)
        return
    inner = prod(sizes[1:])
    first, end = -(-low // inner), high // inner
    if first > end:
        yield from (((end, end + 1), *box) for box in boxes(low - end * inner, high - end * inner, sizes[1:]))
        return
    if low < first * inner:
        yield from (((first - 1, first), *box) for box in boxes(low - (first - 1) * inner, inner, sizes[1:]))
    if first < end:
        yield ((first, end), *((0, size) for size in sizes[1:]))
    if end * inner < high:
        yield from (((end, end + 1), *box) for box in boxes(0, high - end * inner, sizes[1:]))
