// A quantised dense layer: int8 [20, 24] by constant int8 [24, 10], bias, rescale, ReLU. docs/compiler.md follows it through the compiler.
#all = affine_map<(row, column) -> (row, column)>
func.func @main(%x: tensor<20x24xi8>) -> tensor<20x10xi8> {
  %weights = arith.constant dense<3> : tensor<24x10xi8>
  %bias = arith.constant dense<[5, -9, 14, 0, 3, 77, -31, 8, 2, -1]> : tensor<10xi32>
  %x_zero = arith.constant -4 : i32
  %w_zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<20x10xi32>
  %start = linalg.broadcast ins(%bias : tensor<10xi32>) outs(%empty : tensor<20x10xi32>) dimensions = [0]
  %sums = linalg.quantized_matmul
      ins(%x, %weights, %x_zero, %w_zero : tensor<20x24xi8>, tensor<24x10xi8>, i32, i32)
      outs(%start : tensor<20x10xi32>) -> tensor<20x10xi32>

  %multiplier = arith.constant 1518500249 : i32
  %shift = arith.constant 38 : i8
  %zero_point = arith.constant -3 : i32
  %low = arith.constant -3 : i32
  %high = arith.constant 127 : i32
  %out = tensor.empty() : tensor<20x10xi8>
  %y = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%sums : tensor<20x10xi32>) outs(%out : tensor<20x10xi8>) {
  ^bb0(%sum: i32, %unused: i8):
    %scaled = tosa.apply_scale %sum, %multiplier, %shift {rounding_mode = DOUBLE_ROUND} : (i32, i32, i8) -> i32
    %moved = arith.addi %scaled, %zero_point : i32
    %not_less = arith.maxsi %moved, %low : i32
    %not_more = arith.minsi %not_less, %high : i32
    %small = arith.trunci %not_more : i32 to i8
    linalg.yield %small : i8
  } -> tensor<20x10xi8>
  return %y : tensor<20x10xi8>
}
