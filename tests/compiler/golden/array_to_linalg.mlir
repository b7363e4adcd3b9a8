// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(array-to-linalg)' | FileCheck %s

// A convolution becomes padding, bias, sum and rescale, the padding filled with pad_value.
// CHECK-LABEL: @convolution
// CHECK: linalg.broadcast ins(%{{.*}} : tensor<2xi32>)
// CHECK: tensor.pad %arg0 low[0, 1, 0, 0] high[0, 2, 1, 0]
// CHECK: arith.constant -4 : i8
// CHECK: linalg.conv_2d_nhwc_fhwc
// CHECK-SAME: tensor<1x6x4x3xi8>
// CHECK: tosa.apply_scale %{{.*}} {rounding_mode = DOUBLE_ROUND}
// CHECK: arith.constant 5 : i32
// CHECK: arith.addi
// CHECK: arith.constant -100 : i32
// CHECK: arith.maxsi
// CHECK: arith.constant 90 : i32
// CHECK: arith.minsi
// CHECK: arith.trunci
func.func @convolution(%x: tensor<1x3x3x3xi8>, %w: tensor<2x1x1x3xi8>) -> tensor<1x6x4x2xi8> {
  %b = arith.constant dense<[10, -20]> : tensor<2xi32>
  %m = arith.constant dense<[1234567890, 2000000000]> : tensor<2xi32>
  %s = arith.constant dense<38> : tensor<1xi8>
  %y = "hwacc.conv2d"(%x, %w, %b, %m, %s) {padding = array<i64: 1, 2, 0, 1>, pad_value = -4 : i32, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, input_zero_point = 0 : i32, double_round = true, zero_point = 5 : i32,
      clamp_min = -100 : i32, clamp_max = 90 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1>}
      : (tensor<1x3x3x3xi8>, tensor<2x1x1x3xi8>, tensor<2xi32>, tensor<2xi32>, tensor<1xi8>) -> tensor<1x6x4x2xi8>
  return %y : tensor<1x6x4x2xi8>
}

// -----

// A matrix product without requantisation becomes a transposed linalg.matmul onto the bias.
// CHECK-DAG: #[[A:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[B:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-LABEL: @product
// CHECK: linalg.broadcast
// CHECK: linalg.matmul indexing_maps = [#[[A]], #[[B]], #{{.*}}]
// CHECK-NOT: linalg.generic
func.func @product(%x: tensor<4x2xi8>, %w: tensor<3x2xi8>) -> tensor<4x3xi32> {
  %b = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {weights_kn = false, input_zero_point = 0 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>} : (tensor<4x2xi8>, tensor<3x2xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  return %y : tensor<4x3xi32>
}

// -----

// What is linalg already stays as it is.
// CHECK-LABEL: @upstream
// CHECK-NEXT: %[[Y:.*]] = linalg.matmul ins(%arg0, %arg1 : tensor<4x2xi8>, tensor<2x3xi8>) outs(%arg2 : tensor<4x3xi32>)
// CHECK-NEXT: return %[[Y]]
func.func @upstream(%x: tensor<4x2xi8>, %w: tensor<2x3xi8>, %c: tensor<4x3xi32>) -> tensor<4x3xi32> {
  %y = linalg.matmul ins(%x, %w : tensor<4x2xi8>, tensor<2x3xi8>) outs(%c : tensor<4x3xi32>) -> tensor<4x3xi32>
  return %y : tensor<4x3xi32>
}
