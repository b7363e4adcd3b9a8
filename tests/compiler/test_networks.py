"""Random networks: whatever the graph, the tasks give what the interpreter gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.options import Options
from hwacc.config import TINY
from tests.compiler.execution import assert_exact, random_sets, run_on_cpu, run_on_model
from tests.compiler.tflite_models import RELU, ModelBuilder

SHAPE = (1, 5, 4, 3)
QUANTISATION = (0.3, -17)


def random_network(seed: int) -> bytes:
    """Convolutions, depthwise convolutions, additions and products, each of random earlier tensors; several outputs."""
    model = ModelBuilder(seed)
    choose = model.random
    inputs = [model.tensor(SHAPE, "int8", *QUANTISATION) for _ in range(2)]
    tensors = list(inputs)
    for _ in range(int(choose.integers(4, 10))):
        source, other = (tensors[int(choose.integers(max(0, len(tensors) - 4), len(tensors)))] for _ in range(2))
        kind = choose.choice(["conv", "conv", "depthwise", "add", "mul"])
        if kind == "conv":
            tensors.append(model.conv2d(source, SHAPE, (3, 1)))
        elif kind == "depthwise":
            tensors.append(model.conv2d(source, SHAPE, (2, 2), depthwise=1))
        else:
            result = model.tensor(SHAPE, "int8", *QUANTISATION)
            options = ("AddOptions", {"fusedActivationFunction": RELU}) if kind == "add" else ("MulOptions", {})
            model.operator(kind.upper(), [source, other], [result], options)
            tensors.append(result)
    count = int(choose.integers(1, 4))
    return model.build(inputs, [int(index) for index in tensors[-count:]])


@pytest.mark.parametrize("seed", range(8))
def test_random_network_is_exact(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "network.tflite"
    path.write_bytes(random_network(seed))
    program = Compilation(path, TINY, Options(backends=("hwacc", "cpu"))).program
    sets = random_sets(program, 2, seed)
    assert_exact(path, sets, run_on_cpu(program, sets))
    assert_exact(path, sets, run_on_model(program, sets))
    assert all(not np.array_equal(*pair) for pair in zip(*run_on_cpu(program, sets))), "both inputs give the same: nothing was tested"
