"""Constants survive the way into MLIR attributes and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mlir import ir
from numpy.typing import NDArray

from hwacc.compiler.constants import DTYPES, constant_array, constant_scalar, make_constant
from hwacc.compiler.context import new_context, parse_module
from hwacc.compiler.transforms.passes import walk


def through_mlir(array: NDArray[Any]) -> tuple[NDArray[Any] | None, int | float | None]:
    """The array and the scalar that the constant with the content of ``array`` holds, after printing and parsing."""
    with new_context(), ir.Location.unknown():
        module = ir.Module.create()
        with ir.InsertionPoint(module.body):
            make_constant(array)
        reread = ir.Module.parse(str(module))
        value = next(iter(reread.body.operations)).results[0]
        return constant_array(value), constant_scalar(value)


@pytest.mark.parametrize("dtype", sorted(set(DTYPES.values())))
@pytest.mark.parametrize("shape", [(3, 5), (1,), (2, 1, 400)])
def test_array_comes_back(dtype: str, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(5).integers(-120, 120, shape)
    array = (values > 0) if dtype == "bool" else values.astype(dtype)
    found, _ = through_mlir(array)
    assert found is not None and found.dtype == array.dtype and found.shape == shape
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("dtype", sorted(set(DTYPES.values()) - {"bool"}))
def test_a_repeated_number_is_a_scalar(dtype: str) -> None:
    assert through_mlir(np.full((2, 3), -7, dtype))[1] == -7
    assert through_mlir(np.array([-7, -7, 6], dtype))[1] is None


def test_a_constant_that_repeats_a_number_takes_no_memory() -> None:
    text = "func.func @f() -> tensor<1000000x1000000xi32> {\n%c = arith.constant dense<5> : tensor<1000000x1000000xi32>\n"
    text += "return %c : tensor<1000000x1000000xi32>\n}"
    with new_context(), ir.Location.unknown():
        module = parse_module(text, "input")
        value = walk(module.operation, "arith.constant")[0].results[0]
        array = constant_array(value)
        assert array is not None and array.shape == (1000000, 1000000) and constant_scalar(value) == array[7, 9] == 5
