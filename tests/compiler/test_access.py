"""Access patterns: boxes of flat ranges, and the LOADs that read windows of a picture."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from hwacc import isa
from hwacc.compiler.emit.access import Access, Loop, Picture, boxes, load_fields, shortened
from hwacc.config import ArrayConfig
from hwacc.driver.transports.functional import FunctionalModel

Bytes = NDArray[np.uint8]
LARGE = ArrayConfig(spm_bytes=2 * 2**20)


def loaded(access: Access, memory: Bytes, size: int, *, short: bool = False) -> Bytes:
    """What the west buffer holds after the LOADs of ``access``, or of their short forms where there are any."""
    model = FunctionalModel(LARGE)
    loads = [shortened(fields) if short else fields for fields in load_fields(access)]
    outcome = model.execute(memory, [isa.describe(isa.LOAD, **fields) for fields in loads])
    assert outcome.status is isa.Status.OK, outcome
    return model.state.west[:size]


def meant(access: Access, memory: Bytes, size: int) -> Bytes:
    """The same by the definition of :class:`Access`."""
    target, picture = np.zeros(size, np.uint8), access.picture
    for index in product(*(range(loop.count) for loop in access.loops)):
        x = access.x + sum(i * loop.x for i, loop in zip(index, access.loops))
        y = access.y + sum(i * loop.y for i, loop in zip(index, access.loops))
        local = access.local + sum(i * loop.local for i, loop in zip(index, access.loops))
        low, high = np.clip([-x, picture.row_bytes - x], 0, access.run) if 0 <= y < picture.rows else (0, 0)
        target[local : local + access.run] = access.pad & 0xFF
        start = picture.base + y * picture.row_bytes + x
        if low < high:
            target[local + low : local + high] = memory[start + low : start + high]
    return target


@pytest.mark.parametrize("seed", range(60))
def test_loads_read_what_the_access_means(seed: int) -> None:
    rng = np.random.default_rng(seed)
    memory = rng.integers(1, 255, 8192, dtype=np.uint8)
    picture = Picture(int(rng.integers(1, 60)), int(rng.integers(1, 20)), int(rng.integers(0, 500)))
    line = int(rng.integers(1, 30))
    loops = (
        Loop(int(rng.integers(1, 4)), x=int(rng.integers(1, 20)), local=line),
        Loop(int(rng.integers(1, 4)), y=int(rng.integers(1, 5)), local=4 * line),
        Loop(int(rng.integers(1, 4)), x=int(rng.integers(1, 20)), local=16 * line),
        Loop(int(rng.integers(1, 4)), y=int(rng.integers(1, 5)), local=64 * line),
    )
    access = Access(picture, int(rng.integers(-30, 61)), int(rng.integers(-8, 21)), int(rng.integers(1, line + 1)), loops, pad=-1)
    for short in (False, True):
        np.testing.assert_array_equal(loaded(access, memory, 256 * line, short=short), meant(access, memory, 256 * line))


@pytest.mark.parametrize(("loops", "size"), [(1, isa.SHORT_BYTES), (2, isa.SHORT_BYTES), (3, isa.LONG_BYTES)])
def test_up_to_two_loops_inside_the_picture_make_a_short_descriptor_whatever_the_padding(loops: int, size: int) -> None:
    nest = tuple(Loop(2, x=3 + number, local=5 << number) for number in range(1, loops + 1))
    access, memory = Access(Picture(90, 1), 2, 0, 2, nest, pad=-7), np.arange(90, dtype=np.uint8)
    (fields,) = load_fields(access)
    assert isa.describe(isa.LOAD, **shortened(fields)).size == size
    np.testing.assert_array_equal(loaded(access, memory, 99, short=True), meant(access, memory, 99))


def test_a_second_loop_stays_where_the_fourth_is_in_use_or_bounds_tell_them_apart() -> None:
    for more in ({"count4": 2}, {"bounded": 1, "y_step2": 1}):
        fields = {"run": 4, "count2": 3, "stride2": 9, "local_stride2": 4, **more}
        assert shortened(fields) == fields


HIGH = {field.name: field.high for field in isa.LOAD.fields}
BEYOND_THE_FIELDS = {
    "run": Access(Picture(300_000, 1), 7, 0, HIGH["run"] + 3),
    "run at an edge": Access(Picture(70_000, 1), -2, 0, HIGH["run"] + 9, pad=5),
    "count": Access(Picture(2, 70_000), 0, 0, 1, (Loop(HIGH["count1"] + 2, y=1, local=3),)),
    "y step": Access(Picture(4, 700), 1, -1, 4, (Loop(3, y=300, local=5),), pad=5),
    "x0": Access(Picture(9, 2), -HIGH["x0"] - 90, 1, 2, (Loop(3, x=HIGH["x0"] // 2 + 45, local=2),), pad=5),
    "x limit": Access(Picture(2 * HIGH["x_limit"], 1), 3, -1, 4, (Loop(3, x=HIGH["x_limit"] - 9, local=4), Loop(2, y=1, local=12)), pad=5),
    "y0": Access(Picture(2, 40_000), 0, HIGH["y0"] * -2, 3, (Loop(HIGH["y0"] * 2 + 5, y=1, local=3),), pad=5),
    "y limit": Access(Picture(2, 90_000), 0, -1, 3, (Loop(700, y=128, local=3),), pad=5),
}


@pytest.mark.parametrize("access", BEYOND_THE_FIELDS.values(), ids=BEYOND_THE_FIELDS)
def test_what_is_beyond_the_fields_of_one_load_is_split(access: Access) -> None:
    memory = np.random.default_rng(7).integers(1, 255, 4 * 2**20, dtype=np.uint8)
    size = access.run + sum((loop.count - 1) * loop.local for loop in access.loops)
    assert len(list(load_fields(access))) > 1
    np.testing.assert_array_equal(loaded(access, memory, size), meant(access, memory, size))


def test_lines_that_touch_in_memory_and_in_the_target_are_one_run() -> None:
    (fields,) = load_fields(Access(Picture(64, 100), 0, 10, 64, (Loop(30, y=1, local=64),)))
    assert (fields["address"], fields["run"]) == (640, 30 * 64)
    assert "count1" not in fields


def test_runs_grow_as_far_as_the_field_allows() -> None:
    (fields,) = load_fields(Access(Picture(512, 512), 0, 0, 512, (Loop(512, y=1, local=512),)))
    assert (fields["run"], fields["count1"]) == (512 * 64, 8)


def test_a_window_outside_its_picture_reads_nothing() -> None:
    access = Access(Picture(10, 10), -5, 3, 5, (Loop(3, y=1, local=5),), pad=-3)
    assert loaded(access, np.zeros(0, np.uint8), 15).tolist() == [253] * 15


@pytest.mark.parametrize("sizes", [(24,), (4, 6), (2, 3, 4), (3, 1, 8)])
def test_boxes_cover_every_flat_range_in_order(sizes: tuple[int, ...]) -> None:
    flat = np.arange(24).reshape(sizes)
    for low in range(24):
        for high in range(low + 1, 25):
            found = [flat[tuple(slice(*side) for side in box)].reshape(-1) for box in boxes(low, high, sizes)]
            np.testing.assert_array_equal(np.concatenate(found), np.arange(low, high))
            assert len(found) <= 2 * len(sizes) - 1
