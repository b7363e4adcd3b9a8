"""Sizes that are known only at run time: which are the same, what the buffers are, and what cannot be followed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwacc import reference
from hwacc.chain import submissions
from hwacc.compiler.compilation import Compilation
from hwacc.config import TINY
from hwacc.coordinator.sizes import SizedPrograms
from hwacc.errors import ModelError
from hwacc.program import Program
from hwacc.stream import Stream
from tests.compiler.execution import run_on_model
from tests.compiler.floats import compiled, outputs, written
from tests.compiler.models_of_any_size import PRODUCT, TWO_LAYERS


def shapes(program: Program) -> dict[str, tuple[int, ...]]:
    """Of all buffers but constants."""
    return {buffer.name: buffer.shape for buffer in program.buffers if buffer.role != "constant"}


def function(arguments: str, results: str, body: str) -> str:
    constants = "%c0 = arith.constant 0 : index\n%c1 = arith.constant 1 : index\n%c2 = arith.constant 2 : index\n"
    return f"func.func @main({arguments}) -> {results} {{\n{constants}{body}\n}}"


def test_a_product_compiles_once_and_is_exact_for_any_size(tmp_path: Path) -> None:
    program = SizedPrograms(compiled(written(tmp_path, PRODUCT)))
    assert shapes(program.program) == {"input_0": (-1, -2), "input_1": (-2, -3), "output_0": (-1, -3)}
    rng = np.random.default_rng(1)
    for m, k, n in ((1, 1, 1), (3, 50, 7), (33, 5, 20), (64, 129, 66)):
        a, b = (rng.integers(-128, 128, shape, dtype=np.int8) for shape in ((m, k), (k, n)))
        sized = program.for_shapes([a.shape, b.shape])
        (result,) = outputs(sized, a, b)
        np.testing.assert_array_equal(result, reference.gemm(a, b))
        (task,) = sized.tasks
        assert (task.shape, task.macs) == (f"{m}x{k}x{n}", m * k * n)


def test_a_batch_of_any_size_goes_through_layers_and_the_cpu_computes_the_same(tmp_path: Path) -> None:
    program = SizedPrograms(compiled(written(tmp_path, TWO_LAYERS)))
    assert shapes(program.program) == {"input_0": (-1, 6), "output_0": (-1, 3), "output_1": (-1, 5), program.program.tasks[1].name: (-1, 5)}
    rng = np.random.default_rng(2)
    for batch in (1, 2, 70):
        x = rng.integers(-128, 128, (batch, 6), dtype=np.int8)
        final, hidden = outputs(program.for_shapes([x.shape]), x)  # on the array's model and on the CPU
        assert (final.shape, hidden.shape) == ((batch, 3), (batch, 5))
    assert len(np.unique(hidden)) > 50


def test_streams_that_were_written_are_linked_like_planned_ones(tmp_path: Path) -> None:
    text = TWO_LAYERS.replace("ins(%squares, ", "ins(%q, ").replace("return %p2, %q", "return %p2, %squares")
    program = SizedPrograms(compiled(written(tmp_path, text)))
    x = np.random.default_rng(3).integers(-128, 128, (40, 6), dtype=np.int8)
    sized = program.for_shapes([x.shape])
    streams = [task.implementation("hwacc") for task in sized.tasks if task.kind == "dense"]
    assert len(streams) == 2 and len(submissions([(Stream.from_bytes(each.code), each.buffers) for each in streams])) == 1
    outputs(sized, x)


def test_what_is_added_element_by_element_has_one_size(tmp_path: Path) -> None:
    text = function("%x: tensor<?x3xf32>, %y: tensor<4x?xf32>", "tensor<?x?xf32>", "BODY").replace(
        "BODY",
        """%x2 = tensor.cast %x : tensor<?x3xf32> to tensor<?x?xf32>
        %y2 = tensor.cast %y : tensor<4x?xf32> to tensor<?x?xf32>
        %s = arith.addf %x2, %y2 : tensor<?x?xf32>
        return %s : tensor<?x?xf32>""",
    )
    assert shapes(compiled(written(tmp_path, text))) == {"input_0": (4, 3), "input_1": (4, 3), "output_0": (4, 3)}


def test_views_padding_and_slices_keep_the_sizes_that_they_do_not_touch(tmp_path: Path) -> None:
    body = """%flat = tensor.collapse_shape %x [[0, 1], [2]] : tensor<1x?x4xf32> into tensor<?x4xf32>
      %d = tensor.dim %x, %c1 : tensor<1x?x4xf32>
      %zero = arith.constant 0.0 : f32
      %wide = tensor.pad %flat low[0, 1] high[0, 2] {
      ^bb0(%i: index, %j: index):
        tensor.yield %zero : f32
      } : tensor<?x4xf32> to tensor<?x7xf32>
      %part = tensor.extract_slice %wide[0, 1] [%d, 3] [1, 1] : tensor<?x7xf32> to tensor<?x3xf32>
      %e = tensor.expand_shape %part [[0], [1, 2]] output_shape [%d, 1, 3] : tensor<?x3xf32> into tensor<?x1x3xf32>
      return %e : tensor<?x1x3xf32>"""
    program = compiled(written(tmp_path, function("%x: tensor<1x?x4xf32>", "tensor<?x1x3xf32>", body)))
    assert shapes(program)["output_0"] == (-1, 1, 3)
    x = np.arange(20, dtype=np.float32).reshape(1, 5, 4)
    ((result,),) = run_on_model(SizedPrograms(program).for_shapes([x.shape]), [[x]])
    np.testing.assert_array_equal(result.reshape(5, 3), x[0, :, :3])


def test_a_lookup_reads_the_nearest_row_of_a_table_of_any_size(tmp_path: Path) -> None:
    body = """%d = tensor.dim %i, %c0 : tensor<?xi64>
      %e = tensor.empty(%d) : tensor<?xf32>
      %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
          ins(%i : tensor<?xi64>) outs(%e : tensor<?xf32>) {
      ^bb0(%in: i64, %o: f32):
        %k = arith.index_cast %in : i64 to index
        %v = tensor.extract %t[%k] : tensor<?xf32>
        linalg.yield %v : f32
      } -> tensor<?xf32>
      return %r : tensor<?xf32>"""
    program = compiled(written(tmp_path, function("%t: tensor<?xf32>, %i: tensor<?xi64>", "tensor<?xf32>", body)))
    table, places = np.array([5, 6, 7], np.float32), np.array([1, -9, 2, 1000], np.int64)
    ((result,),) = run_on_model(SizedPrograms(program).for_shapes([(3,), (4,)]), [[table, places]])
    assert result.tolist() == [6, 5, 7, 7]


REFUSED = {
    "a size that is computed": (
        function(
            "%x: tensor<?xf32>",
            "tensor<?xf32>",
            """%d = tensor.dim %x, %c0 : tensor<?xf32>
            %twice = arith.muli %d, %c2 : index
            %one = arith.constant 1.0 : f32
            %e = tensor.empty(%twice) : tensor<?xf32>
            %f = linalg.fill ins(%one : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
            return %f : tensor<?xf32>""",
        ),
        "output_0: its size along dimension 0 is known only at run time, and does not follow from the inputs'",
    ),
    "a size that the input's content tells": (
        function(
            "%x: tensor<?xf32>, %s: tensor<2xi32>",
            "tensor<?x?xf32>",
            "%r = tensor.reshape %x(%s) : (tensor<?xf32>, tensor<2xi32>) -> tensor<?x?xf32>\nreturn %r : tensor<?x?xf32>",
        ),
        "has the type tensor<?x?xf32>: sizes that are computed when the model runs are not supported",
    ),
    "a slice that may be too long": (
        function(
            "%x: tensor<?xf32>, %y: tensor<?xf32>",
            "tensor<?xf32>",
            """%d = tensor.dim %y, %c0 : tensor<?xf32>
            %r = tensor.extract_slice %x[0] [%d] [1] : tensor<?xf32> to tensor<?xf32>
            %s = arith.negf %r : tensor<?xf32>
            return %s : tensor<?xf32>""",
        ),
        "takes a part of a dimension whose size, or the part's, is known only at run time",
    ),
    "a window": (
        function(
            "%x: tensor<1x?x1xf32>, %k: tensor<3x1x1xf32>, %y: tensor<1x?x1xf32>",
            "tensor<1x?x1xf32>",
            """%r = linalg.conv_1d_nwc_wcf ins(%x, %k : tensor<1x?x1xf32>, tensor<3x1x1xf32>)
                outs(%y : tensor<1x?x1xf32>) -> tensor<1x?x1xf32>
            return %r : tensor<1x?x1xf32>""",
        ),
        "a dimension whose size is known only at run time",
    ),
    "a divided dimension": (
        function(
            "%x: tensor<?xf32>",
            "tensor<?x4xf32>",
            """%d = tensor.dim %x, %c0 : tensor<?xf32>
            %r = tensor.expand_shape %x [[0, 1]] output_shape [%d, 4] : tensor<?xf32> into tensor<?x4xf32>
            %s = arith.negf %r : tensor<?x4xf32>
            return %s : tensor<?x4xf32>""",
        ),
        "divides a dimension whose size is known only at run time",
    ),
    "loops": (
        function(
            "%x: tensor<?xf32>",
            "tensor<?xf32>",
            """%r = scf.for %i = %c0 to %c2 step %c1 iter_args(%v = %x) -> tensor<?xf32> {
              %s = arith.addf %v, %v : tensor<?xf32>
              scf.yield %s : tensor<?xf32>
            }
            return %r : tensor<?xf32>""",
        ),
        "has the type tensor<?xf32>",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_followed_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    text, words = REFUSED[name]
    path = written(tmp_path, text)
    with pytest.raises(ModelError, match=re.escape(words)) as caught:
        compiled(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_an_array_whose_buffers_hold_no_panel_leaves_the_product_to_the_cpu(tmp_path: Path) -> None:
    config = replace(TINY, rows=64, cols=64, spm_bytes=2**14, acc_bytes=2**14)
    (task,) = Compilation(written(tmp_path, PRODUCT), config).program.tasks
    assert [code.backend for code in task.implementations] == ["cpu"]
    assert task.reason.startswith("the buffers of this array are too small for products of unknown sizes")
