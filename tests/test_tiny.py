"""Start here: a 4×4 GEMM on a 4×4 array, by hand and from end to end.

A stream of four descriptors loads two matrices, multiplies them and stores the product. It runs on the bit-exact
model and on the RTL under Verilator, through the driver that boards use as well.
"""

import numpy as np
import pytest

from hwacc import isa
from hwacc.config import TINY
from hwacc.driver.device import Device
from hwacc.stream import Slot, Stream

A = np.array([[1, -2, 3, -4], [5, 6, -7, 8], [-9, 10, 11, 12], [13, 14, 15, -128]], np.int8)
B = np.array([[1, 0, 2, -1], [0, 3, -1, 4], [127, -128, 5, 6], [-7, 8, 9, 10]], np.int8)
C = [
    [410, -422, -17, -31],
    [-940, 978, 41, 57],
    [1304, -1282, 135, 235],
    [2814, -2902, -1065, -1147],
]


def product_stream() -> Stream:
    """C = A · B. Rows of A and steps of B lie 16 bytes apart in their buffers; anything from 4 on would do.

    Each engine has its own queue: COMPUTE waits for the token that the second LOAD pushes (loads are done in order), STORE
    for the one of COMPUTE.
    """
    row = {"run": 4, "count1": 4, "stride1": 4, "local_stride1": 16}
    descriptors = (
        isa.describe(isa.LOAD, target=isa.Target.WEST, **row),
        isa.describe(isa.LOAD, target=isa.Target.NORTH, **row, signal_compute=1),
        isa.describe(isa.COMPUTE, m=4, n=4, k=4, west_stride=16, north_stride=16, west_k_contiguous=1, wait_load=1, signal_store=1),
        isa.describe(isa.STORE, n=4, count1=4, stride1=16, output=isa.Output.INT32, wait_compute=1),
    )
    slots = (Slot("a", 16), Slot("b", 16), Slot("c", 64))
    return Stream(TINY.hash, slots, descriptors, (0, 1, None, 2))


@pytest.mark.parametrize("name", ["model", "sim"])
def test_a_4x4_gemm_goes_through_the_machine(name: str) -> None:
    with Device.open(name, TINY, memory_bytes=2**20) as device:
        a, b, c = device.place(A), device.place(B), device.allocate(64)
        completion = device.run(product_stream(), [a, b, c])
        assert completion.status is isa.Status.OK
        assert c.read(np.int32, (4, 4)).tolist() == C


def test_the_expected_product_is_that_of_numpy() -> None:
    assert (A.astype(np.int32) @ B).tolist() == C
