"""Programs by their CPU code alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.options import Options
from hwacc.config import TINY
from hwacc.coordinator.host_program import HostProgram
from hwacc.errors import ProgramError
from tests.coordinator.programs import scale_and_copy

TEXT = """
func.func @main(%x: tensor<2xf32>, %y: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) attributes {hwacc.outputs = ["sum", "difference"]} {
  %e = tensor.empty() : tensor<2xf32>
  %s = linalg.add ins(%x, %y : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  %d = linalg.sub ins(%x, %y : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  return %s, %d : tensor<2xf32>, tensor<2xf32>
}
"""


def test_outputs_come_in_order_with_their_names_and_are_copies(tmp_path: Path) -> None:
    (tmp_path / "model.mlir").write_text(TEXT)
    host = HostProgram(Compilation(tmp_path / "model.mlir", TINY, Options(backends=("cpu",))).program)
    assert host.names == ["sum", "difference"]
    x, y = np.array([3, 4], np.float32), np.array([1, 5], np.float32)
    first = host.run([x, y])
    host.run([y, y])
    np.testing.assert_array_equal(first, [x + y, x - y])


def test_a_task_without_cpu_code_is_named() -> None:
    with pytest.raises(ProgramError, match="task copy has no implementation for 'cpu'"):
        HostProgram(scale_and_copy())
