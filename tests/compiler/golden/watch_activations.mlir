// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(mark-layers,watch-activations)' | FileCheck %s

// The model returns what it did, then its activations; weights are none.
// CHECK-LABEL: @main
// CHECK-SAME: -> (tensor<2x4xf32>, tensor<2x3xf32>)
// CHECK-SAME: hwacc.outputs = ["probabilities", "watched:fc.input"]
// CHECK: %[[Y:.*]] = linalg.matmul
// CHECK: return %[[Y]], %arg0
func.func @main(%x: tensor<2x3xf32>) -> tensor<2x4xf32> attributes {hwacc.outputs = ["probabilities"]} {
  %c = arith.constant dense<0.5> : tensor<3x4xf32> loc("fc")
  %z = arith.constant dense<0.0> : tensor<2x4xf32>
  %y = linalg.matmul ins(%x, %c : tensor<2x3xf32>, tensor<3x4xf32>) outs(%z : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// Both sides of a product of activations are watched; a layer that stays float is not.
// CHECK-LABEL: @main
// CHECK-SAME: hwacc.outputs = ["output_0", "watched:matmul_0.input", "watched:matmul_0.weights"]
func.func @main(%x: tensor<3x3xf32>, %w: tensor<3x3xf32>) -> tensor<3x3xf32> {
  %y = linalg.matmul ins(%x, %w : tensor<3x3xf32>, tensor<3x3xf32>) outs(%x : tensor<3x3xf32>) -> tensor<3x3xf32>
  %z = linalg.matmul {hwacc.float} ins(%y, %w : tensor<3x3xf32>, tensor<3x3xf32>) outs(%x : tensor<3x3xf32>) -> tensor<3x3xf32>
  return %z : tensor<3x3xf32>
}
