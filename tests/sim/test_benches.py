"""The cocotb benches, as part of the test suite."""

import pytest

from hwacc.errors import InputError
from hwacc.sim import bench


@pytest.mark.parametrize("name", bench.names())
def test_every_test_of_the_bench_passes(name: str) -> None:
    results = bench.run([name])
    assert results, "the bench has tests"
    failures = [f"{result.test}: {result.failure}" for result in results if result.failure]
    assert not failures, "\n".join(failures)


def test_an_unknown_bench_is_named_beside_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"^unknown bench 'rings'; there are backpressure, compute, .*store$"):
        bench.run(["rings"])
