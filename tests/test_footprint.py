"""Footprints against the bytes themselves."""

from __future__ import annotations

import random

from hwacc import isa
from hwacc.config import TINY
from hwacc.footprint import MEMORY, Access, Moment, accesses, touched
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
