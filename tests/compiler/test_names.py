"""Task names: short, from the model, unique."""

from __future__ import annotations

import pytest

from hwacc.compiler.names import short_name, unique_names


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("model/conv2d_3/Conv2D", "conv2d_3"),
        ("model/dense/MatMul;model/dense/BiasAdd", "dense"),
        ("model/activation/Relu;model/add/add", "add"),
        (
            "model/relu/Relu;model/conv2d/BiasAdd/ReadVariableOp/resource;model/conv2d/BiasAdd;model/conv2d_9/Conv2D;model/conv2d/Conv2D1",
            "conv2d",
        ),
        ("block/stage/unit/Conv2D", "stage_unit"),
        ("layer/Conv2D", "layer"),
        ("serving default:0", "serving_default_0"),
        ("", ""),
        (";/;", ""),
    ],
)
def test_short_name_is_the_layer_named_most_often(source: str, name: str) -> None:
    assert short_name([source]) == name


def test_short_name_takes_the_first_source_that_says_something() -> None:
    assert short_name(["", ";", "model/b/Conv2D", "model/c/Conv2D"]) == "b"


def test_unique_names_number_what_repeats() -> None:
    assert unique_names(["a", "a_1", "a", "b", "a"]) == ["a", "a_1", "a_2", "b", "a_3"]
