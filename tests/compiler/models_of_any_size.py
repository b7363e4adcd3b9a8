"""Models with sizes that are known only at run time, as MLIR text."""

from __future__ import annotations

from pathlib import Path

PRODUCT = (Path(__file__).parents[2] / "examples" / "any_size.mlir").read_text()
"""int8 [M][K] by [K][N]."""

TWO_LAYERS = """
#same = affine_map<(i, j) -> (i, j)>
#channel = affine_map<(i, j) -> (j)>
func.func @main(%x: tensor<?x6xi8>) -> (tensor<?x3xi32>, tensor<?x5xi8>) {
  %c0 = arith.constant 0 : index
  %w1 = arith.constant dense<[[1, -2, 3, -4, 5], [6, 7, -8, 9, 10], [-11, 12, 13, 14, -15],
                              [1, 2, 3, 4, 5], [-6, 7, 8, -9, 10], [11, 12, -13, 14, 15]]> : tensor<6x5xi8>
  %bias = arith.constant dense<[100, -200, 300, -400, 500]> : tensor<5xi32>
  %w2 = arith.constant dense<[[1, 2, -3], [4, -5, 6], [7, 8, 9], [-1, 2, 3], [4, 5, -6]]> : tensor<5x3xi8>
  %multiplier = arith.constant dense<[1518500249, 1073741824, 2000000000, 1234567890, 1999999999]> : tensor<5xi32>
  %shift = arith.constant dense<[35, 34, 36, 35, 34]> : tensor<5xi8>
  %zero = arith.constant 0 : i32
  %low = arith.constant -128 : i32
  %high = arith.constant 127 : i32
  %m = tensor.dim %x, %c0 : tensor<?x6xi8>
  %e1 = tensor.empty(%m) : tensor<?x5xi32>
  %s1 = linalg.broadcast ins(%bias : tensor<5xi32>) outs(%e1 : tensor<?x5xi32>) dimensions = [0]
  %p1 = linalg.matmul ins(%x, %w1 : tensor<?x6xi8>, tensor<6x5xi8>) outs(%s1 : tensor<?x5xi32>) -> tensor<?x5xi32>
  %e2 = tensor.empty(%m) : tensor<?x5xi8>
  %q = linalg.generic {indexing_maps = [#same, #channel, #channel, #same], iterator_types = ["parallel", "parallel"]}
      ins(%p1, %multiplier, %shift : tensor<?x5xi32>, tensor<5xi32>, tensor<5xi8>) outs(%e2 : tensor<?x5xi8>) {
  ^bb0(%v: i32, %by: i32, %down: i8, %out: i8):
    %scaled = tosa.apply_scale %v, %by, %down {rounding_mode = DOUBLE_ROUND} : (i32, i32, i8) -> i32
    %not_below = arith.maxsi %scaled, %low : i32
    %not_above = arith.minsi %not_below, %high : i32
    %byte = arith.trunci %not_above : i32 to i8
    linalg.yield %byte : i8
  } -> tensor<?x5xi8>
  %d = tensor.dim %q, %c0 : tensor<?x5xi8>
  %e3 = tensor.empty(%d) : tensor<?x5xi8>
  %squares = linalg.generic {indexing_maps = [#same, #same], iterator_types = ["parallel", "parallel"]}
      ins(%q : tensor<?x5xi8>) outs(%e3 : tensor<?x5xi8>) {
  ^bb0(%v: i8, %out: i8):
    %square = arith.muli %v, %v : i8
    linalg.yield %square : i8
  } -> tensor<?x5xi8>
  %e4 = tensor.empty(%m) : tensor<?x3xi32>
  %s2 = linalg.fill ins(%zero : i32) outs(%e4 : tensor<?x3xi32>) -> tensor<?x3xi32>
  %p2 = linalg.matmul ins(%squares, %w2 : tensor<?x5xi8>, tensor<5x3xi8>) outs(%s2 : tensor<?x3xi32>) -> tensor<?x3xi32>
  return %p2, %q : tensor<?x3xi32>, tensor<?x5xi8>
}
"""
"""A batch of any size through two layers: requantised for each channel, squared on the CPU, int32."""
