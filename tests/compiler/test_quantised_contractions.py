"""Random float contractions and convolutions in int8, held against NumPy: the error is no larger than rounding explains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwacc.compiler.compilation import Compilation
from hwacc.compiler.options import Options
from hwacc.compiler.quantisation import Quantisation
from hwacc.config import TINY
from tests.compiler.execution import run_on_cpu
from tests.compiler.floats import written

Floats = NDArray[np.float32]


def run(text: str, folder: Path, *inputs: Floats, ranges: dict[str, tuple[float, float]] | None = None) -> Floats:
    """The only output of MLIR text, quantised; every contraction in it must have been."""
    program = Compilation(written(folder, text), TINY, Options(backends=("cpu",), quantisation=Quantisation(ranges or {}))).program
    assert any(buffer.dtype == "int8" for buffer in program.buffers)
    ((result,),) = run_on_cpu(program, [list(inputs)])
    return np.asarray(result)


def type_of(array: Floats) -> str:
    return f"tensor<{''.join(f'{size}x' for size in array.shape)}f32>"


def constant(name: str, array: Floats) -> str:
    return f'%{name} = arith.constant dense<"0x{array.tobytes().hex()}"> : {type_of(array)}'


def bound(x: Floats, w: Floats, subscripts: str) -> Floats:
    """What rounding can change in sums of products: half a step of one times the other, for both, with some room.

    A row's step is at most its extent by 255, or twice its largest magnitude by 254; over whole tensors that is an upper bound.
    """
    step_x, step_w = 2 * np.abs(x).max() / 254, 2 * np.abs(w).max() / 254
    ones = np.ones_like
    sums = step_x * np.einsum(subscripts, ones(x), np.abs(w)) + step_w * np.einsum(subscripts, np.abs(x), ones(w))
    return np.asarray(0.55 * sums + step_x * step_w * np.einsum(subscripts, ones(x), ones(w)) + 1e-5, np.float32)


@pytest.mark.parametrize("seed", range(30))
def test_a_contraction_of_any_dimensions_in_any_order(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    counts = {"batch": rng.integers(0, 3), "m": rng.integers(0, 3), "n": rng.integers(0, 3), "k": rng.integers(1, 3)}
    letters = iter("abcdefgh")
    loops = {group: [next(letters) for _ in range(count)] for group, count in counts.items()}
    sizes = {loop: int(rng.integers(1, 5)) for group in loops.values() for loop in group}
    left, right, out = (
        "".join(rng.permutation([loop for group in groups for loop in loops[group]]))
        for groups in (("batch", "m", "k"), ("batch", "k", "n"), ("batch", "m", "n"))
    )
    x, w, start = (rng.normal(rng.normal(), 1, [sizes[loop] for loop in order]).astype(np.float32) for order in (left, right, out))
    reductions = ["reduction" if loop in loops["k"] else "parallel" for loop in sizes]
    maps = [f"affine_map<({', '.join(sizes)}) -> ({', '.join(order)})>" for order in (left, right, out)]
    fixed = ["x", "w"][rng.integers(0, 2)] if rng.random() < 0.5 else ""
    arguments = [f"%{name}: {type_of(array)}" for name, array in (("x", x), ("w", w), ("start", start)) if name != fixed]
    text = f"""
