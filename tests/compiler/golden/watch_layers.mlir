// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(mark-layers,watch-layers,canonicalize)' | FileCheck %s

// The model returns what it did, then its layer's result and the int8 twin.
// CHECK-LABEL: @main
// CHECK-SAME: -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>)
// CHECK-SAME: hwacc.outputs = ["output_0", "watched:fc.float", "watched:fc.int8"]
// CHECK: linalg.matmul ins({{.*}} : tensor<2x3xi8>, tensor<3x4xi8>)
// CHECK: %[[INT8:[0-9]+]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<2x4xf32>)
// CHECK: %[[FLOAT:.*]] = linalg.matmul {hwacc.layer = "fc"} ins(%arg0
// CHECK: return %[[FLOAT]], %[[FLOAT]], %[[INT8]]
func.func @main(%x: tensor<2x3xf32>) -> tensor<2x4xf32> {
  %c = arith.constant dense<0.5> : tensor<3x4xf32> loc("fc")
  %z = arith.constant dense<0.0> : tensor<2x4xf32>
  %y = linalg.matmul ins(%x, %c : tensor<2x3xf32>, tensor<3x4xf32>) outs(%z : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// A layer that stays float has no twin.
// CHECK-LABEL: @main
// CHECK-SAME: -> tensor<2x4xf32>
func.func @main(%x: tensor<2x3xf32>) -> tensor<2x4xf32> {
  %c = arith.constant dense<0.5> : tensor<3x4xf32>
  %z = arith.constant dense<0.0> : tensor<2x4xf32>
  %y = linalg.matmul {hwacc.float} ins(%x, %c : tensor<2x3xf32>, tensor<3x4xf32>) outs(%z : tensor<2x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
