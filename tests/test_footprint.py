"""Footprints against the bytes themselves."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwacc import isa
from hwacc.config import TINY
from hwacc.footprint import MEMORY, Access, Moment, accesses, apart, comb, signed_address, touched
from hwacc.parts import parts
from tests.fuzz.streams import random_steps
from tests.rtl.load_model import random_job, runs


def test_the_interval_of_a_load_ends_at_its_first_and_last_byte() -> None:
    for seed in range(2000):
        job = random_job(random.Random(seed), TINY, 4096)
        found = accesses(job, TINY)
        for access in found:
            bytes_ = touched(job, access, TINY)
            assert bytes_ is not None and (bytes_[0], bytes_[-1] + 1) == (access.low, access.high), f"seed {seed}: {job}"
        if len(found) == 1:
            nothing = touched(job, Access(MEMORY, 0, 0, False, Moment.DONE), TINY)
            assert nothing is not None and not nothing.size, f"seed {seed}: {job} reads memory"


def test_an_aligned_load_counts_as_touching_what_it_touches_in_any_place_that_its_buffer_may_have() -> None:
    aligned = 0
    for seed in range(400):
        job = random_job(random.Random(seed), TINY, 4096).replace(signal_each=seed % 2)
        for part in () if job["bounded"] else parts(job):
            found: dict[int, set[int]] = {MEMORY: set(), job["target"]: set()}
            for base in range(TINY.bus_bytes):
                for run in runs(part):
                    moved = replace(run, address=run.address + base).written(job["run"], TINY.bus_bytes)
                    found[MEMORY].update(signed_address(part) + run.address - part["address"] + i for i in moved)
                    found[job["target"]].update(run.local + i for i in moved)
            aligned += part["align_start"] or part["align_end"]
            for access in accesses(part, TINY):
                assert every_byte(part, access).tolist() == sorted(found[access.space]), f"seed {seed}: {part.values}"
    assert aligned > 100


def test_neighbouring_slices_meet_in_the_bytes_behind_the_cut_alone() -> None:
    """So the second one may be loaded while a COMPUTE reads the first."""
    first = isa.describe(isa.LOAD, run=40, count1=5, stride1=229, local_stride1=229, align_end=1)
    second = first.replace(address=40, local=40, align_start=1, align_end=0)
    target, memory = accesses(first, TINY)
    assert (target.low, target.high) == (memory.low, memory.high) == (0, 4 * 229 + 40 + TINY.bus_bytes - 1)
    written = [set(every_byte(load, accesses(load, TINY)[0]).tolist()) for load in (first, second)]
    assert written[0] & written[1] == {229 * row + byte for row in range(5) for byte in range(40, 40 + TINY.bus_bytes - 1)}
    product = isa.describe(isa.COMPUTE, m=5, n=1, k=40, west_k_contiguous=1, west_stride=229)
    west = accesses(product, TINY)[0]
    assert apart(comb(product, west, TINY), comb(second, accesses(second, TINY)[0], TINY))


def test_intervals_of_other_descriptors_end_at_their_first_and_last_byte() -> None:
    for seed in range(20):
        for step in random_steps(TINY, random.Random(seed), 30):
            for part in parts(step.descriptor):
                for access in accesses(part, TINY):
                    bytes_ = touched(part, access, TINY)
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


def test_columns_of_a_panel_are_told_apart() -> None:
    """So one piece is stored while a COMPUTE works on the next."""
    places = [(first, tiles) for first in range(4) for tiles in range(1, 5 - first)]
    for (first, tiles), (begin, count) in itertools.product(places, places):
        compute = isa.describe(isa.COMPUTE, m=5, n=4 * tiles, k=1, acc=7 + first, acc_stride=4)
        store = isa.describe(isa.STORE, n=4 * count - 3, count1=5, acc=7 + begin, acc_stride=4)
        written, read = accesses(compute, TINY)[-1], accesses(store, TINY)[0]
        disjoint = first + tiles <= begin or begin + count <= first
        assert apart(comb(compute, written, TINY), comb(store, read, TINY)) == disjoint
        mine, others = ({byte // 16 for byte in every_byte(*found).tolist()} for found in ((compute, written), (store, read)))
        assert mine == {7 + first + 4 * row + tile for row in range(5) for tile in range(tiles)}
        assert others == {7 + begin + 4 * row + tile for row in range(5) for tile in range(count)}
        for access, words in ((written, mine), (read, others)):
            assert (access.low, access.high) == (16 * min(words), 16 * (max(words) + 1))


def test_end_touches_nothing() -> None:
    assert accesses(isa.describe(isa.END), TINY) == []


def every_byte(descriptor: isa.Descriptor, access: Access) -> NDArray[np.int64]:
    found = touched(descriptor, access, TINY)
    return np.arange(access.low, access.high) if found is None else found


def test_combs_hold_every_byte_and_pass_between_one_another_only_where_no_byte_is_shared() -> None:
    seen = {True: 0, False: 0}
    for seed in range(80):
        steps = random_steps(TINY, random.Random(seed), 12)[len(isa.Target) :]
        found = [(part, access) for step in steps for part in parts(step.descriptor) for access in accesses(part, TINY)]
        for i, (one, mine) in enumerate(found):
            first, pitch, length = comb(one, mine, TINY)
            offsets = every_byte(one, mine) - first
            assert ((offsets % pitch if pitch else offsets) < length).all(), f"seed {seed}: {mine} of {one.values}"
            for other, theirs in found[:i]:
                if mine.space == theirs.space and mine.low < theirs.high and theirs.low < mine.high:
                    passes = apart(comb(one, mine, TINY), comb(other, theirs, TINY))
                    seen[passes] += 1
                    shared = passes and np.intersect1d(every_byte(one, mine), every_byte(other, theirs)).size
                    assert not shared, f"seed {seed}: {one.values} and {other.values}"
    assert min(seen.values()) > 50, seen


def test_slices_of_k_pass_between_one_another() -> None:
    slices = isa.describe(isa.LOAD, run=8, count1=5, stride1=64, local_stride1=64, count4=8, stride4=8, local_stride4=8, signal_each=1)
    combs = [comb(part, access, TINY) for part in parts(slices) for access in accesses(part, TINY) if access.space == isa.Target.WEST]
    assert all(apart(one, other) == (one != other) for one in combs for other in combs)