func.func @main({", ".join(arguments)}) -> {type_of(start)} {{
  {constant(fixed, x if fixed == "x" else w) if fixed else ""}
  %y = linalg.generic {{indexing_maps = [{", ".join(maps)}], iterator_types = [{", ".join(f'"{kind}"' for kind in reductions)}]}}
      ins(%x, %w : {type_of(x)}, {type_of(w)}) outs(%start : {type_of(start)}) {{
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  }} -> {type_of(start)}
  return %y : {type_of(start)}
}}"""
    inputs = [array for name, array in (("x", x), ("w", w), ("start", start)) if name != fixed]
    known = {"generic_0.input": (float(x.min()), float(x.max())), "generic_0.weights": (float(w.min()), float(w.max()))}
    for ranges in ({}, known):
        found = run(text, tmp_path, *inputs, ranges=ranges)
        subscripts = f"{left},{right}->{out}"
        assert (np.abs(found - start - np.einsum(subscripts, x, w)) <= bound(x, w, subscripts)).all(), subscripts


LAYOUTS = {
    "conv_1d_nwc_wcf": ("nwc", "wcf", "nwf"),
    "conv_1d_ncw_fcw": ("ncw", "fcw", "nfw"),
    "conv_2d_nhwc_hwcf": ("nhwc", "hwcf", "nhwf"),
    "conv_2d_nhwc_fhwc": ("nhwc", "fhwc", "nhwf"),
    "conv_2d_nchw_fchw": ("nchw", "fchw", "nfhw"),
}


def windows(picture: Floats, layout: str, kernel: dict[str, int], stride: list[int], dilation: list[int]) -> tuple[Floats, str]:
    """The picture's windows: its dimensions, then those of the kernel in capitals; and their letters."""
    axes = [layout.index(letter) for letter in kernel]
    reach = [(size - 1) * step + 1 for size, step in zip(kernel.values(), dilation)]
    view = np.lib.stride_tricks.sliding_window_view(picture, reach, axes)  # type: ignore[call-overload]
    picked: list[Any] = [slice(None)] * view.ndim
    for position, axis in enumerate(axes):
        picked[axis] = slice(None, None, stride[position])
        picked[picture.ndim + position] = slice(None, None, dilation[position])
    return view[tuple(picked)], layout + "".join(kernel).upper()


@pytest.mark.parametrize("seed", range(20))
def test_a_convolution_of_any_layout(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    name = list(LAYOUTS)[seed % len(LAYOUTS)]
    image, taps, out = LAYOUTS[name]
    spatial = [letter for letter in "hw" if letter in image]
    kernel = {letter: int(rng.integers(1, 4)) for letter in spatial}
    stride, dilation = ([int(v) for v in rng.integers(1, 3, len(spatial))] for _ in range(2))
    sizes = {"n": int(rng.integers(1, 3)), "c": int(rng.integers(1, 5)), **{letter: int(rng.integers(7, 12)) for letter in spatial}}
    padding = {letter: [int(v) for v in rng.integers(0, 3, 2)] if letter in spatial else [0, 0] for letter in image}
    x = rng.normal(rng.normal(), 1, [sizes[letter] for letter in image]).astype(np.float32)
    w = rng.normal(0, 1, [{**sizes, **kernel, "f": 3}[letter] for letter in taps]).astype(np.float32)
    padded = np.pad(x, [padding[letter] for letter in image])
    seen, letters = windows(padded, image, kernel, stride, dilation)
    subscripts = f"{letters},{taps.translate(str.maketrans('hw', 'HW'))}->{out}"
    right = np.einsum(subscripts, seen, w).astype(np.float32)
    low, high = (", ".join(str(padding[letter][end]) for letter in image) for end in (0, 1))
    steps = ", ".join(
        f"{key} = dense<{values}> : tensor<{len(values)}xi64>" for key, values in (("strides", stride), ("dilations", dilation))
    )
    text = f"""
func.func @main(%x: {type_of(x)}) -> {type_of(right)} {{
  {constant("w", w)}
  %zero = arith.constant 0.0 : f32
  %zeros = arith.constant dense<0.0> : {type_of(right)}
  %p = tensor.pad %x low[{low}] high[{high}] {{
  ^bb0({", ".join(f"%i{axis}: index" for axis in range(x.ndim))}):
    tensor.yield %zero : f32
  }} : {type_of(x)} to {type_of(padded)}
  %y = linalg.{name} {{{steps}}} ins(%p, %w : {type_of(padded)}, {type_of(w)}) outs(%zeros : {type_of(right)}) -> {type_of(right)}
  return %y : {type_of(right)}
}}"""
    for ranges in ({}, {f"{name}_0.input": (float(x.min()), float(x.max()))}):
        found = run(text, tmp_path, x, ranges=ranges)
        assert (np.abs(found - right) <= bound(seen, w, subscripts)).all(), text
