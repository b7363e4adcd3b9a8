// Three products in a row, with a step of the CPU between each two. docs/compiler.md shows where their results lie in memory.
#all = affine_map<(row, column) -> (row, column)>
func.func @main(%x: tensor<20x24xi8>) -> tensor<20x16xi32> {
  %w0 = arith.constant dense<3> : tensor<24x32xi8>
  %w1 = arith.constant dense<-2> : tensor<32x24xi8>
  %w2 = arith.constant dense<5> : tensor<24x16xi8>
  %zero = arith.constant 0 : i32
  %low = arith.constant -128 : i32
  %high = arith.constant 127 : i32

  %e0 = tensor.empty() : tensor<20x32xi32>
  %z0 = linalg.fill ins(%zero : i32) outs(%e0 : tensor<20x32xi32>) -> tensor<20x32xi32>
  %y0 = linalg.matmul ins(%x, %w0 : tensor<20x24xi8>, tensor<24x32xi8>) outs(%z0 : tensor<20x32xi32>) -> tensor<20x32xi32>
  %f0 = tensor.empty() : tensor<20x32xi8>
  %n0 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y0 : tensor<20x32xi32>) outs(%f0 : tensor<20x32xi8>) {
  ^bb0(%in: i32, %out: i8):
    %0 = arith.maxsi %in, %low : i32
    %1 = arith.minsi %0, %high : i32
    %2 = arith.trunci %1 : i32 to i8
    linalg.yield %2 : i8
  } -> tensor<20x32xi8>

  %e1 = tensor.empty() : tensor<20x24xi32>
  %z1 = linalg.fill ins(%zero : i32) outs(%e1 : tensor<20x24xi32>) -> tensor<20x24xi32>
  %y1 = linalg.matmul ins(%n0, %w1 : tensor<20x32xi8>, tensor<32x24xi8>) outs(%z1 : tensor<20x24xi32>) -> tensor<20x24xi32>
  %f1 = tensor.empty() : tensor<20x24xi8>
  %n1 = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y1 : tensor<20x24xi32>) outs(%f1 : tensor<20x24xi8>) {
  ^bb0(%in: i32, %out: i8):
    %0 = arith.maxsi %in, %low : i32
    %1 = arith.minsi %0, %high : i32
    %2 = arith.trunci %1 : i32 to i8
    linalg.yield %2 : i8
  } -> tensor<20x24xi8>

  %e2 = tensor.empty() : tensor<20x16xi32>
  %z2 = linalg.fill ins(%zero : i32) outs(%e2 : tensor<20x16xi32>) -> tensor<20x16xi32>
  %y2 = linalg.matmul ins(%n1, %w2 : tensor<20x24xi8>, tensor<24x16xi8>) outs(%z2 : tensor<20x16xi32>) -> tensor<20x16xi32>
  return %y2 : tensor<20x16xi32>
}
