"""Footprints against the bytes themselves."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from hwacc import isa
from hwacc.config import TINY
from hwacc.footprint import MEMORY, Access, Moment, accesses, apart, comb, touched
from hwacc.parts import parts
from tests.fuzz.streams import random_steps
from tests.rtl.load_model import random_job


def test_the_interval_of_a_load_ends_at_its_first_and_last_byte() -> None:
    for seed in range(2000):
        job = random_job(random.Random(seed), TINY, 4096)
        found = accesses(job, TINY)
        for access in found:
            bytes_ = touched(job, access)
            assert bytes_ is not None and (bytes_[0], bytes_[-1] + 1) == (access.low, access.high), f"seed {seed}: {job}"
        if len(found) == 1:
            nothing = touched(job, Access(MEMORY, 0, 0, False, Moment.DONE))
            assert nothing is not None and not nothing.size, f"seed {seed}: {job} reads memory"


def test_intervals_of_other_descriptors_end_at_their_first_and_last_byte() -> None:
    for seed in range(20):
        for step in random_steps(TINY, random.Random(seed), 30):
            for part in parts(step.descriptor):
                for access in accesses(part, TINY):
                    bytes_ = touched(part, access)
                    assert bytes_ is None or (bytes_[0], bytes_[-1] + 1) == (access.low, access.high), f"seed {seed}: {part}"


def test_operands_are_read_sooner_than_results_are_done() -> None:
    compute = isa.describe(isa.COMPUTE, m=5, n=6, k=17, west=3, west_stride=20, north=9, north_stride=7, acc=7, addend=2, bias=1)
    compute = compute.replace(west_k_contiguous=1)
    assert accesses(compute, TINY) == [
        Access(isa.Target.WEST, 3, 3 + 4 * 20 + 17, False, Moment.READ),
        Access(isa.Target.NORTH, 9, 9 + 16 * 7 + 6, False, Moment.READ),
        Access(isa.Target.ACCUMULATOR, 112, 112 + 10 * 16, True, Moment.DONE),
        Access(isa.Target.ACCUMULATOR, 16, 48, False, Moment.DONE),
    ]


def test_end_touches_nothing() -> None:
    assert accesses(isa.describe(isa.END), TINY) == []


def every_byte(descriptor: isa.Descriptor, access: Access) -> NDArray[np.int64]:
    found = touched(descriptor, access)
    return np.arange(access.low, access.high) if found is None else found


def test_combs_hold_every_byte_and_pass_between_one_another_only_where_no_byte_is_shared() -> None:
    seen = {True: 0, False: 0}
    for seed in range(80):
        steps = random_steps(TINY, random.Random(seed), 12)[len(isa.Target) :]
        found = [(part, access) for step in steps for part in parts(step.descriptor) for access in accesses(part, TINY)]
        for i, (one, mine) in enumerate(found):
            first, pitch, length = comb(one, mine)
            offsets = every_byte(one, mine) - first
            assert ((offsets % pitch if pitch else offsets) < length).all(), f"seed {seed}: {mine} of {one.values}"
            for other, theirs in found[:i]:
                if mine.space == theirs.space and mine.low < theirs.high and theirs.low < mine.high:
                    passes = apart(comb(one, mine), comb(other, theirs))
                    seen[passes] += 1
                    shared = passes and np.intersect1d(every_byte(one, mine), every_byte(other, theirs)).size
                    assert not shared, f"seed {seed}: {one.values} and {other.values}"
    assert min(seen.values()) > 50, seen


def test_slices_of_k_pass_between_one_another() -> None:
    slices = isa.describe(isa.LOAD, run=8, count1=5, stride1=64, local_stride1=64, count4=8, stride4=8, local_stride4=8, signal_each=1)
    combs = [comb(part, access) for part in parts(slices) for access in accesses(part, TINY) if access.space == isa.Target.WEST]
    assert all(apart(one, other) == (one != other) for one in combs for other in combs)
