// RUN: hwacc opt %s --split-input-file --pass-pipeline='builtin.module(fold-zero-points,canonicalize)' | FileCheck %s

// The bias loses zero point times sum of weights: 10 - (-4)(1+2+3) = 34, -20 - (-4)(-7+0+5) = -28.
// CHECK-LABEL: @convolution
// CHECK: %[[BIAS:.*]] = arith.constant dense<[34, -28]> : tensor<2xi32>
// CHECK: "hwacc.conv2d"(%{{.*}}, %{{.*}}, %[[BIAS]])
// CHECK-SAME: input_zero_point = 0 : i32
// CHECK-SAME: pad_value = -4 : i32
func.func @convolution(%x: tensor<1x3x3x3xi8>) -> tensor<1x5x5x2xi32> {
  %w = arith.constant dense<[[[[1, 2, 3]]], [[[-7, 0, 5]]]]> : tensor<2x1x1x3xi8>
  %b = arith.constant dense<[10, -20]> : tensor<2xi32>
  %y = "hwacc.conv2d"(%x, %w, %b) {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, padding = array<i64: 1, 1, 1, 1>,
      pad_value = -4 : i32, input_zero_point = -4 : i32, double_round = false, zero_point = 0 : i32, clamp_min = -128 : i32,
      clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}
      : (tensor<1x3x3x3xi8>, tensor<2x1x1x3xi8>, tensor<2xi32>) -> tensor<1x5x5x2xi32>
  return %y : tensor<1x5x5x2xi32>
}

// -----

// In a matrix product with [K, N] weights the sums run down the columns: 1 - 3(1+4), 2 - 3(2+5), 3 - 3(3-6).
// CHECK-LABEL: @product
// CHECK: arith.constant dense<[-14, -19, 12]> : tensor<3xi32>
func.func @product(%x: tensor<4x2xi8>) -> tensor<4x3xi32> {
  %w = arith.constant dense<[[1, 2, 3], [4, 5, -6]]> : tensor<2x3xi8>
  %b = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = true, input_zero_point = 3 : i32, double_round = false, zero_point = 0 : i32,
      clamp_min = -128 : i32, clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}
      : (tensor<4x2xi8>, tensor<2x3xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  return %y : tensor<4x3xi32>
}

// -----

// Weights that are not constant keep the zero point: what it adds is not known yet.
// CHECK-LABEL: @dynamic_weights
// CHECK: "hwacc.gemm"(%arg0, %arg1,
// CHECK-SAME: input_zero_point = 3 : i32
func.func @dynamic_weights(%x: tensor<4x2xi8>, %w: tensor<2x3xi8>) -> tensor<4x3xi32> {
  %b = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %y = "hwacc.gemm"(%x, %w, %b) {input_km = false, weights_kn = true, input_zero_point = 3 : i32, double_round = false, zero_point = 0 : i32,
      clamp_min = -128 : i32, clamp_max = 127 : i32, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0>}
      : (tensor<4x2xi8>, tensor<2x3xi8>, tensor<3xi32>) -> tensor<4x3xi32>
  return %y : tensor<4x3xi32>
}
